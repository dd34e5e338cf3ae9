//! Equal texts, and the order from the best document to the worst.
//!
//! The order depends on the texts, never on files or threads:
//!
//! 0. Documents of a reference are before all others: they are only compared with.
//! 1. Books are before web text, so web text never removes a book.
//! 2. Within a kind, held-out documents are before training documents: a text like a held-out one is kept out of training.
//! 3. The text of the higher worth is first ([`super::worth`]): a clean copy before a damaged one, a copy with diacritics
//!    before one without, the longer one among equally clean ones.
//! 4. The smaller key is first.
//!
//! Among equal keys the kind and the worth decide, then the hash of the text, then the id.

use super::runs::{Merge, Sorter};
use super::store::Store;
use super::types::SourceInfo;
use crate::document::TextKind;
use crate::error::Result;

/// Bytes of a record: key, kind, worth (inverted), hash of the text, document, source.
pub(super) const KEYED: usize = SAME + 4 + 4;
/// The bytes that copies share when only their ids differ.
const SAME: usize = 16 + 1 + 8 + 8;
/// Bytes of a record: class, worth (inverted), key, document, source.
pub(super) const RANKED: usize = 1 + 8 + 16 + 4 + 4;

pub(super) struct Document {
    pub(super) key: u128,
    pub(super) kind: TextKind,
    pub(super) reference: bool,
    pub(super) worth: u64,
    pub(super) text: u64,
    pub(super) number: u32,
    pub(super) source: u32,
}

impl Document {
    pub(super) fn keyed(&self) -> [u8; KEYED] {
        let mut out = [0; KEYED];
        out[..16].copy_from_slice(&self.key.to_be_bytes());
        out[16] = if self.reference { 0 } else { 1 + self.kind as u8 };
        out[17..25].copy_from_slice(&(!self.worth).to_be_bytes());
        out[25..33].copy_from_slice(&self.text.to_be_bytes());
        out[SAME..SAME + 4].copy_from_slice(&self.number.to_be_bytes());
        out[SAME + 4..].copy_from_slice(&self.source.to_be_bytes());
        out
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap_or_default())
}

/// Gives the best document of each key to `ranked`, and every other one, with the best, to `equal`. `held_out` says, by key and
/// source and in the order of the keys, whether a best document is held out.
pub(super) fn distinct(
    mut keyed: Merge<KEYED>,
    sources: &[SourceInfo],
    store: &Store,
    mut held_out: impl FnMut(u128, u32) -> bool,
    mut equal: impl FnMut(u32, u32) -> Result<()>,
    ranked: &mut Sorter<RANKED>,
) -> Result<()> {
    let mut next = keyed.next()?;
    // Document and source of the copies that are equal to the last byte.
    let mut copies: Vec<(u32, u32)> = Vec::new();
    while let Some(first) = next {
        copies.clear();
        while let Some(record) = next
            && record[..SAME] == first[..SAME]
        {
            copies.push((number(&record[SAME..SAME + 4]), number(&record[SAME + 4..])));
            next = keyed.next()?;
        }
        let (best, source) = shortest_id(&copies, store)?;
        for (document, _) in &copies {
            if *document != best {
                equal(*document, best)?;
            }
        }
        while let Some(record) = next
            && record[..16] == first[..16]
        {
            equal(number(&record[SAME..SAME + 4]), best)?;
            next = keyed.next()?;
        }
        let key = u128::from_be_bytes(first[..16].try_into().unwrap_or_default());
        let books = sources[source as usize].kind == TextKind::Books;
        let reference = sources[source as usize].reference;
        let class = match (books, !reference && held_out(key, source)) {
            _ if reference => 0,
            (true, true) => 1,
            (true, false) => 2,
            (false, true) => 3,
            (false, false) => 4,
        };
        let mut out = [0; RANKED];
        out[0] = class;
        out[1..9].copy_from_slice(&first[17..25]);
        out[9..25].copy_from_slice(&first[..16]);
        out[25..29].copy_from_slice(&best.to_be_bytes());
        out[29..].copy_from_slice(&source.to_be_bytes());
        ranked.push(out)?;
    }
    Ok(())
}

/// The copy with the shortest id, so that `d5` is kept and `d400` is not. Among ids of one length the first by its bytes, and
/// among equal ids the first in the input.
fn shortest_id(copies: &[(u32, u32)], store: &Store) -> Result<(u32, u32)> {
    let mut best = copies[0];
    if copies.len() > 1 {
        let mut id = store.name(best.0)?.id;
        for copy in &copies[1..] {
            let other = store.name(copy.0)?.id;
            if (other.len(), &other) < (id.len(), &id) {
                (best, id) = (*copy, other);
            }
        }
    }
    Ok(best)
}

/// The position of a document that has no rank.
pub(super) const NONE: u32 = u32::MAX;

/// The order of the documents: 8 bytes a document.
pub(super) struct Order {
    /// Documents, best first.
    pub(super) documents: Vec<u32>,
    /// The position of each document in `documents`, or [`NONE`].
    pub(super) positions: Vec<u32>,
}

/// Reads the order, and counts the distinct documents of each source into `unique`.
pub(super) fn order(mut ranked: Merge<RANKED>, documents: u32, unique: &mut [u64]) -> Result<Order> {
    let mut order = Order { documents: Vec::new(), positions: vec![NONE; documents as usize] };
    order.documents.reserve_exact(documents as usize);
    while let Some(record) = ranked.next()? {
        let document = number(&record[25..29]);
        unique[number(&record[29..]) as usize] += 1;
        order.positions[document as usize] = order.documents.len() as u32;
        order.documents.push(document);
    }
    Ok(order)
}
