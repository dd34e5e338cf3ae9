//! Text to token ids.

use std::ops::Deref;

use super::added::Splitter;
use super::cache::{Cache, INLINE, Known, hash};
use super::lane::Lane;
use super::merges::Scratch;
use super::pattern::Pattern;
use super::pretokenize::{Gpt2, Llama3, Qwen2, Words, word_end};
use super::tokenizer::{MAX_U16_VOCAB, Tokenizer};
use crate::error::{Error, Result};

/// The number of words that are cut before the first one is looked up. Meanwhile their cache lines are prefetched.
pub(super) const BATCH: usize = 32;

/// The width of a token id in memory and in a pack: `u16` or `u32`.
pub trait Id: Copy + Send + Sync + 'static {
    /// The largest vocabulary that the width allows.
    const MAX_VOCAB: usize;
    /// Bytes of an id in a file.
    const BYTES: usize = size_of::<Self>();
    /// The id, which fits: [`Encoder::new`] checked the vocabulary.
    fn new(id: u32) -> Self;
    /// Appends the little-endian bytes of ids.
    fn write(ids: &[Self], out: &mut Vec<u8>);
    /// Appends the ids in little-endian bytes. Bytes that are no whole id at the end are left out.
    fn read(bytes: &[u8], out: &mut Vec<Self>);
}

/// Whether a vocabulary needs ids of 32 bits.
///
/// # Examples
///
/// ```
/// assert!(!rotext::bpe::is_wide(40_000));
/// assert!(rotext::bpe::is_wide(128_256));
/// ```
#[must_use]
pub fn is_wide(vocab_size: usize) -> bool {
    vocab_size > u16::MAX_VOCAB
}

impl Id for u16 {
    const MAX_VOCAB: usize = MAX_U16_VOCAB;
    #[inline(always)]
    fn new(id: u32) -> Self {
        id as Self
    }
    // On little-endian machines the compiler turns these loops into one copy.
    fn write(ids: &[Self], out: &mut Vec<u8>) {
        out.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    }
    fn read(bytes: &[u8], out: &mut Vec<Self>) {
        out.extend(bytes.as_chunks::<2>().0.iter().map(|two| Self::from_le_bytes(*two)));
    }
}

impl Id for u32 {
    const MAX_VOCAB: usize = Self::MAX as usize;
    #[inline(always)]
    fn new(id: u32) -> Self {
        id
    }
    fn write(ids: &[Self], out: &mut Vec<u8>) {
        out.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    }
    fn read(bytes: &[u8], out: &mut Vec<Self>) {
        out.extend(bytes.as_chunks::<4>().0.iter().map(|four| Self::from_le_bytes(*four)));
    }
}

/// Encodes text. Make one for each thread: it has a cache of words (at most about 60 MB). The tokenizer is borrowed, or shared in
/// an `Arc` when the encoder must outlive the call.
///
/// The ids are those of `tokenizers`, with one exception: the text of a special token is ordinary text. A document that contains
/// `<|endoftext|>` cannot end itself. Encoding costs O(n) for n bytes of text whose words are in the cache.
pub struct Encoder<I, T> {
    tokenizer: T,
    splitter: Option<Splitter>,
    cache: Cache,
    scratch: Scratch,
    id: std::marker::PhantomData<I>,
}

impl<I: Id, T: Deref<Target = Tokenizer>> Encoder<I, T> {
    /// An encoder with an empty cache.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) when the vocabulary is too large for `I`: over 65,499 for `u16`.
    pub fn new(tokenizer: T) -> Result<Self> {
        let size = tokenizer.vocab_size();
        if size > I::MAX_VOCAB {
            return Err(Error::data(format!(
                "the tokenizer has {size} tokens, and these ids take at most {}",
                I::MAX_VOCAB
            ))
            .hint("use a smaller vocabulary: rotools tokenizer train --vocab-size 40000"));
        }
        Ok(Self {
            splitter: Splitter::new(&tokenizer.added),
            tokenizer,
            cache: Cache::new(),
            scratch: Scratch::default(),
            id: std::marker::PhantomData,
        })
    }

    /// Appends the ids of one document to `out`, and adds no token at its ends.
    pub fn encode(&mut self, text: &str, out: &mut Vec<I>) {
        let Some(splitter) = self.splitter.take() else { return self.encode_words(text, out) };
        let mut rest = 0;
        for (start, end, id) in splitter.matches(text) {
            self.encode_words(&text[rest..start], out);
            out.push(I::new(id));
            rest = end;
        }
        self.encode_words(&text[rest..], out);
        self.splitter = Some(splitter);
    }

    fn encode_words(&mut self, text: &str, out: &mut Vec<I>) {
        match self.tokenizer.pattern {
            Pattern::Gpt2 => self.encode_as::<Gpt2>(text.as_bytes(), out),
            Pattern::Llama3 => self.encode_as::<Llama3>(text.as_bytes(), out),
            Pattern::Qwen2 => self.encode_as::<Qwen2>(text.as_bytes(), out),
        }
    }

    fn encode_as<W: Words>(&mut self, text: &[u8], out: &mut Vec<I>) {
        let mut batch = [(0u128, 0u64, 0usize); BATCH];
        let mut at = 0;
        while at < text.len() {
            let start = at;
            let mut n = 0;
            let mut long = None;
            while n < BATCH && at < text.len() {
                let (end, lane) = word_end::<W>(text, at);
                if end - at >= 16 {
                    long = Some((at, end));
                    at = end;
                    break;
                }
                let word = lane.word(end - at);
                let hash = hash(word);
                self.cache.prefetch(hash);
                batch[n] = (word, hash, end);
                n += 1;
                at = end;
            }
            self.encode_short(text, start, &batch[..n], out);
            if let Some((start, end)) = long {
                self.encode_long(&text[start..end], out);
            }
        }
    }

    /// Encodes the words of a batch, one after another from `at`.
    #[inline(always)]
    fn encode_short(&mut self, text: &[u8], mut at: usize, batch: &[(u128, u64, usize)], out: &mut Vec<I>) {
        // A short word has at most as many ids as bytes, 15. INLINE ids are always written, even if fewer count.
        out.reserve(BATCH * 15 + INLINE);
        let mut len = out.len();
        for &(word, hash, end) in batch {
            match self.cache.get(word, hash) {
                Known::Few(ids, n) => {
                    for (i, id) in ids.into_iter().enumerate() {
                        // SAFETY: there is room for 15 ids for each word and INLINE more, see `reserve` above.
                        unsafe { out.as_mut_ptr().add(len + i).write(I::new(id)) };
                    }
                    len += n;
                }
                Known::Many(ids) => {
                    for &id in ids {
                        // SAFETY: as above; a word has at most as many ids as bytes.
                        unsafe { out.as_mut_ptr().add(len).write(I::new(id)) };
                        len += 1;
                    }
                }
                Known::Unknown => {
                    self.merge(&text[at..end]);
                    let Self { cache, scratch, .. } = self;
                    cache.put(word, hash, &scratch.ids);
                    for &id in &scratch.ids {
                        // SAFETY: as above.
                        unsafe { out.as_mut_ptr().add(len).write(I::new(id)) };
                        len += 1;
                    }
                }
            }
            at = end;
        }
        // SAFETY: ids up to `len` have been written.
        unsafe { out.set_len(len) };
    }

    #[cold]
    fn encode_long(&mut self, word: &[u8], out: &mut Vec<I>) {
        if let Some(ids) = self.cache.get_long(word) {
            out.extend(ids.iter().map(|&id| I::new(id)));
            return;
        }
        self.merge(word);
        self.cache.put_long(word, &self.scratch.ids);
        out.extend(self.scratch.ids.iter().map(|&id| I::new(id)));
    }

    /// Puts the ids of a word into `self.scratch.ids`.
    #[inline(never)]
    fn merge(&mut self, word: &[u8]) {
        let Self { tokenizer, scratch, .. } = self;
        scratch.ids.clear();
        if tokenizer.ignore_merges
            && let Some(id) = tokenizer.token_of(word)
        {
            scratch.ids.push(id);
            return;
        }
        scratch.ids.extend(word.iter().map(|&byte| tokenizer.byte_ids[usize::from(byte)]));
        tokenizer.merges.apply(scratch, |id| tokenizer.token_len(id));
    }
}
