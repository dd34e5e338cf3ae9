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

use std::sync::atomic::{AtomicUsize, Ordering};

use rustc_hash::FxHashMap;

use super::edition::{is_law, is_other_edition};
use super::passage::{PASSAGE, shared_passages};
use super::rank::{NONE, Order};
use super::rule::Rule;
use super::runs::{Merge, Sorter};
use super::store::Store;
use super::verify::{Grams, Likeness};
use crate::error::{Error, Result};
use crate::fault::guard;
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

/// The number of 3-gram sets in the cache of a thread, and the number of grams that all caches may have together (64 MB).
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
///
/// Decisions are made in order, because each depends on those before it. Comparing takes the time, and a comparison depends on
/// nothing: threads compare the next documents with those that are kept so far, and the decision looks up what they found.
/// What they could not foresee (a partner that is kept within the same batch) is compared then. So the result does not depend on
/// the number of threads.
pub(super) fn compare(
    mut entries: Merge<ENTRY>,
    buckets: u32,
    (order, store): (&Order, &Store),
    threads: usize,
    mut remove: impl FnMut(u32, u32, Rule, Likeness) -> Result<()>,
    progress: &Progress,
) -> Result<Compared> {
    let mut compared = Compared::default();
    let mut kept = Kept { first: vec![NONE; buckets as usize], more: FxHashMap::default() };
    let threads = threads.max(1);
    let mut comparers: Vec<Comparer<'_>> =
        (0..threads).map(|_| Comparer { order, store, cache: Cache::new(CACHED_GRAMS / threads) }).collect();
    let mut next = entries.next()?;
    let mut batch: Vec<(u32, Vec<u32>)> = Vec::new();
    while next.is_some() {
        batch.clear();
        let most = (compared.candidates as usize).clamp(BATCH.start, BATCH.end);
        while batch.len() < most
            && let Some(entry) = next
        {
            let (position, bucket) = parts(entry);
            match batch.last_mut() {
                Some((last, mine)) if *last == position => mine.push(bucket),
                _ => batch.push((position, vec![bucket])),
            }
            next = entries.next()?;
        }
        // The rest of the last document.
        while let Some((position, bucket)) = next.map(parts)
            && let Some((_, mine)) = batch.last_mut().filter(|(last, _)| *last == position)
        {
            mine.push(bucket);
            next = entries.next()?;
        }
        let foreseen = foresee(&batch, &kept, &mut comparers, progress)?;
        for ((position, mine), foreseen) in batch.iter().zip(foreseen) {
            compared.candidates += 1;
            if compared.candidates.is_multiple_of(256) {
                progress.check()?;
                progress.add(0, 256);
            }
            progress.advance(mine.len() as u64);
            let ordered = kept.candidates(mine);
            compared.capped += u64::from(ordered.len() > MAX_COMPARED);
            let mut document = None;
            let mut found = None;
            for other in ordered.into_iter().take(MAX_COMPARED) {
                compared.pairs += 1;
                let known = foreseen.iter().find(|(of, _)| *of == other).map(|(_, verdict)| *verdict);
                let verdict = match known {
                    Some(verdict) => verdict,
                    None => {
                        let document = match &document {
                            Some(document) => document,
                            None => document.insert(comparers[0].read(*position)?),
                        };
                        comparers[0].verdict(document, other)?
                    }
                };
                if let Some((rule, likeness)) = verdict {
                    found = Some((other, rule, likeness));
                    break;
                }
            }
            match found {
                Some((other, rule, likeness)) => {
                    let number = |position: u32| order.documents[position as usize];
                    remove(number(*position), number(other), rule, likeness)?;
                }
                None => mine.iter().for_each(|bucket| kept.insert(*bucket, *position)),
            }
        }
    }
    Ok(compared)
}

/// Documents that are compared at the same time: as many as were decided before, between these. The partner of a document may
/// be in its own batch, and is not known then; with more documents that would be more likely.
const BATCH: std::ops::Range<usize> = 8..512;

/// Position and bucket of a record.
fn parts(entry: [u8; ENTRY]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = entry;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// The rule by which a document is a copy of another, if it is one.
type Verdict = Option<(Rule, Likeness)>;

/// What a thread found about a document: the positions of others, and the verdicts.
type Verdicts = Vec<(u32, Verdict)>;

/// Compares each document of a batch with the documents that were kept before it, up to the first that it is a copy of.
fn foresee(
    batch: &[(u32, Vec<u32>)],
    kept: &Kept,
    comparers: &mut [Comparer<'_>],
    progress: &Progress,
) -> Result<Vec<Verdicts>> {
    let mut foreseen = vec![Vec::new(); batch.len()];
    if comparers.len() == 1 {
        return Ok(foreseen);
    }
    let turn = AtomicUsize::new(0);
    let work = |comparer: &mut Comparer<'_>| -> Result<Vec<(usize, Verdicts)>> {
        let mut done = Vec::new();
        while let index = turn.fetch_add(1, Ordering::Relaxed)
            && let Some((position, mine)) = batch.get(index)
        {
            progress.check()?;
            let ordered = kept.candidates(mine);
            if ordered.is_empty() {
                continue;
            }
            let document = comparer.read(*position)?;
            let mut verdicts = Vec::new();
            for other in ordered.into_iter().take(MAX_COMPARED) {
                let verdict = comparer.verdict(&document, other)?;
                verdicts.push((other, verdict));
                if verdict.is_some() {
                    break;
                }
            }
            done.push((index, verdicts));
        }
        Ok(done)
    };
    let all = std::thread::scope(|scope| {
        let running: Vec<_> =
            comparers.iter_mut().map(|comparer| scope.spawn(|| guard(|| work(comparer)))).collect();
        running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for done in all {
        let done = done.unwrap_or_else(|_| Err("a thread ended early".to_owned()));
        for (index, verdicts) in done.unwrap_or_else(|panic| Err(Error::internal(&panic)))? {
            foreseen[index] = verdicts;
        }
    }
    Ok(foreseen)
}

/// A document that is compared.
struct Words {
    words: Vec<u32>,
    grams: Grams,
}

/// Compares documents; each thread has one.
struct Comparer<'d> {
    order: &'d Order,
    store: &'d Store,
    cache: Cache,
}

impl Comparer<'_> {
    fn read(&self, position: u32) -> Result<Words> {
        let words = self.store.words(self.order.documents[position as usize])?;
        Ok(Words { grams: Grams::of(&words), words })
    }

    fn verdict(&mut self, document: &Words, other: u32) -> Result<Verdict> {
        let Self { order, store, cache } = self;
        let likeness = cache.with(other, order, store, |other| document.grams.likeness(other))?;
        if let Some(rule) = likeness.rule() {
            let edition = is_law(&document.words)
                && is_other_edition(&document.words, &store.words(order.documents[other as usize])?);
            return Ok((!edition).then_some((rule, likeness)));
        }
        if likeness.containment < WORTH_A_LOOK {
            return Ok(None);
        }
        let shared = shared_passages(&document.words, &store.words(order.documents[other as usize])?);
        let likeness = Likeness { containment: shared, ..likeness };
        Ok((shared >= PASSAGE).then_some((Rule::NearPassage, likeness)))
    }
}

/// The kept documents of each bucket: 4 bytes a bucket, and a list for the few buckets with more than one.
struct Kept {
    first: Vec<u32>,
    more: FxHashMap<u32, Vec<u32>>,
}

impl Kept {
    /// The kept documents in these buckets: those with most shared bands first, then the best.
    fn candidates(&self, buckets: &[u32]) -> Vec<u32> {
        let mut candidates = Vec::new();
        buckets.iter().for_each(|bucket| self.add_to(*bucket, &mut candidates));
        candidates.sort_unstable();
        let mut counted: Vec<(usize, u32)> =
            candidates.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
        counted.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
        counted.into_iter().map(|(_, position)| position).collect()
    }

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
    most: usize,
}

impl Cache {
    /// A cache for this many grams.
    fn new(most: usize) -> Self {
        Self { slots: vec![None; CACHE_SLOTS], grams: 0, most }
    }

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
        if self.grams + grams.len() > self.most {
            self.slots.fill(None);
            self.grams = 0;
        }
        if grams.len() <= self.most {
            self.grams += grams.len();
            if let Some((_, old)) = self.slots[slot].replace((position, grams)) {
                self.grams -= old.len();
            }
        }
        Ok(result)
    }
}
