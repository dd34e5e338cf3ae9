//! `rotools plan`: what deduplication is expected to take.

use serde::Serialize;

use super::memory::{MIN_TABLES, reserved_bytes};
use crate::dedup::{Preset, footprint};

/// What deduplication is expected to take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The most memory of the process, within its limit.
    pub memory: u64,
    /// The smallest limit with which the run can end.
    pub memory_needed: u64,
    /// Sorted records on the disk of the output, until the run ends. The journal needs space too.
    pub scratch: u64,
}

/// Estimates deduplication of `documents` documents, in a process that is limited to `max_ram` bytes and has `threads` threads.
/// Without a preset only exact duplicates are removed.
///
/// # Examples
///
/// ```
/// use rotext::dedup::Preset;
/// use rotext::pipeline::plan::estimate;
///
/// let small = estimate(1_000_000, Some(Preset::Default), 1 << 30, 2);
/// assert!(small.memory < 1 << 30 && small.scratch == 0);
/// let large = estimate(100_000_000, Some(Preset::Default), 1 << 30, 2);
/// assert!(large.memory_needed > 1 << 30 && large.scratch > 0);
/// ```
#[must_use]
pub fn estimate(documents: u64, preset: Option<Preset>, max_ram: u64, threads: usize) -> Estimate {
    let reserved = reserved_bytes(threads);
    let needed = footprint(documents, preset);
    // Half of the memory is for sorting, the other half for tables.
    let sorting = max_ram.saturating_sub(reserved) / 2;
    Estimate {
        memory: max_ram.min(reserved + needed.tables + needed.records),
        memory_needed: reserved + (2 * needed.tables).max(MIN_TABLES),
        scratch: needed.records.saturating_sub(sorting),
    }
}
