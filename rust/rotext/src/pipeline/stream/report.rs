//! What a pass read, kept and rejected.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::pipeline::filter_stage::FilterReport;
use crate::reader::Seams;
use crate::{dedup, normalize};

/// What a pass read, kept and rejected.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct StreamReport {
    /// Records read, good and bad.
    pub records: u64,
    /// Documents kept.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Records and documents rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Documents that the reader had to repair or whose charset it guessed, by what was done.
    pub read: BTreeMap<Cow<'static, str>, u64>,
    /// Files that could not be read to their end. Each has a reject `damaged` too.
    pub damaged: Vec<Unread>,
    /// Files of folders that are not read. They hold no records.
    pub unread: Vec<Unread>,
    /// Repeated lines cut from kept documents, and their bytes.
    pub cut: dedup::Cut,
    /// What the normalizer did.
    pub normalize: normalize::Report,
    /// What the filter did.
    pub filter: FilterReport,
    /// Kept documents of each source: (documents, bytes, chained hash of the keys).
    #[serde(skip)]
    pub sources: Vec<(u64, u64, u64)>,
    /// Where each source was read.
    #[serde(skip)]
    pub seams: Vec<Seams>,
}

/// A file that was not read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unread {
    /// The file.
    pub source: String,
    /// Why.
    pub what: String,
}

impl StreamReport {
    /// An empty report about `sources` sources.
    pub(super) fn new(sources: usize) -> Self {
        Self { sources: vec![(0, 0, 0); sources], ..Self::default() }
    }

    /// Err when nothing but damage was read: there is no result to go on with.
    pub(super) fn check_damage(&self, first: Option<Error>) -> Result<()> {
        match first {
            Some(error) if self.records == self.damaged.len() as u64 => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes a document out of the counts. The chained hash keeps it: the hash says what was read.
    pub(super) fn remove(&mut self, source: usize, bytes: u64) {
        self.documents -= 1;
        self.bytes -= bytes;
        let tally = &mut self.sources[source];
        (tally.0, tally.1) = (tally.0 - 1, tally.1 - bytes);
    }

    /// Counts a kept document.
    pub(super) fn add(&mut self, source: usize, key: u128, bytes: u64) {
        self.documents += 1;
        self.bytes += bytes;
        let tally = &mut self.sources[source];
        let mut link = [0u8; 24];
        link[..8].copy_from_slice(&tally.2.to_le_bytes());
        link[8..].copy_from_slice(&key.to_le_bytes());
        *tally = (tally.0 + 1, tally.1 + bytes, xxhash_rust::xxh3::xxh3_64(&link));
    }
}
