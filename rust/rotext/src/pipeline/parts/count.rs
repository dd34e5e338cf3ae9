//! The steps `count` and `train`: the words of each shard, and the tokenizer that their sums give.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::super::near_dedup::ShardReport;
use super::super::output::write_atomic;
use super::super::pack::{COUNTS_BYTES, train_options};
use super::super::resume::{Decoder, Encoder, Shard};
use super::super::stream::DocumentStream;
use super::super::tokenizer;
use super::record_file::{RecordReader, RecordWriter};
use super::run::{Run, missing, not_done};
use super::task::{Decided, Task, part_bytes, since_judged};
use super::{Decisions, Step};
use crate::bpe::{self, Counts};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Bytes of a record of words, from which on the next one begins.
const WORDS_BYTES: usize = 1 << 17;

/// Counts the words of one shard.
///
/// # Errors
/// The step `decide` is not done, the input changed, a tokenizer is given; as [`DocumentStream::run`].
pub(super) fn count(run: &Run<'_>, shard: Shard, progress: &Progress) -> Result<ShardReport> {
    refuse_given(run, Step::Count)?;
    let decided = Decided::open(run)?;
    let task = decided.task(run, shard)?;
    count_task(run, &decided, &task, shard, progress).map_err(|error| since_judged(error, shard))
}

/// As [`count`], for a run that has the decisions.
pub(super) fn count_task(
    run: &Run<'_>,
    decided: &Decided,
    task: &Task<'_>,
    shard: Shard,
    progress: &Progress,
) -> Result<ShardReport> {
    let (path, before) = (run.file(Step::Count, shard), run.volume());
    let mut file = RecordWriter::create(&path, key(&decided.decisions, shard.number(), shard.of()))?;
    let pattern = train_options(run.options).pattern;
    let mut counts = Counts::new(COUNTS_BYTES, super::super::output::parent(&path));
    let mut replay = task.replay()?;
    let mut sums = (0, 0, 0);
    let held_out = run.options.phases.iter().zip(&decided.decisions.hold_outs);
    for ((phase, hold_out), part) in held_out.zip(task.phases(run)) {
        progress.begin(&format!("count {}", phase.name), part_bytes(&phase.sources, part));
        let options = run.options.stream_of(phase);
        let (replay, duplicates) = replay.parts();
        let part = Some(part);
        let stream = DocumentStream {
            part,
            replay,
            duplicates,
            ..DocumentStream::new(&phase.sources, &options, progress)
        };
        let read = tokenizer::count(stream, &mut counts, pattern, |key| !hold_out.holds_out(key))?;
        sums = (sums.0 + read.records, sums.1 + read.documents, sums.2 + read.bytes);
    }
    replay.finish()?;
    let mut body = Encoder::default();
    counts.drain(|word, count| {
        body.put_u64(count).put_bytes(word);
        if body.len() < WORDS_BYTES { Ok(()) } else { file.push(&std::mem::take(&mut body).finish()) }
    })?;
    file.push(&body.finish())?;
    file.finish()?;
    Ok(task.report(run, sums, before, path))
}

/// Trains the tokenizer; returns its file and the size of its vocabulary.
///
/// # Errors
/// The step `count` is not complete, a tokenizer is given.
pub(super) fn train(run: &Run<'_>, progress: &Progress) -> Result<(PathBuf, Value)> {
    refuse_given(run, Step::Train)?;
    let decided = Decided::open(run)?;
    let lacking = lacking(run, &decided)?;
    if !lacking.is_empty() {
        return Err(missing(Step::Count, &lacking, decided.shards()));
    }
    let (path, tokenizer) = train_decided(run, &decided, progress)?;
    Ok((path, json!({"vocab_size": tokenizer.vocab_size()})))
}

/// The shards of the step `count` that are missing.
pub(super) fn lacking(run: &Run<'_>, decided: &Decided) -> Result<Vec<u32>> {
    let of = decided.shards();
    run.lacking(Step::Count, of, |number| key(&decided.decisions, number, of))
}

/// As [`train`], for a run that has the decisions and all counts.
pub(super) fn train_decided(
    run: &Run<'_>,
    decided: &Decided,
    progress: &Progress,
) -> Result<(PathBuf, bpe::Tokenizer)> {
    let path = trained_path(run, decided);
    if path.exists()
        && let Ok(tokenizer) = bpe::Tokenizer::from_file(&path)
    {
        return Ok((path, tokenizer));
    }
    let (train, of) = (train_options(run.options), decided.shards());
    let mut counts = Counts::new(COUNTS_BYTES, &run.shards);
    progress.begin("add words", of.into());
    for number in 1..=of {
        progress.check()?;
        let file = run.file(Step::Count, Shard::new(number, of)?);
        add(&mut counts, train.pattern, &file, key(&decided.decisions, number, of))?
            .ok_or_else(|| missing(Step::Count, &[number], of))?;
        progress.advance(1);
    }
    let tokenizer = bpe::train(counts, &train, progress)?;
    write_atomic(&path, tokenizer.to_json().as_bytes())?;
    Ok((path, tokenizer))
}

/// The tokenizer of the run: the file that was given, or the one that the step `train` wrote.
///
/// # Errors
/// The step `train` is not done.
pub(super) fn tokenizer_path(run: &Run<'_>, decided: &Decided) -> Result<PathBuf> {
    match &run.options.tokenizer {
        Some(path) => Ok(path.clone()),
        None => {
            let path = trained_path(run, decided);
            if path.exists() { Ok(path) } else { Err(not_done(Step::Train, &path)) }
        }
    }
}

fn trained_path(run: &Run<'_>, decided: &Decided) -> PathBuf {
    let description = format!("tokenizer {} {:?}", decided.decisions.key, train_options(run.options));
    run.shards.join(format!("tokenizer-{:016x}.json", xxh3_64(description.as_bytes())))
}

/// Adds the words of a file. `None`: there is no such file.
fn add(counts: &mut Counts, pattern: bpe::Pattern, path: &Path, key: u64) -> Result<Option<()>> {
    let Some(mut file) = RecordReader::open(path, key)? else { return Ok(None) };
    while let Some(body) = file.next()? {
        let mut from = Decoder::new(body);
        while !from.is_at_end() {
            let (Some(count), Some(word)) = (from.u64(), from.bytes()) else { return Err(file.unexpected()) };
            counts.add(pattern, word, count)?;
        }
    }
    Ok(Some(()))
}

fn key(decisions: &Decisions, number: u32, of: u32) -> u64 {
    let pattern = bpe::TrainOptions::default().pattern;
    xxh3_64(format!("count {} {pattern:?} {number} {of}", decisions.key).as_bytes())
}

fn refuse_given(run: &Run<'_>, step: Step) -> Result<()> {
    if run.options.tokenizer.is_none() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the tokenizer is given, so there is nothing to do in the step {}",
        step.name()
    ))
    .hint("go on with --step encode"))
}
