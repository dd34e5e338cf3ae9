//! A byte-level BPE tokenizer: vocabulary, merge rules, pattern, added tokens.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::merges::Merges;
use super::pattern::Pattern;
use crate::error::{Error, Result};

/// The largest vocabulary of a pack of 16-bit tokens. Megatron's `.idx` readers take 16 bits below 65,500.
pub const MAX_U16_VOCAB: usize = 65_499;
/// What ends a document, in the order of preference.
const EOS_NAMES: [&str; 4] = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"];

/// A token that is matched as text before the words are cut, or that only programs write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    /// Special tokens are never read from documents; the others are part of the language, as in `tokenizers`.
    pub(super) special: bool,
    /// It stands in the vocabulary of the model, too, as trained special tokens do.
    pub(super) in_vocab: bool,
}

/// A byte-level BPE tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pub(super) pattern: Pattern,
    /// The bytes of all tokens, one after the other, and where each begins (one more at the end).
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Word -> id over the vocabulary without special tokens.
    by_bytes: FxHashMap<Box<[u8]>, u32>,
    /// Left, right and merged token, in order of rank.
    pub(super) rules: Vec<(u32, u32, u32)>,
    pub(super) merges: Merges,
    pub(super) byte_ids: [u32; 256],
    /// A word that is a token is that token, whatever the rules say (Llama 3).
    pub(super) ignore_merges: bool,
    pub(super) added: Vec<AddedToken>,
}

impl Tokenizer {
    /// Puts the parts together. `vocab` are ids and bytes without the special tokens, and whether text can read
    /// them; `rules` are left, right, merged in order of rank.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) when some byte has no token: its text would be lost.
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
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) when the file cannot be read; as [`Tokenizer::from_json`] else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let json = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
        Self::from_json(&json, path)
    }

    /// How many ids there are: the largest id plus one, added tokens included.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.starts.len() - 1
    }

    /// The pattern that cuts text into words.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The name of the pattern in llama.cpp: what `tokenizer.ggml.pre` has to say in a GGUF file.
    #[must_use]
    pub fn pre_tokenizer_name(&self) -> &'static str {
        self.pattern.name()
    }

    /// The bytes of a token; empty for an id that is none.
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

    /// The id of the token with exactly these bytes; special tokens are not looked for.
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

    /// Whether the id is a special token, one that is never read from a document.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.added.iter().any(|token| token.special && token.id == id)
    }

    /// The token that ends a document: `<|endoftext|>` or what the common families use in its place.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        EOS_NAMES
            .iter()
            .find_map(|name| self.added.iter().find(|token| token.content == *name))
            .map(|token| token.id)
    }

    /// The bytes of the tokens, one after the other; ids that are no token add nothing.
    ///
    /// Tokens may begin or end inside a character: make a string with [`String::from_utf8_lossy`] once all the
    /// ids are there.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            bytes.extend_from_slice(self.token(id));
        }
        bytes
    }
}
