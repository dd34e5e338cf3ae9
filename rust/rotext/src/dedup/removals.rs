//! The removed documents, read back document by document in the order of the input.

use super::bits::Bits;
use super::lines::Repeated;
use super::rule::Rule;
use super::runs::Merge;
use super::store::Store;
use super::types::Report;
use crate::error::{Error, Result};

/// Bytes of a record: document, partner, rule, value, Jaccard similarity.
pub(super) const REMOVED: usize = 4 + 4 + 1 + 8 + 8;

/// The record of a removed document.
pub(super) fn removed(
    document: u32,
    partner: u32,
    rule: Rule,
    containment: f64,
    jaccard: f64,
) -> [u8; REMOVED] {
    let mut out = [0; REMOVED];
    out[..4].copy_from_slice(&document.to_be_bytes());
    out[4..8].copy_from_slice(&partner.to_be_bytes());
    out[8] = rule as u8;
    out[9..17].copy_from_slice(&containment.to_be_bytes());
    out[17..].copy_from_slice(&jaccard.to_be_bytes());
    out
}

/// The removed document and its partner.
pub(super) fn parties(record: &[u8; REMOVED]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    (number(0), number(4))
}

/// Whether the record was made by `rule`.
pub(super) fn has_rule(record: &[u8; REMOVED], rule: Rule) -> bool {
    record[8] == rule as u8
}

/// Why one document is removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// The rule.
    pub rule: Rule,
    /// What the rule measured: containment, the share in passages, or Jaccard similarity, 1 for equal texts, or the number of shared runs of words.
    pub value: f64,
    /// For a duplicate: the Jaccard similarity of the word 3-grams, and the id of the kept document.
    pub partner: Option<(f64, String)>,
}

/// The decisions about all documents of a first pass.
pub struct Removals {
    pub(super) removed: Bits,
    pub(super) details: Option<Merge<REMOVED>>,
    pub(super) store: Store,
    pub(super) repeated: Repeated,
    pub(super) documents: u32,
    /// The last documents, which are of references.
    pub(super) references: u32,
    pub(super) report: Report,
}

impl Removals {
    /// What was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// For a pass over the same documents that must know which are removed, but not why.
    #[must_use]
    pub fn reader(&self) -> RemovalReader<'_> {
        RemovalReader { removals: self, details: None, pending: None, next: 0 }
    }

    /// For a pass that also says why. This works once.
    ///
    /// # Errors
    /// The scratch files cannot be read, or this is the second time.
    pub fn reader_with_reasons(&mut self) -> Result<RemovalReader<'_>> {
        let mut details =
            self.details.take().ok_or_else(|| Error::data("the decisions were read already"))?;
        let pending = details.next()?;
        Ok(RemovalReader { removals: self, details: Some(details), pending, next: 0 })
    }
}

/// Reads the decisions, one document after another in the order of the first pass.
pub struct RemovalReader<'a> {
    removals: &'a Removals,
    details: Option<Merge<REMOVED>>,
    pending: Option<[u8; REMOVED]>,
    next: u32,
}

/// What to do with a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Keep it.
    Keep,
    /// Remove it, with the reason if the reader has reasons.
    Drop(Option<Removal>),
}

impl<'a> RemovalReader<'a> {
    /// The lines that are cut from web text.
    #[must_use]
    pub fn repeated(&self) -> &'a Repeated {
        &self.removals.repeated
    }

    /// The removed documents, for workers that do not run in order.
    #[must_use]
    pub fn removed(&self) -> RemovedSet<'a> {
        RemovedSet(&self.removals.removed)
    }

    /// The decision about the next document.
    ///
    /// # Errors
    /// The first pass had fewer documents; the scratch files cannot be read.
    #[allow(clippy::should_implement_trait)] // it can fail
    pub fn next(&mut self) -> Result<Decision> {
        let document = self.next;
        if document >= self.removals.documents {
            return Err(Error::changed());
        }
        self.next += 1;
        if !self.removals.removed.get(document) {
            return Ok(Decision::Keep);
        }
        let Some(details) = self.details.as_mut() else { return Ok(Decision::Drop(None)) };
        let Some(record) = self.pending.take().filter(|r| r[..4] == document.to_be_bytes()) else {
            return Err(Error::data("the decisions do not match the documents"));
        };
        self.pending = details.next()?;
        let float = |at: usize| f64::from_be_bytes(record[at..at + 8].try_into().unwrap_or_default());
        let (rule, value) = match record[8] {
            0 => (Rule::Exact, 1.0),
            1 => (Rule::NearContainment, float(9)),
            2 => (Rule::NearJaccard, float(17)),
            4 => (Rule::NearPassage, float(9)),
            _ => (Rule::Contaminated, float(9)),
        };
        let (_, partner) = parties(&record);
        let partner = match rule {
            Rule::Contaminated => None,
            _ => Some((float(17), self.removals.store.name(partner)?.id)),
        };
        Ok(Decision::Drop(Some(Removal { rule, value, partner })))
    }

    /// Checks, at the end of a pass, that all documents but those of references were met.
    ///
    /// # Errors
    /// The first pass had more documents.
    pub fn finish(self) -> Result<()> {
        if self.next == self.removals.documents - self.removals.references {
            Ok(())
        } else {
            Err(Error::changed())
        }
    }
}

/// The removed documents, by their number in the order of the first pass.
#[derive(Clone, Copy)]
pub struct RemovedSet<'a>(&'a Bits);

impl RemovedSet<'_> {
    /// Whether a document is removed. A document that the first pass did not have is kept.
    #[must_use]
    pub fn contains(self, document: u32) -> bool {
        self.0.get(document)
    }
}
