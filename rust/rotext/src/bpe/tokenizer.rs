//! A byte-level BPE tokenizer: vocabulary, merge rules, pattern, added tokens.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::merges::Merges;
use super::pattern::Pattern;
use crate::error::{Error, Result};

/// The largest vocabulary of a pack with 16-bit tokens. Megatron's `.idx` readers use 16 bits below 65,500.
pub const MAX_U16_VOCAB: usize = 65_499;
/// The names of the token that ends a document, in the order of preference.
const EOS_NAMES: [&str; 4] = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"];

/// A token that is matched before words are cut, or (special) that only programs write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    /// Special tokens are never read from documents. The others are matched in text, as in `tokenizers`.
    pub(super) special: bool,
    /// It is in the vocabulary of the model too, as trained special tokens are.
    pub(super) in_vocab: bool,
}

/// A byte-level BPE tokenizer.
///
/// # Examples
///
/// Count the words of a text, train on them, encode and decode:
///
/// ```
/// use rotext::bpe::{Counts, Encoder, Pattern, TrainOptions, WordCounter, train};
/// use rotext::progress::Progress;
///
/// # fn main() -> rotext::error::Result<()> {
/// let mut counter = WordCounter::new(Pattern::Llama3);
/// counter.add("ana are mere, ana are pere");
/// let mut counts = Counts::new(64 << 20, std::env::temp_dir());
/// counts.absorb(&mut counter)?;
/// let options = TrainOptions { vocab_size: 260, ..TrainOptions::default() };
/// let tokenizer = train(counts, &options, &Progress::default())?;
///
/// let mut ids = Vec::new();
/// Encoder::<u16, _>::new(&tokenizer)?.encode("ana are", &mut ids);
/// let ids: Vec<u32> = ids.into_iter().map(u32::from).collect();
/// assert!(ids.len() < "ana are".len());
/// assert_eq!(tokenizer.decode(&ids), b"ana are");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pub(super) pattern: Pattern,
    /// The bytes of all tokens, one after another, and the start of each (with one more at the end).
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// From bytes to ids, without special tokens.
    by_bytes: FxHashMap<Box<[u8]>, u32>,
    /// Left, right and merged token, in order of rank.
    pub(super) rules: Vec<(u32, u32, u32)>,
    pub(super) merges: Merges,
    pub(super) byte_ids: [u32; 256],
    /// A word that is a token becomes that token, whatever the rules are (Llama 3).
    pub(super) ignore_merges: bool,
    pub(super) added: Vec<AddedToken>,
}

impl Tokenizer {
    /// Makes a tokenizer of its parts. `vocab` has the id and bytes of each token that is not special, and whether text can contain
    /// it. `rules` are left, right and merged token, in the order of rank.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) when a byte has no token: text with it would be lost.
    pub(super) fn new(
        pattern: Pattern,
        vocab: impl IntoIterator<Item = (u32, Vec<u8>, bool)>,
        rules: Vec<(u32, u32, u32)>,
        added: Vec<AddedToken>,
        ignore_merges: bool,
    ) -> Result<Self> {
        let mut tokens: Vec<Vec<u8>> = Vec::new();
        let mut by_bytes = FxHashMap::default();
        let mut put = |id: u32, bytes: Vec<u8>| {
            let at = id as usize;
            if tokens.len() <= at {
                tokens.resize(at + 1, Vec::new());
            }
            tokens[at] = bytes;
        };
        for (id, bytes, readable) in vocab {
            if readable {
                by_bytes.insert(bytes.clone().into_boxed_slice(), id);
            }
            put(id, bytes);
        }
        for token in &added {
            put(token.id, token.content.clone().into_bytes());
        }
        let mut byte_ids = [0; 256];
        for byte in 0..=255u8 {
            byte_ids[usize::from(byte)] = *by_bytes.get(&[byte][..]).ok_or_else(|| {
                Error::data(format!(
                    "the vocabulary has no token for byte 0x{byte:02X}, so text with it would be lost"
                ))
                .hint("train with the whole byte alphabet: `rotools tokenizer train` does")
            })?;
        }
        let mut starts = Vec::with_capacity(tokens.len() + 1);
        let mut bytes = Vec::new();
        for token in &tokens {
            starts.push(bytes.len() as u32);
            bytes.extend_from_slice(token);
        }
        starts.push(bytes.len() as u32);
        let merges = Merges::new(&rules);
        Ok(Self { pattern, bytes, starts, by_bytes, rules, merges, byte_ids, ignore_merges, added })
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) when the file cannot be read; else as [`Tokenizer::from_json`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let json = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
        Self::from_json(&json, path)
    }

    /// The number of ids: the largest id plus one, added tokens included.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.starts.len() - 1
    }

    /// The pattern that cuts text into words.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The name of the pattern in llama.cpp: the value of `tokenizer.ggml.pre` in a GGUF file.
    #[must_use]
    pub fn pre_tokenizer_name(&self) -> &'static str {
        self.pattern.name()
    }

    /// The bytes of a token; empty for an id without a token.
    #[must_use]
    pub fn token(&self, id: u32) -> &[u8] {
        match self.starts.get(id as usize..) {
            Some([start, end, ..]) => &self.bytes[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// The length of a token in bytes.
    #[inline]
    pub(super) fn token_len(&self, id: u32) -> usize {
        let at = id as usize;
        (self.starts[at + 1] - self.starts[at]) as usize
    }

    /// The id of the token with exactly these bytes. Special tokens are not searched.
    #[must_use]
    pub fn token_of(&self, bytes: &[u8]) -> Option<u32> {
        self.by_bytes.get(bytes).copied()
    }

    /// The id of a token by its text, added and special tokens first.
    #[must_use]
    pub fn token_id(&self, text: &str) -> Option<u32> {
        let added = self.added.iter().find(|token| token.content == text).map(|token| token.id);
        added.or_else(|| self.token_of(text.as_bytes()))
    }

    /// Whether the id is a special token, which is never read from a document.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.added.iter().any(|token| token.special && token.id == id)
    }

    /// The token that ends a document: `<|endoftext|>`, or the one that other model families use.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        EOS_NAMES
            .iter()
            .find_map(|name| self.added.iter().find(|token| token.content == *name))
            .map(|token| token.id)
    }

    /// The bytes of the tokens, one after another. An id without a token adds nothing.
    ///
    /// A token may begin or end inside a character, so convert to a string (with [`String::from_utf8_lossy`]) only after all ids
    /// are decoded.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            bytes.extend_from_slice(self.token(id));
        }
        bytes
    }
}
