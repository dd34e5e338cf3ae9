//! The steps `count` and `train`: the words of each shard, and the tokenizer that their sums give.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::super::near_dedup::ShardReport;
use super::super::pack::{COUNTS_BYTES, train_options};
use super::super::resume::{Decoder, Encoder, Shard};
use super::super::tokenizer;
use super::super::vocabulary::Vocabulary;
use super::record_file::{RecordReader, RecordWriter};
use super::run::{Run, again, missing, not_done};
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
/// The step `decide` is not done, the input changed or cannot be read, a tokenizer is given.
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
        let stream = replay.stream(&phase.sources, part, &options, progress);
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
    let vocabulary = train_decided(run, &decided, progress)?;
    let size = vocabulary.tokenizer.vocab_size();
    Ok((trained(run, &decided).0, json!({"vocab_size": size})))
}

/// The shards of the step `count` that are missing.
pub(super) fn lacking(run: &Run<'_>, decided: &Decided) -> Result<Vec<u32>> {
    let of = decided.shards();
    run.lacking(Step::Count, of, |number| key(&decided.decisions, number, of))
}

/// As [`lacking`], with the damaged ones.
pub(super) fn unsound(run: &Run<'_>, decided: &Decided) -> Result<Vec<u32>> {
    let of = decided.shards();
    run.unsound(Step::Count, of, |number| key(&decided.decisions, number, of))
}

/// As [`train`], for a run that has the decisions and all counts. A damaged tokenizer is trained again.
pub(super) fn train_decided(run: &Run<'_>, decided: &Decided, progress: &Progress) -> Result<Vocabulary> {
    if let Ok(Some(vocabulary)) = read_trained(run, decided) {
        return Ok(vocabulary);
    }
    let (path, own) = trained(run, decided);
    let (train, of) = (train_options(run.options), decided.shards());
    let mut counts = Counts::new(COUNTS_BYTES, &run.shards);
    progress.begin("add words", of.into());
    for number in 1..=of {
        progress.check()?;
        let shard = Shard::new(number, of)?;
        let file = run.file(Step::Count, shard);
        add(&mut counts, train.pattern, &file, key(&decided.decisions, number, of))
            .map_err(|error| again(error, Step::Count, Some(shard)))?
            .ok_or_else(|| missing(Step::Count, &[number], of))?;
        progress.advance(1);
    }
    let vocabulary = Vocabulary::trained(bpe::train(counts, &train, progress)?)?;
    let mut file = RecordWriter::create(&path, own)?;
    file.push(&vocabulary.json)?;
    file.finish()?;
    Ok(vocabulary)
}

/// The tokenizer of the run: the file that was given, or the one that the step `train` wrote.
///
/// # Errors
/// The step `train` is not done, or its file is damaged.
pub(super) fn vocabulary(run: &Run<'_>, decided: &Decided) -> Result<Vocabulary> {
    if let Some(path) = &run.options.tokenizer {
        return Vocabulary::read(path);
    }
    let trained = read_trained(run, decided).map_err(|error| again(error, Step::Train, None))?;
    trained.ok_or_else(|| not_done(Step::Train, &self::trained(run, decided).0))
}

/// The tokenizer that the step `train` wrote. `None`: it is not done.
fn read_trained(run: &Run<'_>, decided: &Decided) -> Result<Option<Vocabulary>> {
    let (path, key) = trained(run, decided);
    let Some(mut file) = RecordReader::open(&path, key)? else { return Ok(None) };
    let json = file.next()?.map(<[u8]>::to_vec).ok_or_else(|| file.unexpected())?;
    if file.next()?.is_some() { Err(file.unexpected()) } else { Vocabulary::from_json(json, &path).map(Some) }
}

/// The file of the tokenizer, and its key.
fn trained(run: &Run<'_>, decided: &Decided) -> (PathBuf, u64) {
    let description = format!("tokenizer {} {:?}", decided.decisions.key, train_options(run.options));
    let key = xxh3_64(description.as_bytes());
    (run.shards.join(format!("tokenizer-{key:016x}")), key)
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
