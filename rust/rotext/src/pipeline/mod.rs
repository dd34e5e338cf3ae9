//! The only module that composes the stages.

pub mod feed;
pub mod normalize;
pub mod ordered;
pub mod pack;
pub mod report;
pub mod tokenizer;
