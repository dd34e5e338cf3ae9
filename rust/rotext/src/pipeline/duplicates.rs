//! Which duplicates a run removes.

use super::memory::{table_bytes, window_bytes};
use super::near_dedup::{self, FirstPassReplay};
use super::stream::{DuplicateCheck, ReplaySource, StreamReport};
use crate::dedup::{Report, Seen};
use crate::document::Reason;
use crate::error::{Error, Result};
use crate::reader::Source;

/// Which duplicates a run removes, and which document of a group it keeps.
#[derive(Debug, Clone)]
pub enum Duplicates {
    /// Equal texts; the first one stays. One pass, with all keys in memory.
    Exact {
        /// Memory of the whole process, in bytes.
        max_ram: u64,
    },
    /// Near-duplicates too; the longest text stays. A first pass finds them.
    Near(near_dedup::Options),
}

impl Duplicates {
    /// The name of the preset.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact { .. } => "exact",
            Self::Near(near) => near.preset.name(),
        }
    }

    /// The options of the first pass, if there is one.
    pub(super) fn near(&self) -> Option<&near_dedup::Options> {
        match self {
            Self::Exact { .. } => None,
            Self::Near(near) => Some(near),
        }
    }

    /// The options of the first pass, for a shard of it.
    ///
    /// # Errors
    /// There is no first pass.
    pub(super) fn for_shards(&self) -> Result<&near_dedup::Options> {
        self.near().ok_or_else(|| {
            Error::usage("the preset exact has no first pass, so it has no shards")
                .hint("use --preset default or strict, or run without --step and --shard")
        })
    }

    /// Bytes for tables and sorting.
    ///
    /// # Errors
    /// The limit leaves too little.
    pub(super) fn table_bytes<'a>(
        &self,
        threads: usize,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<usize> {
        match self {
            Self::Exact { max_ram } => table_bytes(*max_ram, threads, window_bytes(sources)),
            Self::Near(near) => near.table_bytes(threads, sources),
        }
    }

    /// An empty table of keys, if there is no first pass.
    ///
    /// # Errors
    /// The limit leaves too little.
    pub(super) fn seen<'a>(
        &self,
        threads: usize,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<Option<Seen>> {
        let limit = || self.table_bytes(threads, sources);
        Ok(if self.near().is_none() { Some(Seen::with_limit(limit()?)) } else { None })
    }
}

/// How a pass removes duplicates: by the first pass, else by the table of keys that it fills, else not at all.
pub(super) fn removal<'a, 'b>(
    first_pass: Option<&'a mut FirstPassReplay<'b>>,
    seen: Option<&'a mut Seen>,
) -> (ReplaySource<'a>, DuplicateCheck<'a, 'b>) {
    match (first_pass, seen) {
        (Some(first_pass), _) => first_pass.parts(),
        (None, Some(seen)) => (ReplaySource::None, DuplicateCheck::Exact(seen)),
        (None, None) => (ReplaySource::None, DuplicateCheck::None),
    }
}

/// The report of a run that removed equal texts in one pass.
pub(super) fn exact_report(reports: &[StreamReport]) -> Report {
    let mut sum = Report::default();
    for report in reports {
        let exact = report.rejected.get(Reason::Duplicate.name()).copied().unwrap_or_default();
        sum.exact += exact;
        sum.documents += report.documents + exact;
    }
    sum
}
