//! Whether the tables of deduplication fit into the memory limit.

use crate::error::{Error, Result};

/// Checks that tables of `tables` bytes fit into half of `memory`; the other half is for sorting.
///
/// # Errors
/// They do not fit.
pub(super) fn check_tables(tables: u64, memory: usize) -> Result<()> {
    let half = memory as u64 / 2;
    if tables <= half {
        return Ok(());
    }
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(Error::data(format!(
        "the tables of this many documents take {} MB, the limit leaves {} MB",
        mb(tables),
        mb(half)
    ))
    .hint(format!("raise --max-ram by {} MB", mb(2 * (tables - half)))))
}

/// Bytes of the tables about one document: its number in the order, and its place there.
pub(super) const DOCUMENT_TABLE_BYTES: u64 = 8;
/// Bytes of the table about one band hash that two documents or more share.
pub(super) const BUCKET_TABLE_BYTES: u64 = 4;
