//! The step `encode`: the tokens of the documents of a shard that are kept, and what the gate must know of the others.

use xxhash_rust::xxh3::xxh3_64;

use super::super::near_dedup::ShardReport;
use super::super::resume::Shard;
use super::super::stream::OpenedChunk;
use super::super::vocabulary::Vocabulary;
use super::count;
use super::prepared::{self, Tokens};
use super::record_file::RecordWriter;
use super::run::Run;
use super::task::{Decided, Task, part_bytes, since_judged};
use super::{Decisions, Step};
use crate::bpe;
use crate::document::Reject;
use crate::error::{Error, Result};
use crate::fault::{guard, trip};
use crate::progress::Progress;

/// Encodes the documents of one shard.
///
/// # Errors
/// The step `decide` or `train` is not done, the input changed or cannot be read.
pub(super) fn encode(run: &Run<'_>, shard: Shard, progress: &Progress) -> Result<ShardReport> {
    let decided = Decided::open(run)?;
    let task = decided.task(run, shard)?;
    let vocabulary = count::vocabulary(run, &decided)?;
    encode_task(run, (&decided, &task), &vocabulary, shard, progress)
        .map_err(|error| since_judged(error, shard))
}

/// As [`encode`], for a run that has decisions and tokenizer.
pub(super) fn encode_task(
    run: &Run<'_>,
    of: (&Decided, &Task<'_>),
    vocabulary: &Vocabulary,
    shard: Shard,
    progress: &Progress,
) -> Result<ShardReport> {
    let encode = if vocabulary.is_wide() { encode_as::<u32> } else { encode_as::<u16> };
    encode(run, of, vocabulary, shard, progress)
}

fn encode_as<I: bpe::Id>(
    run: &Run<'_>,
    (decided, task): (&Decided, &Task<'_>),
    vocabulary: &Vocabulary,
    shard: Shard,
    progress: &Progress,
) -> Result<ShardReport> {
    let (path, before) = (run.file(Step::Encode, shard), run.volume());
    let key = key(&decided.decisions, vocabulary, shard.number(), shard.of());
    let mut file = RecordWriter::create(&path, key)?;
    let mut replay = task.replay()?;
    let removed = replay.removals.removed();
    let eos = I::new(vocabulary.eos);
    let mut sums = (0, 0, 0);
    for (number, (phase, part)) in (0u32..).zip(run.options.phases.iter().zip(task.phases(run))) {
        progress.begin(&format!("encode {}", phase.name), part_bytes(&phase.sources, part));
        let options = run.options.stream_of(phase);
        let stream = replay.stream(&phase.sources, part, &options, progress);
        stream.run_ungated(
            || bpe::Encoder::<I, _>::new(&vocabulary.tokenizer),
            |encoder, opened: OpenedChunk| {
                let encoder = encoder.as_mut().map_err(|e| e.clone())?;
                let (mut ids, mut documents, mut bytes) = (Vec::new(), Vec::new(), 0);
                for (document, kept) in (opened.chunk.first_document..).zip(&opened.chunk.documents) {
                    if removed.contains(document) || kept.failure.is_some() || kept.blank {
                        continue;
                    }
                    let start = ids.len();
                    let done = guard(|| {
                        trip("encode", &kept.document.text);
                        encoder.encode(&kept.document.text, &mut ids);
                    });
                    let size: std::result::Result<u32, Reject> = match done {
                        Ok(()) => {
                            ids.push(eos);
                            bytes += kept.bytes;
                            Ok((ids.len() - start) as u32)
                        }
                        Err(panic) => {
                            *encoder = bpe::Encoder::new(&vocabulary.tokenizer)?;
                            ids.truncate(start);
                            Err(kept.document.clone().into_internal(&panic))
                        }
                    };
                    documents.push(size);
                }
                let counts =
                    (opened.records, documents.iter().filter(|size| size.is_ok()).count() as u64, bytes);
                let mut tokens = Tokens { documents, ids: Vec::with_capacity(ids.len() * I::BYTES) };
                I::write(&ids, &mut tokens.ids);
                Ok((prepared::encode(number, &opened, &tokens), counts))
            },
            |(body, (records, documents, bytes))| {
                sums = (sums.0 + records, sums.1 + documents, sums.2 + bytes);
                file.push(&body)
            },
        )?;
    }
    // The gate, which compares the numbers of documents, is in another step; the frames must be used up here.
    if replay.frames.next()?.is_some() {
        return Err(Error::changed());
    }
    file.finish()?;
    Ok(task.report(run, sums, before, path))
}

/// The shards of the step `encode` that are missing.
pub(super) fn lacking(run: &Run<'_>, decided: &Decided, vocabulary: &Vocabulary) -> Result<Vec<u32>> {
    let of = decided.shards();
    run.lacking(Step::Encode, of, |number| key(&decided.decisions, vocabulary, number, of))
}

/// As [`lacking`], with the damaged ones.
pub(super) fn unsound(run: &Run<'_>, decided: &Decided, vocabulary: &Vocabulary) -> Result<Vec<u32>> {
    let of = decided.shards();
    run.unsound(Step::Encode, of, |number| key(&decided.decisions, vocabulary, number, of))
}

/// The key of the file of a shard.
pub(super) fn key(decisions: &Decisions, vocabulary: &Vocabulary, number: u32, of: u32) -> u64 {
    let description = format!("encode {} {} {number} {of}", decisions.key, vocabulary.sha256);
    xxh3_64(description.as_bytes())
}
