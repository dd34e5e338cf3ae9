//! The step `finish`: joins what the shards encoded, in the order of the input, to the pack. And the run without a step, which
//! does what is missing before.

use std::path::Path;

use serde_json::Value;

use super::super::output::DecisionLog;
use super::super::pack::{self, Options, RejectsWriter, in_workdir, write_pack};
use super::super::resume::{FrameReader, Shard};
use super::super::stream::{DocumentStream, DuplicateCheck, OpenedChunk, StreamReport};
use super::super::vocabulary::Vocabulary;
use super::count;
use super::prepared::{self, Tokens};
use super::record_file::RecordReader;
use super::record_file::is_sound;
use super::run::{Run, again, missing};
use super::task::Decided;
use super::{Step, encode};
use crate::bpe;
use crate::error::{Error, Result};
use crate::ledger;
use crate::pack::{DocumentEntry, Phase, SHARD_TOKENS, Writer};
use crate::progress::Progress;
use crate::reader::{Reader, Source};

/// Joins the parts; returns the report of the pack. It reads no input.
///
/// # Errors
/// A step before is not complete, a file of it is damaged, a full disk.
pub(super) fn finish(run: &Run<'_>, progress: &Progress) -> Result<Value> {
    let decided = Decided::open(run)?;
    let vocabulary = count::vocabulary(run, &decided)?;
    let lacking = encode::lacking(run, &decided, &vocabulary)?;
    if !lacking.is_empty() {
        return Err(missing(Step::Encode, &lacking, decided.shards()));
    }
    in_workdir(run.options, |directory| {
        Ok((join(run, (&decided, &vocabulary), directory, progress)?, Some(run.key)))
    })
}

/// The run without a step, where the step `decide` is done: it does the tasks that are missing, and joins all. It returns the report
/// and the key of the shards. `None`: the step is not done, or the inputs are not those that were judged, so that the run has to decide itself.
///
/// It reads all input once, to compare the hashes.
///
/// # Errors
/// A task fails, a file of a step is damaged, a full disk.
pub(in crate::pipeline) fn finish_known(
    options: &Options,
    directory: &Path,
    progress: &Progress,
) -> Result<Option<(Value, Option<u64>)>> {
    let sources = || options.phases.iter().flat_map(|phase| &phase.sources);
    let is_shared = pack::for_shards(options).is_ok() && !sources().any(|source| source.stream);
    if !is_shared || !Run::decisions_in(options).exists() {
        return Ok(None);
    }
    let run = Run::open(options, progress)?;
    let Ok(decided) = Decided::open(&run) else { return Ok(None) };
    // The reasons are read late: what cannot be read to the end is not decided.
    if !is_sound(&decided.decisions.path, decided.decisions.key) || !is_unchanged(&run, &decided, progress)? {
        return Ok(None);
    }
    let of = decided.shards();
    let vocabulary = match count::vocabulary(&run, &decided) {
        Ok(vocabulary) => vocabulary,
        Err(error) if options.tokenizer.is_some() => return Err(error),
        Err(_) => {
            for number in count::unsound(&run, &decided)? {
                let shard = Shard::new(number, of)?;
                count::count_task(&run, &decided, &decided.task(&run, shard)?, shard, progress)?;
            }
            count::train_decided(&run, &decided, progress)?
        }
    };
    for number in encode::unsound(&run, &decided, &vocabulary)? {
        let shard = Shard::new(number, of)?;
        encode::encode_task(&run, (&decided, &decided.task(&run, shard)?), &vocabulary, shard, progress)?;
    }
    let report = join(&run, (&decided, &vocabulary), directory, progress)?;
    Ok(Some((report, Some(run.key))))
}

/// Whether a reader of the whole input sees the chunks that the shards found. A journal that is damaged says no.
fn is_unchanged(run: &Run<'_>, decided: &Decided, progress: &Progress) -> Result<bool> {
    progress.begin("compare with the shards", run.input_bytes());
    let mut shards = decided.judged.iter();
    let mut frames: Option<FrameReader> = None;
    // The hash of the next chunk, and its source. Outer `None`: a journal cannot be read.
    let mut next = || loop {
        if let Some(reader) = &mut frames {
            match reader.next() {
                Ok(Some((frame, ..))) => return Some(Some((frame.source as usize, frame.hash))),
                Ok(None) => {}
                Err(_) => return None,
            }
        }
        let Some(judged) = shards.next() else { return Some(None) };
        frames = Some(judged.frames().ok()?);
    };
    for (number, source) in run.sources().enumerate() {
        let mut reader = Reader::open(source, &run.options.stream.fields)?;
        while let Some(chunk) = reader.next_chunk()? {
            progress.check()?;
            progress.advance(chunk.moved);
            if next() != Some(Some((number, chunk.hash()))) {
                return Ok(false);
            }
        }
    }
    Ok(next() == Some(None))
}

/// Writes the pack into `directory`.
fn join(run: &Run<'_>, of: (&Decided, &Vocabulary), directory: &Path, progress: &Progress) -> Result<Value> {
    let (decided, vocabulary) = of;
    let join = if vocabulary.is_wide() { join_phases::<u32> } else { join_phases::<u16> };
    write_pack(directory, run.options, vocabulary, |rejects, ledger| {
        let (phases, reports) = join(run, of, directory, (rejects, ledger), progress)?;
        Ok((phases, reports, decided.decisions.report.clone()))
    })
}

fn join_phases<I: bpe::Id>(
    run: &Run<'_>,
    (decided, vocabulary): (&Decided, &Vocabulary),
    directory: &Path,
    (rejects, ledger): (&mut RejectsWriter, &mut ledger::Writer),
    progress: &Progress,
) -> Result<(Vec<Phase>, Vec<StreamReport>)> {
    let mut chunks = Chunks { run, decided, vocabulary, shards: 0, file: None, pending: None };
    let mut removals = decided.decisions.reader_with_reasons()?;
    let (mut phases, mut reports) = (Vec::new(), Vec::new());
    let hold_outs = &decided.decisions.hold_outs;
    for (number, (phase, hold_out)) in (0u32..).zip(run.options.phases.iter().zip(hold_outs)) {
        progress.begin(&format!("join {}", phase.name), phase.sources.iter().map(|source| source.size).sum());
        let writer = |split| Writer::new(directory, &format!("{split}-{}", phase.name), SHARD_TOKENS);
        let (mut train, mut valid) = (writer("train"), writer("valid"));
        let options = run.options.stream_of(phase);
        let stream = DocumentStream {
            duplicates: DuplicateCheck::Planned(&mut removals),
            decisions: DecisionLog { rejects: Some(&mut *rejects), ledger: Some(&mut *ledger) },
            ..DocumentStream::new(&phase.sources, &options, progress)
        };
        let mut ids: Vec<I> = Vec::new();
        let report = stream.join(
            || chunks.next(number, &phase.sources),
            |chunk, tokens, failures| {
                let source = &phase.sources[chunk.source].name;
                ids.clear();
                I::read(&tokens.ids, &mut ids);
                let mut rest = ids.as_slice();
                if chunk.documents.len() != tokens.documents.len() {
                    return Err(mismatch());
                }
                for (kept, size) in chunk.documents.into_iter().zip(tokens.documents) {
                    let tokens = match size {
                        Ok(size) => u64::from(size),
                        Err(reject) => {
                            failures.push(chunk.source, reject, kept.bytes);
                            continue;
                        }
                    };
                    let split = rest.split_at_checked(tokens as usize);
                    let (document, later) = split.ok_or_else(mismatch)?;
                    rest = later;
                    let held_out = hold_out.holds_out(kept.key);
                    let (id, source) = (kept.document.id, source.clone());
                    let entry = DocumentEntry { id, source, tokens, bytes: kept.bytes };
                    if held_out { valid.push(entry, document)? } else { train.push(entry, document)? }
                }
                Ok(())
            },
        )?;
        let (train, valid) = (train.finish()?, valid.finish()?);
        phases.push(Phase { name: phase.name.clone(), epochs: phase.epochs, train, valid });
        reports.push(report);
    }
    removals.finish()?;
    Ok((phases, reports))
}

fn mismatch() -> Error {
    Error::data("the encoded documents do not match the decisions")
        .hint("remove the folder of the shards and run all steps again")
}

/// The chunks of all shards, in the order of the input.
struct Chunks<'a> {
    run: &'a Run<'a>,
    decided: &'a Decided,
    vocabulary: &'a Vocabulary,
    /// Shards whose file was opened.
    shards: u32,
    file: Option<RecordReader>,
    /// The first chunk of a phase to come.
    pending: Option<Vec<u8>>,
}

impl Chunks<'_> {
    /// The next chunk of the phase number `phase`, which has `sources`.
    fn next(&mut self, phase: u32, sources: &[Source]) -> Result<Option<(OpenedChunk, Tokens)>> {
        let Some(body) = self.next_body()? else { return Ok(None) };
        if prepared::phase(&body) != Some(phase) {
            self.pending = Some(body);
            return Ok(None);
        }
        prepared::decode(&body, sources).map(Some).ok_or_else(mismatch)
    }

    fn next_body(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(body) = self.pending.take() {
            return Ok(Some(body));
        }
        loop {
            let of = self.decided.shards();
            if let Some(file) = &mut self.file {
                let shard = Shard::new(self.shards, of)?;
                if let Some(body) = file.next().map_err(|error| again(error, Step::Encode, Some(shard)))? {
                    return Ok(Some(body.to_vec()));
                }
            }
            if self.shards == of {
                return Ok(None);
            }
            self.shards += 1;
            let shard = Shard::new(self.shards, of)?;
            let key = encode::key(&self.decided.decisions, self.vocabulary, self.shards, of);
            let file = RecordReader::open(&self.run.file(Step::Encode, shard), key)?;
            self.file = Some(file.ok_or_else(|| missing(Step::Encode, &[self.shards], of))?);
        }
    }
}
