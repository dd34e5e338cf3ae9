//! The only module that composes the stages.

pub mod books;
pub mod dedup;
mod evaluation;
pub mod feed;
mod files;
pub mod filter;
mod hold_out;
pub mod inspect;
pub mod normalize;
mod ordered;
pub mod pack;
pub mod plan;
pub mod report;
pub mod tokenizer;
