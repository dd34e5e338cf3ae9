//! Which documents of a phase are held out: a share by the hash of the text, or one document if the share has none.

use super::stream::{DocumentStream, Options, ProcessedChunk};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// A phase with fewer documents holds none out: it has too little to learn from.
const MIN_HELD_OUT_FROM: u64 = 10;

/// Which documents of a phase are held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum HoldOut {
    /// The documents whose key is below this share of all keys.
    Share(f64),
    /// The document with this key.
    One(u128),
}

impl HoldOut {
    /// Whether the document with this key is held out.
    pub(super) fn holds_out(self, key: u128) -> bool {
        match self {
            Self::Share(share) => ((key >> 64) as u64 as f64) < share * 2f64.powi(64),
            Self::One(one) => key == one,
        }
    }

    /// For a phase of `documents` documents. `smallest` is its smallest key: the share has the small keys, so if it does not
    /// have the smallest it has none.
    pub(super) fn for_phase(share: f64, documents: u64, smallest: u128) -> Self {
        let by_share = Self::Share(share);
        if share == 0.0 || by_share.holds_out(smallest) || documents < MIN_HELD_OUT_FROM {
            by_share
        } else {
            Self::One(smallest)
        }
    }
}

/// Finds out which documents of each phase are held out, from keys in ascending order: the first key of a phase is its smallest.
pub(super) struct HoldOuts {
    share: f64,
    /// The documents of each phase.
    documents: Vec<u64>,
    found: Vec<Option<HoldOut>>,
}

impl HoldOuts {
    /// For `phases` that have `documents` each.
    ///
    /// # Errors
    /// A phase has no document.
    pub(super) fn new<'a>(
        share: f64,
        phases: impl IntoIterator<Item = &'a str>,
        documents: &[u64],
    ) -> Result<Self> {
        if let Some((phase, _)) = phases.into_iter().zip(documents).find(|(_, documents)| **documents == 0) {
            return Err(no_document(phase));
        }
        Ok(Self { share, documents: documents.to_vec(), found: vec![None; documents.len()] })
    }

    /// Whether the document of a phase with this key, the next one, is held out.
    pub(super) fn holds_out(&mut self, key: u128, phase: usize) -> bool {
        let (share, documents) = (self.share, self.documents[phase]);
        self.found[phase].get_or_insert_with(|| HoldOut::for_phase(share, documents, key)).holds_out(key)
    }

    /// What was found. A phase has no key of its own when an earlier phase has all its texts.
    pub(super) fn finish(self) -> Vec<HoldOut> {
        let share = self.share;
        self.found.into_iter().map(|found| found.unwrap_or(HoldOut::Share(share))).collect()
    }
}

/// The error of a phase without documents.
pub(super) fn no_document(phase: &str) -> Error {
    Error::data(format!("the phase `{phase}` has no document that passes the filter"))
        .hint("see why with `rotools filter FILE --out scores.jsonl --annotate`, or pack with --no-filter")
}

/// Finds out, when no other pass has read the phase, whether the share has any of its documents. It stops at the first one, so
/// it is quick on a large phase.
pub(super) fn find(
    phase: &str,
    sources: &[Source],
    options: &Options,
    share: f64,
    progress: &Progress,
) -> Result<HoldOut> {
    if share == 0.0 {
        return Ok(HoldOut::Share(share));
    }
    let (mut smallest, mut documents, mut hit) = (u128::MAX, 0u64, false);
    progress.begin(&format!("look at {phase}"), sources.iter().map(|source| source.size).sum());
    let found = DocumentStream::new(sources, options, progress).run(
        || (),
        |(), chunk: ProcessedChunk| Ok(chunk.documents.iter().map(|kept| kept.key).collect::<Vec<_>>()),
        |keys| {
            documents += keys.len() as u64;
            smallest = keys.iter().copied().fold(smallest, u128::min);
            hit |= keys.iter().any(|key| HoldOut::Share(share).holds_out(*key));
            // This is no error: it ends the loop, which has seen enough.
            if hit { Err(Error::cancelled()) } else { Ok(()) }
        },
    );
    match found {
        Err(_) if hit => Ok(HoldOut::Share(share)),
        Err(e) => Err(e),
        Ok(_) if documents == 0 => Err(no_document(phase)),
        Ok(_) => Ok(HoldOut::for_phase(share, documents, smallest)),
    }
}
