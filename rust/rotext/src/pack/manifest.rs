//! `manifest.json`: what a pack holds, and what it was made from. Nothing in it depends on the time, the machine or the number of
//! threads.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Value of `format`.
pub const FORMAT: &str = "rotools-pack";
/// Value of `version`. A reader refuses every other version.
pub const VERSION: u32 = 1;

/// The manifest of a pack.
///
/// # Examples
///
/// ```
/// use rotext::error::ErrorKind;
/// use rotext::pack::Manifest;
///
/// let folder = tempfile::tempdir().expect("a folder for the example");
/// let error = Manifest::read(folder.path()).unwrap_err();
/// assert_eq!(error.kind, ErrorKind::Io);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// numpy name of the token type: `<u2`, or `<u4` for a vocabulary over 65,499.
    pub dtype: String,
    /// Inputs of one block.
    pub block_tokens: u64,
    /// Tokens from the start of one block to the next. It equals `block_tokens`, so two blocks share a token at their border.
    pub stride: u64,
    /// Every id is below this.
    pub vocab_size: u32,
    /// Id of `<|endoftext|>`.
    pub eos_id: u32,
    /// The tokenizer that made the ids.
    pub tokenizer: TokenizerFile,
    /// The phases, in the order of training.
    pub phases: Vec<Phase>,
    /// The options that determine the bytes.
    pub config: serde_json::Value,
    /// The sources and the version of the program.
    pub provenance: serde_json::Value,
}

/// The tokenizer file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerFile {
    /// Name in the directory.
    pub file: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// For example `web`.
    pub name: String,
    /// How often the phase is trained on.
    pub epochs: u32,
    /// Documents for training.
    pub train: Split,
    /// Documents held out.
    pub valid: Split,
}

/// The tokens of a phase for training or validation: its pack shards, one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Tokens, `<|endoftext|>` included.
    pub tokens: u64,
    /// Documents.
    pub documents: u64,
    /// UTF-8 bytes of the texts.
    pub bytes: u64,
    /// Whole blocks in the stream.
    pub blocks: u64,
    /// Tokens after the labels of the last block. They are in the files, but in no block.
    pub tail_tokens: u64,
    /// The files, in order.
    pub shards: Vec<Shard>,
}

/// One file of tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Name in the directory.
    pub file: String,
    /// Tokens.
    pub tokens: u64,
    /// Documents.
    pub documents: u64,
    /// UTF-8 bytes of the texts.
    pub bytes: u64,
    /// Bytes of the file.
    pub size: u64,
    /// XXH3-64 of each piece of 4 MiB, in hex.
    pub xxh3_64: Vec<String>,
}

impl Manifest {
    /// Reads and checks `DIR/manifest.json`.
    ///
    /// # Errors
    /// The file is missing, not a manifest, damaged, or of another version.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join("manifest.json");
        let bytes = std::fs::read(&path).map_err(|e| {
            Error::io(&path, &e).hint("name a pack directory; `rotools pack corpus.jsonl` makes one")
        })?;
        let broken = |e: serde_json::Error| {
            Error::data(format!("the manifest is damaged ({e})"))
                .at(&path)
                .hint("make the pack again with `rotools pack`")
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(broken)?;
        if value["format"] != FORMAT {
            return Err(Error::data("not the manifest of a pack").at(&path).hint("name a pack directory"));
        }
        if value["version"] != VERSION {
            return Err(Error::data(format!(
                "the pack has format version {}, this program reads {VERSION}",
                value["version"]
            ))
            .at(&path)
            .hint("make the pack again with `rotools pack`"));
        }
        let manifest: Self = serde_json::from_value(value).map_err(broken)?;
        manifest.check().map_err(|what| {
            Error::data(format!("the manifest is damaged ({what})"))
                .at(&path)
                .hint("make the pack again with `rotools pack`")
        })?;
        Ok(manifest)
    }

    /// Bytes of a token; `None` for a type that this program does not know.
    #[must_use]
    pub fn token_bytes(&self) -> Option<u64> {
        match self.dtype.as_str() {
            "<u2" => Some(2),
            "<u4" => Some(4),
            _ => None,
        }
    }

    /// Checks what needs no other file: that names stay in the directory, and that numbers add up.
    fn check(&self) -> std::result::Result<(), String> {
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        if !plain(&self.tokenizer.file) {
            return Err(format!("`{}` is not a file name", self.tokenizer.file));
        }
        let width = self.token_bytes().ok_or_else(|| format!("`{}` is not a type of tokens", self.dtype))?;
        for (phase, split) in self.phases.iter().flat_map(|p| [(p, &p.train), (p, &p.valid)]) {
            let sum = |get: fn(&Shard) -> u64| {
                split.shards.iter().try_fold(0u64, |all, shard| all.checked_add(get(shard)))
            };
            let totals = (Some(split.tokens), Some(split.documents), Some(split.bytes));
            let sums = (sum(|s| s.tokens), sum(|s| s.documents), sum(|s| s.bytes));
            if totals != sums || super::blocks(split.tokens) != split.blocks {
                return Err(format!("the sums of phase `{}` do not add up", phase.name));
            }
            for shard in &split.shards {
                if !plain(&shard.file) || shard.tokens.checked_mul(width) != Some(shard.size) {
                    return Err(format!("shard `{}` has an invalid name or size", shard.file));
                }
            }
        }
        Ok(())
    }
}
