//! The bytes that deduplication is expected to take.

use super::candidates::BANDED;
use super::key::SEEN_BYTES;
use super::memory::{BUCKET_TABLE_BYTES, DOCUMENT_TABLE_BYTES};
use super::rank::{KEYED, RANKED};
use super::sign::Preset;
use super::store::PLACE;

/// One band hash in so many is shared with another document, in web text. (An assumption: the share depends on the corpus.)
const BANDS_PER_SHARED: u64 = 8;

/// The bytes that deduplication is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Tables, which must fit into the memory.
    pub tables: u64,
    /// Records to sort, which go to the disk when they do not fit into the memory.
    pub records: u64,
}

/// The bytes that `documents` documents are expected to take: near-duplicates with a preset, else exact duplicates alone.
#[must_use]
pub fn footprint(documents: u64, preset: Option<Preset>) -> Footprint {
    let Some(preset) = preset else {
        return Footprint { tables: documents * SEEN_BYTES, records: 0 };
    };
    let bands = preset.shape().0 as u64;
    let record = (KEYED + RANKED + PLACE + BANDED * bands as usize) as u64;
    Footprint {
        tables: documents * DOCUMENT_TABLE_BYTES + documents * bands * BUCKET_TABLE_BYTES / BANDS_PER_SHARED,
        records: documents * record,
    }
}
