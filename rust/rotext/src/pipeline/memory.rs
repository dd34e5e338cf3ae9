//! How a process divides its memory between chunks in flight and the tables of deduplication.

use super::stream::read_ahead;
use crate::error::{Error, Result};
use crate::reader::Source;

/// The least memory of a process beside the tables and buffers of deduplication.
const MIN_RESERVED: u64 = 256 << 20;
/// The part of it that does not depend on chunks: the interpreter, buffers of files.
const PROGRAM: u64 = 64 << 20;
/// Bytes of memory for one byte that is read ahead, when texts are a few words each.
const BYTES_PER_INPUT_BYTE: u64 = 12;
/// The least memory for tables and buffers.
pub(super) const MIN_TABLES: u64 = 32 << 20;

/// Bytes that a process with `threads` threads reserves for the program and for chunks in flight.
pub(super) fn reserved_bytes(threads: usize) -> u64 {
    MIN_RESERVED.max(PROGRAM + BYTES_PER_INPUT_BYTE * read_ahead(threads) as u64)
}

/// The part of the window of a zstd file that the memory of a process has anyway.
const USUAL_WINDOW: u64 = 8 << 20;

/// Bytes that the longest window of the zstd files takes beyond the usual. One file is decompressed at a time.
pub(super) fn window_bytes<'a>(sources: impl IntoIterator<Item = &'a Source>) -> u64 {
    sources.into_iter().map(Source::window_bytes).max().unwrap_or(0).saturating_sub(USUAL_WINDOW)
}

/// Bytes for tables and sorting in a process of `max_ram` bytes with `threads` threads, which takes `window` bytes for decompression.
///
/// # Errors
/// The limit leaves less than 32 MiB.
pub(super) fn table_bytes(max_ram: u64, threads: usize, window: u64) -> Result<usize> {
    let reserved = reserved_bytes(threads);
    let least = reserved + window + MIN_TABLES;
    if max_ram < least && max_ram >= reserved + MIN_TABLES {
        let what = format!(
            "{} MB of memory are too few: the window of a zstd file takes {} MB, and the least is {} MB",
            max_ram >> 20,
            (window + USUAL_WINDOW) >> 20,
            least >> 20
        );
        return Err(Error::usage(what)
            .hint("give more with --max-ram, or compress the file again with a smaller window (zstd --long=27 has 128 MB)"));
    }
    if max_ram < least {
        let hint = if reserved > MIN_RESERVED {
            "for example --max-ram 1G, or fewer --threads"
        } else {
            "for example --max-ram 1G"
        };
        return Err(Error::usage(format!(
            "{} MB of memory are too few for {threads} threads: the least is {} MB",
            max_ram >> 20,
            least >> 20
        ))
        .hint(hint));
    }
    Ok((max_ram - reserved - window) as usize)
}
