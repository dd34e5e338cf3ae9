//! The only module that composes the stages.

mod annotation;
pub mod books;
mod bytes;
pub mod dedup;
mod duplicates;
mod encoded;
mod evaluation;
pub mod feed;
mod files;
pub mod filter;
pub mod filtering;
mod frame;
pub mod head;
mod hold_out;
pub mod inspect;
mod journal;
pub mod kernels;
mod left_out;
pub mod normalize;
mod ordered;
pub mod pack;
pub mod pick;
pub mod plan;
mod records;
pub mod report;
mod shard;
pub mod tokenizer;

pub use duplicates::Duplicates;
pub use shard::Shard;
