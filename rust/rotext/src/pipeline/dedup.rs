//! `rotools dedup`: files in, one JSONL file of the documents that stay out, record for record.
//!
//! Two passes over the input, with the decisions between them; where only equal texts go, one. Scratch files lie in a hidden folder beside the output,
//! under a lock, and are gone with the process but for the [journal](super::journal): a run that was killed goes on in the
//! first pass where it stopped and, being deterministic, ends in the same bytes.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::duplicates::{self, Duplicates};
use super::feed::{self, Account, Decided, Parcel};
use super::files::{Rejects, beside, claim, give_up, remove, takes_a_file};
use super::journal::Journal;
use super::left_out::LeftOut;
use super::plan::{self, Group, Planned, Sharded};
use super::records::{Sink, lines};
use super::shard::{Shard, shards_of};
use crate::dedup::{Kind, Report};
use crate::error::{Error, Result};
use crate::ledger;
use crate::progress::Progress;
use crate::reader::{self, Source};

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What was read, what stayed and what did not.
    pub read: Account,
    /// What was found.
    pub dedup: Report,
    /// The file of decisions.
    pub ledger: PathBuf,
}

/// Removes duplicates and near-duplicates of `sources`, which hold `kind`. Writes `out` (`.jsonl`, also `.zst` or
/// `.gz`), `OUT.ledger.parquet` with every decision, and `OUT.rejects.jsonl` when anything was left out. Records stay as
/// they stand, but for repeated lines where those are cut; keys are blind to what the normalizer would repair in letters and spaces.
///
/// # Errors
/// Unreadable sources, a source that would lose too much, another run on the same output, a full disk.
pub fn dedup(
    sources: &[Source],
    kind: Kind,
    feed: &feed::Options,
    options: &Duplicates,
    out: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    takes_a_file(out)?;
    options.memory(feed.threads)?;
    let scratch = beside(out, "partial");
    let _lock = claim(&scratch, Journal::FOLDER)?;
    let result = run(sources, kind, feed, options, out, &scratch, progress);
    give_up(&scratch, Journal::FOLDER, Journal::WORTH_KEEPING, result.is_err());
    result.and_then(|outcome| remove(&shards_of(out)).map(|()| outcome))
}

/// Reads and signs the chunks of one shard, for [`dedup`] with the same options.
///
/// # Errors
/// As [`dedup`].
pub fn shard(
    sources: &[Source],
    kind: Kind,
    feed: &feed::Options,
    options: &Duplicates,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<Sharded> {
    let group = Group { name: "input", kind, sources };
    plan::shard(&[group], feed, options.for_shards()?, (out, shard), progress)
}

fn run(
    sources: &[Source],
    kind: Kind,
    feed: &feed::Options,
    options: &Duplicates,
    out: &Path,
    scratch: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    let mut sources = sources.to_vec();
    reader::spool(sources.iter_mut(), scratch, progress)?;
    let mut seen = options.seen(feed.threads)?;
    let mut planned = match options.near() {
        None => None,
        Some(near) => {
            let group = Group { name: "input", kind, sources: &sources };
            Some(plan::plan(&[group], feed, near, (scratch, out), |_| Ok(|_, _| false), progress)?)
        }
    };
    let found = planned.as_ref().map(|planned| planned.plan.report().clone());
    let mut decided = planned.as_mut().map(Planned::explained).transpose()?;

    progress.begin("write", sources.iter().map(|source| source.size).sum());
    let mut feed = feed::Options { keys: seen.is_some(), kind, ..feed.clone() };
    feed.fields.keep_record = true;
    let mut ledger_name = out.as_os_str().to_owned();
    ledger_name.push(".ledger.parquet");
    let (ledger_path, ledger_part) = (PathBuf::from(ledger_name), scratch.join("ledger.parquet"));
    let mut ledger = ledger::Writer::create(&ledger_part)?;
    let mut rejects = Rejects::of(out);
    let mut sink = Sink::create(out)?;
    let read = feed::run(
        &sources,
        &feed,
        duplicates::removal(decided.as_mut(), seen.as_mut()),
        LeftOut { rejects: Some(&mut rejects), ledger: Some(&mut ledger) },
        progress,
        || (),
        |(), parcel: Parcel| Ok(lines(&parcel, &sources[parcel.source])),
        |lines: Vec<u8>| sink.write_all(&lines).map_err(|e| Error::io(out, &e)),
    )?;
    decided.map_or(Ok(()), Decided::finish)?;
    ledger.finish()?;
    rejects.finish()?;
    std::fs::rename(&ledger_part, &ledger_path).map_err(|e| Error::io(&ledger_path, &e))?;
    sink.finish(out)?;
    let dedup = found.unwrap_or_else(|| duplicates::report(std::slice::from_ref(&read)));
    Ok(Outcome { read, dedup, ledger: ledger_path })
}
