//! `rotools tokenizer`: train on files, encode files.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::output::{AtomicFile, DecisionLog, RejectsFile, hidden_sibling, write_atomic};
use super::stream::{DocumentStream, Options, ProcessedChunk, StreamReport};
use crate::bpe;
use crate::error::{Error, Result};
use crate::fault::{guard, trip};
use crate::progress::Progress;
use crate::reader::Source;

/// Adds the words of a pass to `counts`, from the documents whose key `keep` accepts.
pub(super) fn count(
    stream: DocumentStream<'_, '_>,
    counts: &mut bpe::Counts,
    pattern: bpe::Pattern,
    keep: impl Fn(u128) -> bool + Sync,
) -> Result<StreamReport> {
    // A counter serves many chunks, one after another, so that a word is handed on once and not once a chunk.
    let idle: Mutex<Vec<bpe::WordCounter>> = Mutex::default();
    let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let read = stream.run_to(
        || (),
        |(), chunk: ProcessedChunk| {
            let mut counter = take().unwrap_or_else(|| bpe::WordCounter::new(pattern));
            let mut failures = Vec::new();
            for kept in chunk.documents.into_iter().filter(|kept| keep(kept.key)) {
                // The words before the place of the panic stay counted: they are in the table of many documents.
                let added = guard(|| {
                    trip("count", &kept.document.text);
                    counter.add(&kept.document.text);
                });
                if let Err(panic) = added {
                    failures.push((kept.document.into_internal(&panic), kept.bytes));
                }
            }
            let full = counter.bytes_used() > COUNTER_BYTES;
            if !full {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(counter);
                return Ok((chunk.source, None, failures));
            }
            Ok((chunk.source, Some(counter), failures))
        },
        |(source, full, failures), rejected| {
            for (reject, bytes) in failures {
                rejected.push(source, reject, bytes);
            }
            full.map_or(Ok(()), |mut counter| counts.absorb(&mut counter))
        },
    )?;
    while let Some(mut counter) = take() {
        counts.absorb(&mut counter)?;
    }
    Ok(read)
}

/// Memory of a word counter, in bytes, before its words are handed on.
const COUNTER_BYTES: usize = 64 << 20;

/// Trains a tokenizer on every document of `sources`, and writes it to `out`, whole or not at all.
///
/// # Errors
/// Unreadable sources, no text, a full disk.
pub fn train(
    sources: &[Source],
    options: &Options,
    train: &bpe::TrainOptions,
    out: &Path,
    progress: &Progress,
) -> Result<(bpe::Tokenizer, StreamReport)> {
    let scratch = hidden_sibling(out, "words");
    // A killed run may have left the folder. `create_dir` fails if the user named a folder that does not exist.
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir(&scratch).map_err(|e| Error::io(out, &e))?;
    let result = (|| {
        let mut counts = bpe::Counts::new(256 << 20, &scratch);
        progress.begin("count words", sources.iter().map(|s| s.size).sum());
        let options = &Options { keys: false, ..options.clone() };
        let stream = DocumentStream::new(sources, options, progress);
        let read = count(stream, &mut counts, train.pattern, |_| true)?;
        if read.documents == 0 {
            return Err(Error::data("there is no document to train on")
                .hint("see the input with `rotools inspect FILE`"));
        }
        let tokenizer = bpe::train(counts, train, progress)?;
        write_atomic(out, tokenizer.to_json().as_bytes())?;
        Ok((tokenizer, read))
    })();
    let _ = std::fs::remove_dir_all(&scratch);
    result
}

/// Encodes every document as little-endian u16 (u32 for a vocabulary over 65,499), with `<|endoftext|>` after each. Returns the report and the number of tokens.
/// Rejects are written to `OUT.rejects.jsonl` if there are any.
///
/// # Errors
/// Unreadable sources, a tokenizer without `<|endoftext|>`, a full disk.
pub fn encode(
    sources: &[Source],
    options: &Options,
    tokenizer: &bpe::Tokenizer,
    out: &Path,
    progress: &Progress,
) -> Result<(StreamReport, u64)> {
    let encode = if bpe::is_wide(tokenizer.vocab_size()) { encode_as::<u32> } else { encode_as::<u16> };
    encode(sources, options, tokenizer, out, progress)
}

fn encode_as<I: bpe::Id>(
    sources: &[Source],
    options: &Options,
    tokenizer: &bpe::Tokenizer,
    out: &Path,
    progress: &Progress,
) -> Result<(StreamReport, u64)> {
    let eos = tokenizer.eos().ok_or_else(|| {
        Error::data("the tokenizer has no <|endoftext|> token")
            .hint("train one with `rotools tokenizer train`")
    })?;
    progress.begin("encode", sources.iter().map(|s| s.size).sum());
    let options = &Options { keys: false, ..options.clone() };
    let mut file = AtomicFile::create(out)?;
    let mut rejects = RejectsFile::beside(out);
    let mut tokens = 0u64;
    let stream = DocumentStream {
        decisions: DecisionLog { rejects: Some(&mut rejects), ledger: None },
        ..DocumentStream::new(sources, options, progress)
    };
    let read = stream.run_to(
        || bpe::Encoder::<I, _>::new(tokenizer),
        |encoder, chunk: ProcessedChunk| {
            let encoder = encoder.as_mut().map_err(|e| e.clone())?;
            let (mut ids, mut failures) = (Vec::new(), Vec::new());
            for kept in chunk.documents {
                let before = ids.len();
                let encoded = guard(|| {
                    trip("encode", &kept.document.text);
                    encoder.encode(&kept.document.text, &mut ids);
                });
                match encoded {
                    Ok(()) => ids.push(I::new(eos)),
                    Err(panic) => {
                        *encoder = bpe::Encoder::new(tokenizer)?;
                        ids.truncate(before);
                        failures.push((kept.document.into_internal(&panic), kept.bytes));
                    }
                }
            }
            let mut bytes = Vec::with_capacity(ids.len() * I::BYTES);
            I::write(&ids, &mut bytes);
            Ok((chunk.source, bytes, failures))
        },
        |(source, bytes, failures), rejected| {
            for (reject, bytes) in failures {
                rejected.push(source, reject, bytes);
            }
            tokens += (bytes.len() / I::BYTES) as u64;
            file.write_all(&bytes).map_err(|e| Error::io(out, &e))
        },
    )?;
    file.finish()?;
    rejects.finish()?;
    Ok((read, tokens))
}
