//! From equal bands to decisions: which documents are compared, and which of them are removed.
//!
//! ```text
//! bands, sorted       (hash, document)      ─> buckets: documents that share a band hash
//! entries, sorted     (position, bucket)    ─> documents from the best to the worst, each with its buckets
//! for each document   candidates = the kept documents in its buckets
//!                     compare 3-grams, most shared bands first, until one is alike
//!                     found: remove the document, the other is its partner.  Else keep it and add it to its buckets.
//! ```
//! A document is compared with kept documents only. So the partner of a removed document is never removed itself, and a group of
//! n copies costs n comparisons, not n².

use rustc_hash::FxHashMap;

use super::passage::{PASSAGE, shared_passages};
use super::rank::{NONE, Order};
use super::rule::Rule;
use super::runs::{Merge, Sorter};
use super::store::Store;
use super::verify::{Grams, Likeness};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Bytes of a record: band hash, document.
pub(super) const BANDED: usize = 12;
/// Bytes of a record: position, bucket.
pub(super) const ENTRY: usize = 8;

/// The most comparisons for one document. After that it is kept, and the report counts it. These are pages of one template whose
/// content differs.
const MAX_COMPARED: usize = 64;

/// The most kept documents of one bucket that are compared: the best ones.
const MAX_BUCKET: usize = 256;

/// A document with a smaller containment has no passages that make it a copy.
const WORTH_A_LOOK: f64 = 0.6;

/// The number of 3-gram sets in the cache, and the number of grams that they may have together (64 MB).
const CACHE_SLOTS: usize = 1024;
const CACHED_GRAMS: usize = 1 << 24;

/// Turns sorted bands into entries. Returns the number of buckets with at least two documents.
pub(super) fn buckets(
    mut bands: Merge<BANDED>,
    order: &Order,
    entries: &mut Sorter<ENTRY>,
    progress: &Progress,
) -> Result<u32> {
    let mut members: Vec<u32> = Vec::new();
    let (mut hash, mut count, mut seen) = (0u64, 0u32, 0u64);
    loop {
        let record = bands.next()?;
        let now = record.map(|r| {
            let hash = r.first_chunk::<8>().map_or(0, |eight| u64::from_be_bytes(*eight));
            (hash, u32::from_be_bytes([r[8], r[9], r[10], r[11]]))
        });
        if now.is_none_or(|(next, _)| next != hash) {
            members.sort_unstable();
            members.dedup();
            if members.len() > 1 {
                for position in &members {
                    let mut entry = [0; ENTRY];
                    entry[..4].copy_from_slice(&position.to_be_bytes());
                    entry[4..].copy_from_slice(&count.to_be_bytes());
                    entries.push(entry)?;
                }
                count = count.checked_add(1).ok_or_else(|| {
                    Error::data("more than 4,294,967,295 shared bands")
                        .hint("deduplicate parts of the corpus")
                })?;
            }
            members.clear();
        }
        let Some((next, document)) = now else { return Ok(count) };
        hash = next;
        let position = order.positions[document as usize];
        // Exact duplicates have no position and take no part.
        if position != NONE {
            members.push(position);
        }
        seen += 1;
        if seen.is_multiple_of(1 << 16) {
            progress.check()?;
            progress.advance(1 << 16);
        }
    }
}

/// Counts of the comparisons.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Compared {
    /// Documents that share a band with another.
    pub(super) candidates: u64,
    /// Comparisons.
    pub(super) pairs: u64,
    /// Documents with more candidates than are compared.
    pub(super) capped: u64,
}

/// Decides about the documents of `entries`. Calls `remove` with the removed document, the kept one, the rule and their likeness.
pub(super) fn compare(
    mut entries: Merge<ENTRY>,
    buckets: u32,
    order: &Order,
    store: &Store,
    mut remove: impl FnMut(u32, u32, Rule, Likeness) -> Result<()>,
    progress: &Progress,
) -> Result<Compared> {
    let mut compared = Compared::default();
    let mut kept = Kept { first: vec![NONE; buckets as usize], more: FxHashMap::default() };
    let mut cache = Cache { slots: vec![None; CACHE_SLOTS], grams: 0 };
    let mut candidates: Vec<u32> = Vec::new();
    let mut mine: Vec<u32> = Vec::new();
    let mut next = entries.next()?;
    while let Some(entry) = next {
        let position = u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]);
        mine.clear();
        candidates.clear();
        while let Some(entry) = next
            && entry[..4] == position.to_be_bytes()
        {
            let bucket = u32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]]);
            mine.push(bucket);
            kept.add_to(bucket, &mut candidates);
            next = entries.next()?;
        }
        compared.candidates += 1;
        if compared.candidates.is_multiple_of(256) {
            progress.check()?;
            progress.add(0, 256);
        }
        progress.advance(mine.len() as u64);
        let mut found = None;
        if !candidates.is_empty() {
            let ordered = by_shared(&mut candidates);
            compared.capped += u64::from(ordered.len() > MAX_COMPARED);
            let document = order.documents[position as usize];
            let words = store.words(document)?;
            let grams = Grams::of(&words);
            for &(_, other) in ordered.iter().take(MAX_COMPARED) {
                compared.pairs += 1;
                let mut likeness = cache.with(other, order, store, |other| grams.likeness(other))?;
                let partner = order.documents[other as usize];
                let rule = match likeness.rule() {
                    None if likeness.containment >= WORTH_A_LOOK => {
                        let shared = shared_passages(&words, &store.words(partner)?);
                        (shared >= PASSAGE).then(|| {
                            likeness.containment = shared;
                            Rule::NearPassage
                        })
                    }
                    rule => rule,
                };
                if let Some(rule) = rule {
                    found = Some((document, partner, rule, likeness));
                    break;
                }
            }
        }
        match found {
            Some((document, partner, rule, likeness)) => remove(document, partner, rule, likeness)?,
            None => mine.iter().for_each(|bucket| kept.insert(*bucket, position)),
        }
    }
    Ok(compared)
}

/// Candidates as (shared bands, position): most shared bands first, then the best position.
fn by_shared(candidates: &mut [u32]) -> Vec<(usize, u32)> {
    candidates.sort_unstable();
    let mut counted: Vec<(usize, u32)> =
        candidates.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
    counted.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    counted
}

/// The kept documents of each bucket: 4 bytes a bucket, and a list for the few buckets with more than one.
struct Kept {
    first: Vec<u32>,
    more: FxHashMap<u32, Vec<u32>>,
}

impl Kept {
    fn add_to(&self, bucket: u32, candidates: &mut Vec<u32>) {
        let first = self.first[bucket as usize];
        if first != NONE {
            candidates.push(first);
            if let Some(more) = self.more.get(&bucket) {
                candidates.extend_from_slice(more);
            }
        }
    }

    fn insert(&mut self, bucket: u32, position: u32) {
        let first = &mut self.first[bucket as usize];
        if *first == NONE {
            *first = position;
        } else {
            let more = self.more.entry(bucket).or_default();
            if more.len() + 1 < MAX_BUCKET {
                more.push(position);
            }
        }
    }
}

/// 3-gram sets of kept documents: the next documents are nearly always compared with the same ones.
struct Cache {
    slots: Vec<Option<(u32, Grams)>>,
    grams: usize,
}

impl Cache {
    fn with<T>(
        &mut self,
        position: u32,
        order: &Order,
        store: &Store,
        f: impl FnOnce(&Grams) -> T,
    ) -> Result<T> {
        let slot = position as usize % CACHE_SLOTS;
        if let Some((at, grams)) = &self.slots[slot]
            && *at == position
        {
            return Ok(f(grams));
        }
        let grams = Grams::of(&store.words(order.documents[position as usize])?);
        let result = f(&grams);
        if self.grams + grams.len() > CACHED_GRAMS {
            self.slots.fill(None);
            self.grams = 0;
        }
        if grams.len() <= CACHED_GRAMS {
            self.grams += grams.len();
            if let Some((_, old)) = self.slots[slot].replace((position, grams)) {
                self.grams -= old.len();
            }
        }
        Ok(result)
    }
}
