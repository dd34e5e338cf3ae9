//! The only module that composes the stages.

pub mod feed;
mod files;
pub mod inspect;
pub mod normalize;
mod ordered;
pub mod pack;
pub mod report;
pub mod tokenizer;
