//! `rotools tokenizer`: training on files, encoding files.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::feed::{self, Account, Parcel, Removal};
use super::files::{Rejects, Whole, beside, write_whole};
use super::left_out::LeftOut;
use crate::bpe;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// Adds the words of the documents that `keep` takes by their key to `counts`.
pub(super) fn count(
    sources: &[Source],
    options: &feed::Options,
    removal: Removal<'_, '_>,
    counts: &mut bpe::Counts,
    pattern: bpe::Pattern,
    keep: impl Fn(u128) -> bool + Sync,
    progress: &Progress,
) -> Result<Account> {
    // A counter serves one chunk at a time and many chunks, so that a word is handed on once, not per chunk.
    let idle: Mutex<Vec<bpe::WordCounter>> = Mutex::default();
    let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let account = feed::run(
        sources,
        options,
        removal,
        LeftOut::default(),
        progress,
        || (),
        |(), parcel: Parcel| {
            let mut counter = take().unwrap_or_else(|| bpe::WordCounter::new(pattern));
            for passed in parcel.documents.iter().filter(|passed| keep(passed.key)) {
                counter.add(&passed.document.text);
            }
            let full = counter.bytes_used() > COUNTER_BYTES;
            if !full {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(counter);
                return Ok(None);
            }
            Ok(Some(counter))
        },
        |full| full.map_or(Ok(()), |mut counter| counts.absorb(&mut counter)),
    )?;
    while let Some(mut counter) = take() {
        counts.absorb(&mut counter)?;
    }
    Ok(account)
}

/// Memory of one thread's word counter before it is handed on.
const COUNTER_BYTES: usize = 64 << 20;

/// Trains on every document of `sources`; writes `out` whole or not at all.
///
/// # Errors
/// Unreadable sources, no text, a full disk.
pub fn train(
    sources: &[Source],
    options: &feed::Options,
    train: &bpe::TrainOptions,
    out: &Path,
    progress: &Progress,
) -> Result<(bpe::Tokenizer, Account)> {
    let scratch = beside(out, "words");
    // What a killed run left is in the way; a folder that is not there is a slip of the user's.
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir(&scratch).map_err(|e| Error::io(out, &e))?;
    let result = (|| {
        let mut counts = bpe::Counts::new(256 << 20, &scratch);
        progress.begin("count words", sources.iter().map(|s| s.size).sum());
        let options = &feed::Options { keys: false, ..options.clone() };
        let account =
            count(sources, options, Removal::Nothing, &mut counts, train.pattern, |_| true, progress)?;
        if account.documents == 0 {
            return Err(Error::data("there is no document to train on")
                .hint("see the input with `rotools inspect FILE`"));
        }
        let tokenizer = bpe::train(counts, train, progress)?;
        write_whole(out, tokenizer.to_json().as_bytes())?;
        Ok((tokenizer, account))
    })();
    let _ = std::fs::remove_dir_all(&scratch);
    result
}

/// Encodes every document, `<|endoftext|>` after each, as little-endian u16; returns the account and tokens.
/// Rejects go to `OUT.rejects.jsonl` when there are any.
///
/// # Errors
/// Unreadable sources, a tokenizer without `<|endoftext|>` or with ids beyond u16, a full disk.
pub fn encode(
    sources: &[Source],
    options: &feed::Options,
    tokenizer: &bpe::Tokenizer,
    out: &Path,
    progress: &Progress,
) -> Result<(Account, u64)> {
    drop(bpe::Encoder::<u16, _>::new(tokenizer)?);
    let eos = tokenizer.eos().ok_or_else(|| {
        Error::data("the tokenizer has no <|endoftext|> token")
            .hint("train one with `rotools tokenizer train`")
    })? as u16;
    progress.begin("encode", sources.iter().map(|s| s.size).sum());
    let options = &feed::Options { keys: false, ..options.clone() };
    let mut file = Whole::create(out)?;
    let mut rejects = Rejects::of(out);
    let mut tokens = 0u64;
    let account = feed::run(
        sources,
        options,
        Removal::Nothing,
        LeftOut { rejects: Some(&mut rejects), ledger: None },
        progress,
        || bpe::Encoder::<u16, _>::new(tokenizer),
        |encoder, parcel: Parcel| {
            let encoder = encoder.as_mut().map_err(|e| e.clone())?;
            let mut ids = Vec::new();
            for passed in &parcel.documents {
                encoder.encode_u16(&passed.document.text, &mut ids);
                ids.push(eos);
            }
            // Two bytes an id, written in place: the compiler makes one copy of it on little-endian machines.
            let mut bytes = vec![0; ids.len() * 2];
            for (two, id) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(&ids) {
                *two = id.to_le_bytes();
            }
            Ok(bytes)
        },
        |bytes| {
            tokens += bytes.len() as u64 / 2;
            file.write_all(&bytes).map_err(|e| Error::io(out, &e))
        },
    )?;
    file.finish()?;
    rejects.finish()?;
    Ok((account, tokens))
}
