//! What was decided, read document by document in the order of the input.

use super::lines::Repeated;
use super::planner::Report;
use super::runs::Merge;
use super::store::Store;
use super::verify::{CONTAINMENT, JACCARD};
use crate::error::{Error, Result};

/// Why a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its key is that of the partner.
    Exact,
    /// Its 3-grams stand in the partner.
    NearContainment,
    /// It and the partner have the same 3-grams.
    NearJaccard,
    /// It has a run of words of an evaluation text.
    Contaminated,
}

impl Rule {
    /// The name in ledgers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::NearContainment => "near-containment",
            Self::NearJaccard => "near-jaccard",
            Self::Contaminated => "contaminated",
        }
    }

    /// From this value on a document goes.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Exact | Self::Contaminated => 1.0,
            Self::NearContainment => CONTAINMENT,
            Self::NearJaccard => JACCARD,
        }
    }
}

/// Document, partner, rule, value, Jaccard similarity.
pub(super) const REMOVED: usize = 4 + 4 + 1 + 8 + 8;

/// The record of a document that goes.
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

/// The document that goes and its partner.
pub(super) fn parties(record: &[u8; REMOVED]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    (number(0), number(4))
}

pub(super) fn rule_is(record: &[u8; REMOVED], rule: Rule) -> bool {
    record[8] == rule as u8
}

/// Why a document goes, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The rule.
    pub rule: Rule,
    /// What the rule measured: the containment or the Jaccard similarity, 1 for equal texts; the shared runs of words.
    pub value: f64,
    /// Of duplicates: the Jaccard similarity of the word 3-grams, and the id of the document that stays for this one.
    pub partner: Option<(f64, String)>,
}

/// The decisions about all documents of a pass.
pub struct Plan {
    pub(super) removed: Bits,
    pub(super) details: Option<Merge<REMOVED>>,
    pub(super) store: Store,
    pub(super) repeated: Repeated,
    pub(super) documents: u32,
    pub(super) report: Report,
}

impl Plan {
    /// What was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// For a pass over the same documents that only has to know who goes.
    #[must_use]
    pub fn judge(&self) -> Judge<'_> {
        Judge { plan: self, details: None, pending: None, next: 0 }
    }

    /// For a pass that also says why; once.
    ///
    /// # Errors
    /// The scratch files cannot be read, or this is the second time.
    pub fn explain(&mut self) -> Result<Judge<'_>> {
        let mut details =
            self.details.take().ok_or_else(|| Error::data("the decisions were read already"))?;
        let pending = details.next()?;
        Ok(Judge { plan: self, details: Some(details), pending, next: 0 })
    }
}

/// Reads the decisions, one document after another in the order of the first pass.
pub struct Judge<'a> {
    plan: &'a Plan,
    details: Option<Merge<REMOVED>>,
    pending: Option<[u8; REMOVED]>,
    next: u32,
}

/// What is to be done with a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It goes; why, where the pass was to say so.
    Drop(Option<Verdict>),
}

impl<'a> Judge<'a> {
    /// The lines that are cut from web text.
    #[must_use]
    pub fn repeated(&self) -> &'a Repeated {
        &self.plan.repeated
    }

    /// Who goes, for workers that need not wait for their turn.
    #[must_use]
    pub fn removed(&self) -> Removed<'a> {
        Removed(&self.plan.removed)
    }

    /// The decision about the next document.
    ///
    /// # Errors
    /// There were fewer documents in the first pass; the scratch files cannot be read.
    #[allow(clippy::should_implement_trait)] // it can fail
    pub fn next(&mut self) -> Result<Fate> {
        let document = self.next;
        if document >= self.plan.documents {
            return Err(Error::changed());
        }
        self.next += 1;
        if !self.plan.removed.get(document) {
            return Ok(Fate::Keep);
        }
        let Some(details) = self.details.as_mut() else { return Ok(Fate::Drop(None)) };
        let Some(record) = self.pending.take().filter(|r| r[..4] == document.to_be_bytes()) else {
            return Err(Error::data("the decisions do not match the documents"));
        };
        self.pending = details.next()?;
        let float = |at: usize| f64::from_be_bytes(record[at..at + 8].try_into().unwrap_or_default());
        let (rule, value) = match record[8] {
            0 => (Rule::Exact, 1.0),
            1 => (Rule::NearContainment, float(9)),
            2 => (Rule::NearJaccard, float(17)),
            _ => (Rule::Contaminated, float(9)),
        };
        let (_, partner) = parties(&record);
        let partner = match rule {
            Rule::Contaminated => None,
            _ => Some((float(17), self.plan.store.name(partner)?.id)),
        };
        Ok(Fate::Drop(Some(Verdict { rule, value, partner })))
    }

    /// To be called at the end of a pass.
    ///
    /// # Errors
    /// There were more documents in the first pass.
    pub fn finish(self) -> Result<()> {
        if self.next == self.plan.documents { Ok(()) } else { Err(Error::changed()) }
    }
}

/// The documents that go, by number in the order of the first pass.
#[derive(Clone, Copy)]
pub struct Removed<'a>(&'a Bits);

impl Removed<'_> {
    /// Whether that document goes. One that the first pass did not have stays.
    #[must_use]
    pub fn contains(self, document: u32) -> bool {
        self.0.0.get(document as usize / 64).is_some_and(|bits| bits >> (document % 64) & 1 == 1)
    }
}

/// A bit a document.
#[derive(Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(len: u32) -> Self {
        Self(vec![0; (len as usize).div_ceil(64)])
    }

    pub(super) fn set(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    pub(super) fn get(&self, at: u32) -> bool {
        self.0[at as usize / 64] >> (at % 64) & 1 == 1
    }
}
