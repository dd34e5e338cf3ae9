//! Which documents of a phase are held out: a share by the hash of the text, and one where the share takes none.

use super::feed::{self, Parcel, Removal};
use super::left_out::LeftOut;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// A phase with fewer documents than this keeps none back: there is too little to learn from.
const MIN_HELD_OUT_FROM: u64 = 10;

/// Which documents of a phase are held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum HoldOut {
    Share(f64),
    One(u128),
}

impl HoldOut {
    pub(super) fn takes(self, key: u128) -> bool {
        match self {
            Self::Share(share) => ((key >> 64) as u64 as f64) < share * 2f64.powi(64),
            Self::One(one) => key == one,
        }
    }

    /// For a phase of so many documents whose smallest key is `smallest`. The share takes the small keys, so where it
    /// does not take the smallest it takes none.
    pub(super) fn of(share: f64, documents: u64, smallest: u128) -> Self {
        let by_share = Self::Share(share);
        if share == 0.0 || by_share.takes(smallest) || documents < MIN_HELD_OUT_FROM {
            by_share
        } else {
            Self::One(smallest)
        }
    }
}

/// The error of a phase that has nothing in it.
pub(super) fn no_document(phase: &str) -> Error {
    Error::data(format!("the phase `{phase}` has no document that passes the filter"))
        .hint("see why with `rotools filter FILE --out scores.jsonl --annotate`, or pack with --no-filter")
}

/// Looks whether the share takes any document of the phase, where no other pass has read it. Stops at the first hit, so
/// it costs a moment on a large phase.
pub(super) fn look(
    phase: &str,
    sources: &[Source],
    options: &feed::Options,
    share: f64,
    progress: &Progress,
) -> Result<HoldOut> {
    if share == 0.0 {
        return Ok(HoldOut::Share(share));
    }
    let (mut smallest, mut documents, mut hit) = (u128::MAX, 0u64, false);
    progress.begin(&format!("look at {phase}"), sources.iter().map(|source| source.size).sum());
    let found = feed::run(
        sources,
        options,
        Removal::Nothing,
        LeftOut::default(),
        progress,
        || (),
        |(), parcel: Parcel| Ok(parcel.documents.iter().map(|passed| passed.key).collect::<Vec<_>>()),
        |keys| {
            documents += keys.len() as u64;
            smallest = keys.iter().copied().fold(smallest, u128::min);
            hit |= keys.iter().any(|key| HoldOut::Share(share).takes(*key));
            // Not an error to anyone but the loop, which has seen enough.
            if hit { Err(Error::cancelled()) } else { Ok(()) }
        },
    );
    match found {
        Err(_) if hit => Ok(HoldOut::Share(share)),
        Err(e) => Err(e),
        Ok(_) if documents == 0 => Err(no_document(phase)),
        Ok(_) => Ok(HoldOut::of(share, documents, smallest)),
    }
}
