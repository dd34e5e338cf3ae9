//! Reads one block.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::manifest::Manifest;
use super::{BLOCK_TOKENS, blocks};
use crate::error::{Error, Result};

/// Reads block `number` (from 0) of a phase and split (`train`, `valid`): 2048 inputs and the last label, so 2049 ids. A block may
/// continue in the next pack shard.
///
/// # Errors
/// The phase, split or block does not exist; a pack shard is shorter than the manifest says.
pub fn read_block(directory: &Path, phase: &str, split: &str, number: u64) -> Result<Vec<u32>> {
    let manifest = Manifest::read(directory)?;
    let names: Vec<&str> = manifest.phases.iter().map(|p| p.name.as_str()).collect();
    let Some(found) = manifest.phases.iter().find(|p| p.name == phase) else {
        return Err(Error::usage(format!("the pack has no phase `{phase}`"))
            .hint(format!("there are: {}", names.join(", "))));
    };
    let stream = match split {
        "train" => &found.train,
        "valid" => &found.valid,
        _ => return Err(Error::usage(format!("a pack has no split `{split}`")).hint("train or valid")),
    };
    if number >= blocks(stream.tokens) {
        return Err(Error::usage(format!("there is no block {number}"))
            .hint(format!("{split}-{phase} has {} blocks, counted from 0", stream.blocks)));
    }
    let width = if manifest.dtype == "<u2" { 2 } else { 4 };
    let mut start = number * BLOCK_TOKENS;
    let mut left = BLOCK_TOKENS + 1;
    let mut ids = Vec::with_capacity(left as usize);
    for shard in &stream.shards {
        if start >= shard.tokens {
            start -= shard.tokens;
            continue;
        }
        let take = left.min(shard.tokens - start);
        let path = directory.join(&shard.file);
        let mut bytes = vec![0u8; (take * width) as usize];
        File::open(&path)
            .and_then(|file| file.read_exact_at(&mut bytes, start * width))
            .map_err(|e| Error::io(&path, &e))?;
        ids.extend(bytes.chunks_exact(width as usize).map(id));
        left -= take;
        start = 0;
        if left == 0 {
            break;
        }
    }
    Ok(ids)
}

/// An id of two or four bytes, little-endian.
#[inline]
pub(super) fn id(bytes: &[u8]) -> u32 {
    match *bytes {
        [a, b] => u16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}
