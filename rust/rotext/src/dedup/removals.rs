//! The removed documents, read back document by document in the order of the input.

use std::ops::Range;

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

/// A removed document and the reason; `None` behind the last one.
pub type NextReason = Result<Option<(u32, Removal)>>;

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
        let end = self.documents - self.references;
        RemovalReader { removed: &self.removed, repeated: &self.repeated, reasons: None, next: 0, end }
    }

    /// For a pass that also says why. This works once.
    ///
    /// # Errors
    /// The scratch files cannot be read, or this is the second time.
    pub fn reader_with_reasons(&mut self) -> Result<RemovalReader<'_>> {
        let mut details =
            self.details.take().ok_or_else(|| Error::data("the decisions were read already"))?;
        let store = &self.store;
        let reasons = Reasons::new(move || {
            let Some(record) = details.next()? else { return Ok(None) };
            Ok(Some((parties(&record).0, reason(&record, store)?)))
        })?;
        Ok(RemovalReader { reasons: Some(reasons), ..self.reader() })
    }

    /// The decisions, and a function that returns the reasons of the removed documents in order, for a file that other processes
    /// read.
    ///
    /// # Errors
    /// The reasons were read already.
    pub fn into_saved(mut self) -> Result<(SavedRemovals, impl FnMut() -> NextReason)> {
        let mut details =
            self.details.take().ok_or_else(|| Error::data("the decisions were read already"))?;
        let Self { removed, repeated, documents, store, .. } = self;
        let reasons = move || {
            let Some(record) = details.next()? else { return Ok(None) };
            Ok(Some((parties(&record).0, reason(&record, &store)?)))
        };
        Ok((SavedRemovals { removed, repeated, documents }, reasons))
    }
}

/// The reason in a record.
fn reason(record: &[u8; REMOVED], store: &Store) -> Result<Removal> {
    let float = |at: usize| f64::from_be_bytes(record[at..at + 8].try_into().unwrap_or_default());
    let rule = Rule::from_number(record[8]).unwrap_or(Rule::Contaminated);
    let value = match rule {
        Rule::Exact => 1.0,
        Rule::NearJaccard => float(17),
        Rule::NearContainment | Rule::NearPassage | Rule::Contaminated => float(9),
    };
    let partner = match rule {
        Rule::Contaminated => None,
        _ => Some((float(17), store.name(parties(record).1)?.id)),
    };
    Ok(Removal { rule, value, partner })
}

/// Decisions that were written to a file and read again, without the reasons.
pub struct SavedRemovals {
    removed: Bits,
    repeated: Repeated,
    documents: u32,
}

impl SavedRemovals {
    /// The decisions with these [`SavedRemovals::bits`] and [`SavedRemovals::lines`].
    #[must_use]
    pub fn new(bits: Vec<u64>, lines: impl IntoIterator<Item = u64>, limit: u32, documents: u32) -> Self {
        let repeated = Repeated::from_hashes(lines, limit);
        Self { removed: Bits::from_words(bits), repeated, documents }
    }

    /// One bit for each document, from the lowest bit on: it is 1 where the document is removed.
    #[must_use]
    pub fn bits(&self) -> &[u64] {
        self.removed.words()
    }

    /// The hashes of the lines that are cut, sorted.
    #[must_use]
    pub fn lines(&self) -> Vec<u64> {
        self.repeated.hashes()
    }

    /// The number of documents that a line may occur in.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.repeated.limit
    }

    /// The number of documents.
    #[must_use]
    pub fn documents(&self) -> u32 {
        self.documents
    }

    /// For a pass over `documents`. `reasons` returns the reasons of the removed ones, in order, for a pass that says why.
    ///
    /// # Errors
    /// An error of `reasons`.
    pub fn reader<'a>(
        &'a self,
        documents: Range<u32>,
        reasons: Option<impl FnMut() -> NextReason + Send + 'a>,
    ) -> Result<RemovalReader<'a>> {
        let reasons = reasons.map(Reasons::new).transpose()?;
        let Range { start: next, end } = documents;
        Ok(RemovalReader { removed: &self.removed, repeated: &self.repeated, reasons, next, end })
    }
}

/// Reads the decisions, one document after another in the order of the first pass.
pub struct RemovalReader<'a> {
    removed: &'a Bits,
    repeated: &'a Repeated,
    reasons: Option<Reasons<'a>>,
    next: u32,
    /// The document behind the last one.
    end: u32,
}

/// The reasons of the removed documents, in order.
struct Reasons<'a> {
    read: Box<dyn FnMut() -> NextReason + Send + 'a>,
    pending: Option<(u32, Removal)>,
}

impl<'a> Reasons<'a> {
    fn new(mut read: impl FnMut() -> NextReason + Send + 'a) -> Result<Self> {
        let pending = read()?;
        Ok(Self { read: Box::new(read), pending })
    }
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
        self.repeated
    }

    /// The removed documents, for workers that do not run in order.
    #[must_use]
    pub fn removed(&self) -> RemovedSet<'a> {
        RemovedSet(self.removed)
    }

    /// The decision about the next document.
    ///
    /// # Errors
    /// The first pass had fewer documents; the scratch files cannot be read.
    #[allow(clippy::should_implement_trait)] // it can fail
    pub fn next(&mut self) -> Result<Decision> {
        let document = self.next;
        if document >= self.end {
            return Err(Error::changed());
        }
        self.next += 1;
        if !self.removed.get(document) {
            return Ok(Decision::Keep);
        }
        let Some(reasons) = &mut self.reasons else { return Ok(Decision::Drop(None)) };
        let Some((_, removal)) = reasons.pending.take().filter(|(of, _)| *of == document) else {
            return Err(Error::data("the decisions do not match the documents"));
        };
        reasons.pending = (reasons.read)()?;
        Ok(Decision::Drop(Some(removal)))
    }

    /// Checks, at the end of a pass, that all documents but those of references were met.
    ///
    /// # Errors
    /// The first pass had more documents.
    pub fn finish(self) -> Result<()> {
        if self.next == self.end { Ok(()) } else { Err(Error::changed()) }
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
