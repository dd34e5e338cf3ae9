//! The verbs: they compose the stages. Beside [`crate::arrow_kernels`], this is the only module that does.
//!
//! ```text
//! pack dedup filter normalize books tokenizer tokenizer_report inspect plan sample pick   one file for each verb
//! filter_stage near_dedup decontaminate duplicates hold_out memory                   what several verbs share
//! stream/   one pass over documents, in parallel, with results in the order of the input
//! resume/   the journal that lets a killed run continue; shards
//! output/   files that appear whole or not at all; rejects and decisions
//! ```

pub mod books;
mod decontaminate;
pub mod dedup;
mod duplicates;
#[cfg(test)]
mod fault_tests;
pub mod filter;
mod filter_stage;
mod hold_out;
pub mod inspect;
mod memory;
mod near_dedup;
pub mod normalize;
mod output;
pub mod pack;
mod parts;
pub mod pick;
pub mod plan;
mod resume;
pub mod sample;
pub mod split;
mod stream;
pub mod tokenizer;
pub mod tokenizer_report;
mod vocabulary;

pub use duplicates::Duplicates;
pub use filter_stage::{Diacritics, FilterReport, FilterStage};
pub use near_dedup::{Options as NearOptions, ShardReport};
pub use output::write_atomic;
pub use parts::{Step, StepReport, step};
pub use resume::Shard;
pub use stream::{Options as StreamOptions, StreamReport};
