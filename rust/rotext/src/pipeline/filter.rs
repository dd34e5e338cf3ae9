//! `rotools filter`: files in, the documents that are worth training on out, record for record.
//!
//! It makes one pass. What it finds in each chunk goes into a journal in a hidden folder beside the output, under a lock. A
//! killed run filters no chunk twice, and it writes the same bytes in the end. A shard is a journal that another process wrote.
//! Annotations need no journal: reading them back would take longer than filtering the document again.

use std::path::{Path, PathBuf};

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::filter_stage::FilterStage;
use super::near_dedup::{ShardReport, volume, whole};
use super::output::{
    DecisionLog, RecordWriter, RejectsFile, check_output, hidden_sibling, lock_path, lock_workdir,
    record_lines, release_workdir, with_suffix,
};
use super::resume::{Frame, FrameWriter, Journal, Origin, Shard, remove_shards, shards_folder};
use super::stream::{ChunkRecord, DocumentStream, Options, ProcessedChunk, ReplaySource, StreamReport};
use crate::error::{Error, Result};
use crate::ledger;
use crate::progress::Progress;
use crate::reader::Source;

/// What a run of `filter` did.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What was read, kept and rejected.
    pub read: StreamReport,
    /// The path of the ledger.
    pub ledger: PathBuf,
}

/// A run that fails keeps its journal if it has this many bytes: about a second of filtering.
const KEEP_BYTES: u64 = 64 << 10;

/// Filters `sources` into `out` (`.jsonl`, also `.zst` or `.gz`), record for record. Writes `OUT.ledger.parquet`, and
/// `OUT.rejects.jsonl` if anything was rejected. When the filter annotates, it keeps every record and adds the field `filter`.
///
/// # Errors
/// Unreadable sources, another run on the same output, a full disk.
pub fn filter(sources: &[Source], options: &Options, out: &Path, progress: &Progress) -> Result<Outcome> {
    check_output(out)?;
    let scratch = hidden_sibling(out, "partial");
    let _lock = lock_workdir(&scratch, Journal::FOLDER)?;
    let result = run(sources, &only_filtering(options), out, &scratch, progress);
    let key = Journal::key_in(&scratch);
    release_workdir(&scratch, Journal::FOLDER, KEEP_BYTES, result.is_err());
    result.inspect(|_| remove_shards(out, key))
}

/// Filters the chunks of one shard; [`filter`] with the same options takes them from its journal.
///
/// # Errors
/// As [`filter`]; annotations and streams have no shards.
pub fn shard(
    sources: &[Source],
    options: &Options,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<ShardReport> {
    if options.filter.as_ref().is_some_and(FilterStage::annotates) {
        return Err(
            Error::usage("a shard cannot annotate").hint("run without --shard, or without --annotate")
        );
    }
    Shard::check_sources(sources)?;
    let folder = shard.folder(&shards_folder(out));
    let _lock = lock_workdir(&folder, Journal::FOLDER)?;
    let found = judge_part((sources, options), (folder.clone(), shard), progress);
    let _ = std::fs::remove_file(lock_path(&folder));
    found
}

/// As [`shard`], in its locked folder.
fn judge_part(
    (sources, options): (&[Source], &Options),
    (folder, shard): (PathBuf, Shard),
    progress: &Progress,
) -> Result<ShardReport> {
    let (part, read_before) = (shard.part(sources), volume(sources));
    let options = only_filtering(options);
    let journal = open_journal(&folder, sources, &options)?;
    let (mut reader, mut writer) = (journal.reader(None)?, journal.writer()?);
    progress.begin("judge", sources.iter().zip(&part).map(|(source, own)| source.bytes_of(&own.units)).sum());
    let stream = DocumentStream {
        part: Some(&part),
        // With the documents, which are counted.
        replay: ReplaySource::Journal { reader: &mut reader, emit_documents: true },
        ..DocumentStream::new(sources, &options, progress)
    };
    let report = stream.run(
        || (),
        |(), chunk: ProcessedChunk| Ok((chunk.source, chunk.record)),
        |(source, record)| write_record(&mut writer, source, record),
    )?;
    writer.finish()?;
    let StreamReport { records, documents, bytes, .. } = report;
    let (read, input) = (volume(sources) - read_before, sources.iter().map(|source| source.size).sum());
    Ok(ShardReport { records, documents, bytes, read, input, whole: whole(sources), folder })
}

/// The options of this verb: no keys, and records as they were read.
fn only_filtering(options: &Options) -> Options {
    let mut options = Options { keys: false, ..options.clone() };
    options.fields.keep_record = true;
    options
}

/// Opens the journal of the run with these options.
fn open_journal(folder: &Path, sources: &[Source], options: &Options) -> Result<Journal> {
    let names: Vec<String> =
        sources.iter().map(|source| format!("{} {:?}", source.name, source.format)).collect();
    let Options { fields, strict, normalize, filter, kind, .. } = options;
    let version = env!("CARGO_PKG_VERSION");
    let description =
        format!("filter {version} {names:?} {fields:?} {strict} {normalize:?} {filter:?} {kind:?}");
    let journal = Journal::open(folder, &description)?;
    journal.create_empty_words()?;
    Ok(journal)
}

/// Writes the record of a chunk to the journal.
fn write_record(writer: &mut FrameWriter, source: usize, record: Option<ChunkRecord>) -> Result<()> {
    match record {
        None => Ok(()),
        Some(ChunkRecord::Journaled(entry)) => match entry.origin {
            Origin::Own(frame_ref) => {
                writer.keep(frame_ref);
                Ok(())
            }
            Origin::Shard(_) => writer.append(&entry.frame, |_| Ok(())),
        },
        Some(ChunkRecord::New(frame)) => {
            let frame = Frame { source: source as u32, words: xxh3_64(&[]), ..*frame };
            writer.append(&frame, |_| Ok(()))
        }
    }
}

fn run(
    sources: &[Source],
    options: &Options,
    out: &Path,
    scratch: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    let annotates = options.filter.as_ref().is_some_and(FilterStage::annotates);
    let journal = if annotates { None } else { Some(open_journal(scratch, sources, options)?) };
    let mut reader = journal.as_ref().map(|journal| journal.reader(Some(&shards_folder(out)))).transpose()?;
    let mut writer = journal.as_ref().map(Journal::writer).transpose()?;

    progress.begin("filter", sources.iter().map(|source| source.size).sum());
    let (ledger_path, ledger_part) = (with_suffix(out, ".ledger.parquet"), scratch.join("ledger.parquet"));
    let mut ledger = ledger::Writer::create(&ledger_part)?;
    let mut rejects = RejectsFile::beside(out);
    let mut records = RecordWriter::create(out)?;
    let stream = DocumentStream {
        replay: reader
            .as_mut()
            .map_or(ReplaySource::None, |reader| ReplaySource::Journal { reader, emit_documents: true }),
        decisions: DecisionLog { rejects: Some(&mut rejects), ledger: Some(&mut ledger) },
        ..DocumentStream::new(sources, options, progress)
    };
    let read = stream.run(
        || (),
        |(), chunk: ProcessedChunk| {
            Ok((record_lines(&chunk, &sources[chunk.source]), chunk.source, chunk.record))
        },
        |(lines, source, record): (Vec<u8>, usize, Option<ChunkRecord>)| {
            records.write_all(&lines).map_err(|e| Error::io(out, &e))?;
            writer.as_mut().map_or(Ok(()), |writer| write_record(writer, source, record))
        },
    )?;
    ledger.finish()?;
    // The largest file first: if it does not fit on the disk, no file is left.
    records.finish(out)?;
    rejects.finish()?;
    std::fs::rename(&ledger_part, &ledger_path).map_err(|e| Error::io(&ledger_path, &e))?;
    Ok(Outcome { read, ledger: ledger_path })
}
