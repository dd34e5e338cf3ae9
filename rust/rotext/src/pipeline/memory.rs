//! How a process divides its memory between chunks in flight and the tables of deduplication.

use super::stream::read_ahead;
use crate::error::{Error, Result};

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

/// Bytes for tables and sorting in a process of `max_ram` bytes with `threads` threads.
///
/// # Errors
/// The limit leaves less than 32 MiB.
pub(super) fn table_bytes(max_ram: u64, threads: usize) -> Result<usize> {
    let reserved = reserved_bytes(threads);
    if max_ram < reserved + MIN_TABLES {
        let hint = if reserved > MIN_RESERVED {
            "for example --max-ram 1G, or fewer --threads"
        } else {
            "for example --max-ram 1G"
        };
        return Err(Error::usage(format!(
            "{} MB of memory are too few for {threads} threads: the least is {} MB",
            max_ram >> 20,
            (reserved + MIN_TABLES) >> 20
        ))
        .hint(hint));
    }
    Ok((max_ram - reserved) as usize)
}
