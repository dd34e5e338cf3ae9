//! `pack` in steps, each on as many machines as there are shards.
//!
//! ```text
//! judge   shard I of N   reads its part, judges and signs it                  OUT.shards/I-of-N/
//! decide  one machine    which documents are removed, from the N journals     OUT.shards/decisions
//! count   shard I of N   counts the words of the documents that are kept      OUT.shards/count/I-of-N
//! train   one machine    trains the tokenizer on the sums                     OUT.shards/tokenizer-HASH
//! encode  shard I of N   encodes the documents that are kept                  OUT.shards/encode/I-of-N
//! finish  one machine    joins the tokens in order                            OUT
//! ```
//!
//! A shard reads the same units in all steps. Each file of a step has the hash of what determines it: a file of other inputs, options
//! or decisions is a missing file. A step that reads text compares the hash of each chunk with the journal, so the text that was
//! encoded is the text that was judged. `finish` reads no input.
//!
//! ```text
//! run.rs          the run that the steps belong to, and what decides whether a file belongs to it
//! judged.rs       what a shard notes when it has judged its part
//! record_file.rs  a file of checksummed records that appears whole
//! decisions.rs    the file of decisions
//! decide.rs, count.rs, encode.rs, finish.rs   the steps
//! prepared.rs     a chunk whose documents are encoded, as bytes
//! task.rs         the shard of a step: its part, its decisions
//! ```

mod count;
mod decide;
mod decisions;
mod encode;
mod finish;
mod judged;
mod prepared;
mod record_file;
mod run;
mod task;

pub(super) use decisions::Decisions;
pub(super) use finish::finish_known;
pub(super) use judged::Judged;
pub(super) use run::Run;

use std::path::PathBuf;

use serde::Serialize;

use super::near_dedup::ShardReport;
use super::pack::{self, Options};
use super::resume::Shard;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// A step of `pack` that runs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Judge and sign the documents of a shard.
    Judge,
    /// Decide which documents are removed.
    Decide,
    /// Count the words of a shard.
    Count,
    /// Train the tokenizer.
    Train,
    /// Encode the documents of a shard.
    Encode,
    /// Join everything to the pack.
    Finish,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 6] =
        [Self::Judge, Self::Decide, Self::Count, Self::Train, Self::Encode, Self::Finish];

    /// The name: `judge`, `decide`, `count`, `train`, `encode` or `finish`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Decide => "decide",
            Self::Count => "count",
            Self::Train => "train",
            Self::Encode => "encode",
            Self::Finish => "finish",
        }
    }

    /// The step with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether shards do it.
    #[must_use]
    pub fn has_shards(self) -> bool {
        matches!(self, Self::Judge | Self::Count | Self::Encode)
    }
}

/// What a step did.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum StepReport {
    /// A shard of a step.
    Shard(ShardReport),
    /// A step on one machine.
    Whole {
        /// Bytes that were read from the inputs.
        read: u64,
        /// Bytes of all inputs.
        input: u64,
        /// The file that it wrote.
        file: PathBuf,
        /// What it found: the report of deduplication, the size of the vocabulary, or the report of the pack.
        report: serde_json::Value,
    },
}

/// Runs one step of [`pack`](super::pack::pack()).
///
/// # Errors
/// The step before is not complete, or the shard does not fit the step; as [`pack`](super::pack::pack()).
pub fn step(options: &Options, step: Step, shard: Option<Shard>, progress: &Progress) -> Result<StepReport> {
    match (step, shard) {
        (Step::Judge, Some(shard)) => return Ok(StepReport::Shard(pack::shard(options, shard, progress)?)),
        (step, None) if step.has_shards() => {
            return Err(Error::usage(format!("the step {} needs a shard", step.name()))
                .hint("add --shard I/N; --shard 1/1 is all of it"));
        }
        (step, Some(_)) if !step.has_shards() => {
            return Err(Error::usage(format!(
                "the step {} runs on one machine and has no shards",
                step.name()
            ))
            .hint("omit --shard"));
        }
        _ => {}
    }
    let run = Run::open(options, progress)?;
    let before = run.volume();
    let (file, report) = match (step, shard) {
        (Step::Count, Some(shard)) => return Ok(StepReport::Shard(count::count(&run, shard, progress)?)),
        (Step::Encode, Some(shard)) => return Ok(StepReport::Shard(encode::encode(&run, shard, progress)?)),
        (Step::Decide, _) => decide::decide(&run, progress)?,
        (Step::Train, _) => count::train(&run, progress)?,
        _ => (options.out.clone(), finish::finish(&run, progress)?),
    };
    Ok(StepReport::Whole { read: run.volume() - before, input: run.input_bytes(), file, report })
}
