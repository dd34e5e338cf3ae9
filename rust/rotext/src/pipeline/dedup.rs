//! `rotools dedup`: files in, one JSONL file of the kept documents out, record for record.
//!
//! It makes two passes over the input and decides between them. The preset `exact` needs one pass. Scratch files are in a
//! hidden folder beside the output, under a lock. They vanish with the process, except for the journal: a killed run continues
//! its first pass where it stopped, and writes the same bytes in the end.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::duplicates::{self, Duplicates};
use super::near_dedup::{self, FirstPass, FirstPassInput, FirstPassReplay, Phase, ShardReport};
use super::output::{
    DecisionLog, RecordWriter, RejectsFile, check_output, hidden_sibling, lock_workdir, record_lines,
    release_workdir, with_suffix,
};
use super::resume::{Journal, Shard, remove_shards};
use super::stream::{DocumentStream, Options, ProcessedChunk, StreamReport};
use crate::dedup::Report;
use crate::error::{Error, Result};
use crate::ledger;
use crate::progress::Progress;
use crate::reader::{self, Source};

/// What a run of `dedup` did.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What was read, kept and rejected.
    pub read: StreamReport,
    /// The duplicates that were found.
    pub dedup: Report,
    /// The path of the ledger.
    pub ledger: PathBuf,
}

/// Removes duplicates and near-duplicates from `sources`, which hold text of the kind `stream.kind`.
///
/// Writes `out` (`.jsonl`, also `.zst` or `.gz`), `OUT.ledger.parquet` with every decision, and `OUT.rejects.jsonl` if anything
/// was rejected. A record keeps its bytes, except for repeated lines that are cut. The comparison ignores what the normalizer
/// would repair in letters and spaces.
///
/// # Errors
/// Unreadable sources, a source that would lose too much, another run on the same output, a full disk.
pub fn dedup(
    sources: &[Source],
    stream: &Options,
    duplicates: &Duplicates,
    out: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    check_output(out)?;
    duplicates.table_bytes(stream.threads, sources)?;
    let scratch = hidden_sibling(out, "partial");
    let _lock = lock_workdir(&scratch, Journal::FOLDER)?;
    let result = run(sources, stream, duplicates, (out, &scratch), progress);
    let key = Journal::key_in(&scratch);
    release_workdir(&scratch, Journal::FOLDER, Journal::KEEP_BYTES, result.is_err());
    result.inspect(|_| remove_shards(out, key))
}

/// Reads and signs the chunks of one shard; [`dedup`] with the same options takes them from its journal.
///
/// # Errors
/// As [`dedup`].
pub fn shard(
    sources: &[Source],
    stream: &Options,
    duplicates: &Duplicates,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<ShardReport> {
    let near = duplicates.for_shards()?;
    let phases = phases(sources, &near.references, stream);
    let input = FirstPassInput { phases: &phases, stream, near };
    near_dedup::sign_shard(&input, (out, shard), progress)
}

/// The inputs, and after them the references.
fn phases<'a>(sources: &'a [Source], references: &'a [Source], stream: &Options) -> Vec<Phase<'a>> {
    let phase = |name, sources, reference| Phase { name, kind: stream.kind, sources, reference };
    let mut phases = vec![phase("input", sources, false)];
    if !references.is_empty() {
        phases.push(phase("reference", references, true));
    }
    phases
}

fn run(
    sources: &[Source],
    stream: &Options,
    duplicates: &Duplicates,
    (out, scratch): (&Path, &Path),
    progress: &Progress,
) -> Result<Outcome> {
    let mut sources = sources.to_vec();
    reader::spool(sources.iter_mut(), scratch, progress)?;
    let mut seen = duplicates.seen(stream.threads, &sources)?;
    let mut first_pass = match duplicates.near() {
        None => None,
        Some(near) => {
            let phases = phases(&sources, &near.references, stream);
            let input = FirstPassInput { phases: &phases, stream, near };
            Some(near_dedup::first_pass(&input, (scratch, out), |_| Ok(|_, _| false), progress)?)
        }
    };
    let found = first_pass.as_ref().map(|first_pass| first_pass.removals.report().clone());
    let mut replay = first_pass.as_mut().map(FirstPass::replay_with_reasons).transpose()?;

    progress.begin("write", sources.iter().map(|source| source.size).sum());
    let mut options = Options { keys: seen.is_some(), ..stream.clone() };
    options.fields.keep_record = true;
    let (ledger_path, ledger_part) = (with_suffix(out, ".ledger.parquet"), scratch.join("ledger.parquet"));
    let mut ledger = ledger::Writer::create(&ledger_part)?;
    let mut rejects = RejectsFile::beside(out);
    let mut records = RecordWriter::create(out)?;
    let (replay_source, check) = duplicates::removal(replay.as_mut(), seen.as_mut());
    let pass = DocumentStream {
        replay: replay_source,
        duplicates: check,
        decisions: DecisionLog { rejects: Some(&mut rejects), ledger: Some(&mut ledger) },
        ..DocumentStream::new(&sources, &options, progress)
    };
    let read = pass.run(
        || (),
        |(), chunk: ProcessedChunk| Ok(record_lines(&chunk, &sources[chunk.source])),
        |lines: Vec<u8>| records.write_all(&lines).map_err(|e| Error::io(out, &e)),
    )?;
    replay.map_or(Ok(()), FirstPassReplay::finish)?;
    ledger.finish()?;
    rejects.finish()?;
    std::fs::rename(&ledger_part, &ledger_path).map_err(|e| Error::io(&ledger_path, &e))?;
    records.finish(out)?;
    let dedup = found.unwrap_or_else(|| duplicates::exact_report(std::slice::from_ref(&read)));
    Ok(Outcome { read, dedup, ledger: ledger_path })
}
