//! Romanian text for language models: read, repair, deduplicate, tokenize, pack.
//!
//! Pure Rust, no Python. Each stage is a module that knows [`document`], [`error`] and [`progress`] and no
//! other stage; only [`pipeline`] composes them. The Python binding lives in `rust/rotext-py`.

pub mod arrow_kernels;
pub mod books;
pub mod bpe;
pub mod dedup;
pub mod document;
pub mod error;
pub mod filter;
pub mod ledger;
pub mod normalize;
pub mod pack;
pub mod pipeline;
pub mod progress;
pub mod reader;
