//! The tokenizer of a pack, with what the pack says about it.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::bpe;
use crate::error::{Error, Result};
use crate::pack::hex;

/// The tokenizer of a pack.
pub(super) struct Vocabulary {
    pub(super) tokenizer: bpe::Tokenizer,
    /// The bytes of its file.
    pub(super) json: Vec<u8>,
    /// SHA-256 of them, in hex.
    pub(super) sha256: String,
    /// The id of `<|endoftext|>`.
    pub(super) eos: u32,
}

impl Vocabulary {
    /// Reads a tokenizer.json.
    ///
    /// # Errors
    /// The file cannot be read, is no tokenizer, or has no `<|endoftext|>`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::from_json(std::fs::read(path).map_err(|e| Error::io(path, &e))?, path)
    }

    /// A tokenizer that was trained here.
    ///
    /// # Errors
    /// It has no `<|endoftext|>`.
    pub(super) fn trained(tokenizer: bpe::Tokenizer) -> Result<Self> {
        let json = tokenizer.to_json().into_bytes();
        Self::new(tokenizer, json)
    }

    /// The tokenizer of a file whose bytes are here.
    ///
    /// # Errors
    /// As [`Vocabulary::read`]. `path` is for messages.
    pub(super) fn from_json(json: Vec<u8>, path: &Path) -> Result<Self> {
        let tokenizer = bpe::Tokenizer::from_json(&json, path)?;
        Self::new(tokenizer, json).map_err(|error| error.at(path))
    }

    fn new(tokenizer: bpe::Tokenizer, json: Vec<u8>) -> Result<Self> {
        let eos = tokenizer.eos().ok_or_else(|| {
            Error::data("the tokenizer has no <|endoftext|> token")
                .hint("train one with `rotools tokenizer train`, or add the token to it")
        })?;
        let sha256 = hex(&Sha256::digest(&json));
        Ok(Self { tokenizer, json, sha256, eos })
    }

    /// Whether its ids need 32 bits.
    pub(super) fn is_wide(&self) -> bool {
        bpe::is_wide(self.tokenizer.vocab_size())
    }
}
