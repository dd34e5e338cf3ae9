//! `rotools verify`: checks every byte of a pack against its manifest.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::manifest::{Manifest, Shard};
use super::read::id;
use super::{PIECE_BYTES, sidecar};
use crate::error::{Error, Place, Result};
use crate::progress::Progress;

/// What was checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Token files.
    pub shards: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Documents counted at their `<|endoftext|>`.
    pub documents: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// Reads every token file and checks sizes, checksums, ids, document ends, sidecars and the tokenizer's hash. It is bound by the
/// speed of the disk.
///
/// # Errors
/// The first difference from the manifest, with the file and the byte.
pub fn verify(directory: &Path, progress: &Progress) -> Result<Verified> {
    let manifest = Manifest::read(directory)?;
    let tokenizer = directory.join(&manifest.tokenizer.file);
    let bytes = std::fs::read(&tokenizer).map_err(|e| Error::io(&tokenizer, &e))?;
    if hex(&Sha256::digest(&bytes)) != manifest.tokenizer.sha256 {
        return Err(damage("the tokenizer is not the one that made the pack", &tokenizer, None));
    }
    let splits = || manifest.phases.iter().flat_map(|phase| [&phase.train, &phase.valid]);
    progress.begin("verify", splits().flat_map(|s| &s.shards).fold(0, |all, s| all.saturating_add(s.size)));
    let mut verified = Verified { shards: 0, tokens: 0, documents: 0, bytes: 0 };
    for split in splits() {
        for shard in &split.shards {
            check(directory, shard, &manifest, progress)?;
            verified.shards += 1;
            verified.tokens += shard.tokens;
            verified.documents += shard.documents;
            verified.bytes += shard.size;
        }
    }
    Ok(verified)
}

fn check(directory: &Path, shard: &Shard, manifest: &Manifest, progress: &Progress) -> Result<()> {
    let path = directory.join(&shard.file);
    let io = |e: std::io::Error| Error::io(&path, &e);
    let mut file = File::open(&path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size != shard.size {
        let what = format!("the file has {size} bytes, the manifest says {}", shard.size);
        return Err(damage(&what, &path, None));
    }
    let width = if manifest.dtype == "<u2" { 2 } else { 4 };
    let mut ends = vec![0u64];
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let mut at = 0u64;
    for sum in &shard.xxh3_64 {
        progress.check()?;
        piece.clear();
        let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(io)? as u64;
        if format!("{:016x}", xxh3_64(&piece)) != *sum {
            return Err(damage("the checksum of these 4 MiB does not match", &path, Some(at)));
        }
        for (index, bytes) in piece.chunks_exact(width).enumerate() {
            let id = id(bytes);
            if id >= manifest.vocab_size {
                let byte = at + (width * index) as u64;
                return Err(damage("a token id is beyond the vocabulary", &path, Some(byte)));
            }
            if id == manifest.eos_id {
                ends.push(at / width as u64 + index as u64 + 1);
            }
        }
        at += read;
        progress.advance(read);
        progress.add(read, 0);
    }
    if at != size || ends.len() as u64 != shard.documents + 1 || ends.last() != Some(&shard.tokens) {
        return Err(damage("the documents are not where the manifest says", &path, None));
    }
    for (ending, expected) in
        [("offsets.npy", sidecar::offsets(&ends)), ("idx", sidecar::megatron(&ends, width))]
    {
        let path = path.with_extension(ending);
        if std::fs::read(&path).map_err(|e| Error::io(&path, &e))? != expected {
            return Err(damage("the document ends do not match the tokens", &path, None));
        }
    }
    let table = path.with_extension("docs.parquet");
    if !sidecar::table_has(&table, &ends)? {
        return Err(damage("the documents' table does not match the tokens", &table, None));
    }
    Ok(())
}

fn damage(what: &str, path: &Path, byte: Option<u64>) -> Error {
    Error::data(what)
        .at_place(Place { path: path.to_owned(), line: None, byte })
        .hint("make the pack again with `rotools pack`, or copy it again from an intact pack")
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
