//! `rotools filter`: files in, what is worth training on out, record for record.
//!
//! One pass. What was found of each chunk goes into a [journal](super::journal) in a hidden folder beside the output, under a
//! lock: a run that was killed judges no chunk twice and, being deterministic, ends in the same bytes. Shards are journals made
//! elsewhere. With annotations there is no journal: what they write of a document is longer than judging it again.

use std::path::{Path, PathBuf};

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::feed::{self, Account, Found, Parcel, Removal};
use super::files::{Rejects, beside, claim, give_up, lock_path, remove, takes_a_file};
use super::filtering::Filtering;
use super::frame::Frame;
use super::journal::{Journal, Known, Log};
use super::left_out::LeftOut;
use super::plan::Sharded;
use super::records::{Sink, lines};
use super::shard::{Shard, shards_of};
use crate::error::{Error, Result};
use crate::ledger;
use crate::progress::Progress;
use crate::reader::Source;

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What was read, what stayed and what did not.
    pub read: Account,
    /// The file of decisions.
    pub ledger: PathBuf,
}

/// A run that fails leaves its journal when it has this many bytes: about a second of judging.
const WORTH_KEEPING: u64 = 64 << 10;

/// Filters `sources` into `out` (`.jsonl`, also `.zst` or `.gz`), record for record, with `OUT.ledger.parquet` and, when
/// anything was left out, `OUT.rejects.jsonl`. With annotations every record stays and gains the field `filter`.
///
/// # Errors
/// Unreadable sources, another run on the same output, a full disk.
pub fn filter(
    sources: &[Source],
    options: &feed::Options,
    out: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    takes_a_file(out)?;
    let scratch = beside(out, "partial");
    let _lock = claim(&scratch, Journal::FOLDER)?;
    let result = run(sources, &only_filtering(options), out, &scratch, progress);
    give_up(&scratch, Journal::FOLDER, WORTH_KEEPING, result.is_err());
    result.and_then(|outcome| remove(&shards_of(out)).map(|()| outcome))
}

/// Judges the chunks of one shard, for [`filter`] with the same options.
///
/// # Errors
/// As [`filter`]; annotations and standard input, which have no shards.
pub fn shard(
    sources: &[Source],
    options: &feed::Options,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<Sharded> {
    if options.filter.as_ref().is_some_and(Filtering::annotates) {
        return Err(Error::usage("annotations are not made in shards")
            .hint("run without --shard, or without --annotate"));
    }
    shard.needs_files(sources)?;
    let options = only_filtering(options);
    let folder = shard.folder(&shards_of(out));
    let _lock = claim(&folder, Journal::FOLDER)?;
    let journal = open(&folder, sources, &options)?;
    let (mut recall, mut log) = (journal.recall(Path::new(""), Some(shard))?, journal.log()?);
    progress.begin("judge", sources.iter().map(|source| source.size).sum());
    let account = feed::run(
        sources,
        &options,
        // Not `Recorded`, which would pass over documents that are to be counted.
        Removal::Resumed(&mut recall),
        LeftOut::default(),
        progress,
        || (),
        |(), parcel: Parcel| Ok((parcel.source, parcel.found)),
        |(source, found)| note(&mut log, source, found),
    )?;
    log.finish()?;
    let _ = std::fs::remove_file(lock_path(&folder));
    let Account { records, documents, bytes, .. } = account;
    Ok(Sharded { records, documents, bytes, folder })
}

fn only_filtering(options: &feed::Options) -> feed::Options {
    let mut options = feed::Options { keys: false, ..options.clone() };
    options.fields.keep_record = true;
    options
}

/// The journal of the run with these options.
fn open(folder: &Path, sources: &[Source], options: &feed::Options) -> Result<Journal> {
    let names: Vec<String> =
        sources.iter().map(|source| format!("{} {:?}", source.name, source.format)).collect();
    let feed::Options { fields, strict, normalize, filter, kind, .. } = options;
    let version = env!("CARGO_PKG_VERSION");
    let description =
        format!("filter {version} {names:?} {fields:?} {strict} {normalize:?} {filter:?} {kind:?}");
    let journal = Journal::open(folder, &description)?;
    journal.without_words()?;
    Ok(journal)
}

/// Writes down what was found of a chunk.
fn note(log: &mut Log, source: usize, found: Found) -> Result<()> {
    match found {
        Found::Unasked => Ok(()),
        Found::Known(_, Known::Here(stamp)) => {
            log.keep(stamp);
            Ok(())
        }
        Found::Known(frame, Known::Shard(_)) => log.append(&frame, |_| Ok(())),
        Found::New(frame) => {
            let frame = Frame { source: source as u32, words: xxh3_64(&[]), ..*frame };
            log.append(&frame, |_| Ok(()))
        }
    }
}

fn run(
    sources: &[Source],
    options: &feed::Options,
    out: &Path,
    scratch: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    let annotates = options.filter.as_ref().is_some_and(Filtering::annotates);
    let journal = if annotates { None } else { Some(open(scratch, sources, options)?) };
    let mut recall = journal.as_ref().map(|journal| journal.recall(&shards_of(out), None)).transpose()?;
    let mut log = journal.as_ref().map(Journal::log).transpose()?;

    progress.begin("filter", sources.iter().map(|source| source.size).sum());
    let mut ledger_name = out.as_os_str().to_owned();
    ledger_name.push(".ledger.parquet");
    let (ledger_path, ledger_part) = (PathBuf::from(ledger_name), scratch.join("ledger.parquet"));
    let mut ledger = ledger::Writer::create(&ledger_part)?;
    let mut rejects = Rejects::of(out);
    let mut sink = Sink::create(out)?;
    let read = feed::run(
        sources,
        options,
        recall.as_mut().map_or(Removal::Nothing, Removal::Resumed),
        LeftOut { rejects: Some(&mut rejects), ledger: Some(&mut ledger) },
        progress,
        || (),
        |(), parcel: Parcel| Ok((lines(&parcel, &sources[parcel.source]), parcel.source, parcel.found)),
        |(lines, source, found): (Vec<u8>, usize, Found)| {
            sink.write_all(&lines).map_err(|e| Error::io(out, &e))?;
            log.as_mut().map_or(Ok(()), |log| note(log, source, found))
        },
    )?;
    ledger.finish()?;
    // The largest first: where it does not fit, nothing is left.
    sink.finish(out)?;
    rejects.finish()?;
    std::fs::rename(&ledger_part, &ledger_path).map_err(|e| Error::io(&ledger_path, &e))?;
    Ok(Outcome { read, ledger: ledger_path })
}
