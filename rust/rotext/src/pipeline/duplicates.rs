//! What is removed of documents that are alike.

use super::feed::{Account, Decided, Removal};
use super::plan;
use crate::dedup::{Report, Seen};
use crate::document::Reason;
use crate::error::{Error, Result};

/// Of documents that are alike the first or the longest stays.
#[derive(Debug, Clone)]
pub enum Duplicates {
    /// Of equal texts the first stays. One pass, and the keys in memory.
    Exact {
        /// Memory of the whole process, in bytes.
        max_ram: u64,
    },
    /// Near-duplicates go as well and the longest stays, which a first pass finds out.
    Near(plan::Options),
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

    /// The options of a first pass, where one is made.
    pub(super) fn near(&self) -> Option<&plan::Options> {
        match self {
            Self::Exact { .. } => None,
            Self::Near(near) => Some(near),
        }
    }

    /// The same for a shard.
    ///
    /// # Errors
    /// No first pass is made, so there is nothing to share out.
    pub(super) fn for_shards(&self) -> Result<&plan::Options> {
        self.near().ok_or_else(|| {
            Error::usage("equal texts are found in the pass that writes, which has no shards")
                .hint("take --preset default or strict, or leave --shard out")
        })
    }

    /// Bytes for tables and sorting.
    ///
    /// # Errors
    /// The limit leaves nothing.
    pub(super) fn memory(&self, threads: usize) -> Result<usize> {
        match self {
            Self::Exact { max_ram } => plan::memory(*max_ram, threads),
            Self::Near(near) => near.memory(threads),
        }
    }

    /// An empty table of keys, where that is all that is needed.
    ///
    /// # Errors
    /// The limit leaves nothing.
    pub(super) fn seen(&self, threads: usize) -> Result<Option<Seen>> {
        Ok(if self.near().is_none() { Some(Seen::within(self.memory(threads)?)) } else { None })
    }
}

/// How a pass removes, by what a first one decided or the table that it fills.
pub(super) fn removal<'a, 'b: 'a>(
    decided: Option<&'a mut Decided<'b>>,
    seen: Option<&'a mut Seen>,
) -> Removal<'a, 'b> {
    match (decided, seen) {
        (Some(decided), _) => Removal::Planned(decided),
        (None, Some(seen)) => Removal::Exact(seen),
        (None, None) => Removal::Nothing,
    }
}

/// What a run with such a table found.
pub(super) fn report(accounts: &[Account]) -> Report {
    let mut report = Report::default();
    for account in accounts {
        let exact = account.rejected.get(Reason::Duplicate.name()).copied().unwrap_or_default();
        report.exact += exact;
        report.documents += account.documents + exact;
    }
    report
}
