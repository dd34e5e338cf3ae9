//! A cache of encoded words. Text repeats itself: a cache of a few hundred thousand words has more than 98 % of them, so
//! merging a word hardly affects the speed.
//!
//! A word of up to 15 bytes is its own key, one 128-bit number (see [`Lane::word`](super::lane::Lane::word)), and one
//! comparison tests it. Up to three ids are in the same half of a cache line. Longer words (one in a hundred) are in an
//! ordinary map. Both are bounded. A full table is emptied and fills again with the words of the current text, which
//! costs less than ageing words at every look-up.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The number of ids that a slot has room for; more are in `many`.
pub(super) const INLINE: usize = 3;
/// The number of slots at first and at most: 0.5 MiB and 32 MiB.
const MIN_SLOTS: usize = 1 << 14;
const MAX_SLOTS: usize = 1 << 20;
/// The most bytes of long words in the cache, and of one long word. Rules drawn in text (`-----`, `├────┼────┤`) are
/// single words of up to several kilobytes and repeat: they are a quarter of some web text.
const MAX_LONG_BYTES: usize = 8 << 20;
const LONGEST: usize = 1 << 15;

/// One word of up to 15 bytes.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Slot {
    /// The word; 0 when the slot is empty.
    word: u128,
    /// The ids, or the index of the first one in `many`.
    ids: [u32; INLINE],
    /// How many ids.
    len: u32,
}

const EMPTY: Slot = Slot { word: 0, ids: [0; INLINE], len: 0 };

/// What the cache has about a word.
#[derive(Clone, Copy)]
pub(super) enum Known<'c> {
    /// One to three ids, the first `len` of the array.
    Few([u32; INLINE], usize),
    /// Four ids or more.
    Many(&'c [u32]),
    /// Not in the cache.
    Unknown,
}

/// The cache of one thread.
pub(super) struct Cache {
    slots: Vec<Slot>,
    used: usize,
    many: Vec<u32>,
    long: HashMap<Box<[u8]>, (u32, u32), FxBuildHasher>,
    long_bytes: usize,
    long_ids: Vec<u32>,
}

#[inline(always)]
pub(super) fn hash(word: u128) -> u64 {
    // The folded product of the two halves (as in wyhash): every bit of the word reaches the top bits.
    let low = word as u64 ^ 0xA076_1D64_78BD_642F;
    let high = (word >> 64) as u64 ^ 0xE703_7ED1_A0B4_28DB;
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}

/// Prefetches the cache line of the slot where the search for `hash` begins. The number of slots is a power of two.
///
/// Tables are larger than the fast caches, so a look-up mostly waits for memory. With prefetches, many words wait at the
/// same time.
#[inline(always)]
pub(super) fn prefetch<S>(slots: &[S], hash: u64) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let at = hash as usize & (slots.len() - 1);
        // SAFETY: the pointer is inside `slots`, and a prefetch reads nothing that counts.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(slots.as_ptr().add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slots, hash);
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![EMPTY; MIN_SLOTS],
            used: 0,
            many: Vec::new(),
            long: HashMap::with_hasher(FxBuildHasher),
            long_bytes: 0,
            long_ids: Vec::new(),
        }
    }

    /// Prefetches the cache line of a word that is looked up soon.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots, hash);
    }

    /// The slot of `word`, or the empty slot where it belongs.
    #[inline(always)]
    fn find(&self, word: u128, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            // SAFETY: `at` is masked by the length, a power of two.
            let there = unsafe { self.slots.get_unchecked(at) }.word;
            if there == word || there == 0 {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, word: u128, hash: u64) -> Known<'_> {
        // SAFETY: `find` returns an index below the length.
        let slot = unsafe { self.slots.get_unchecked(self.find(word, hash)) };
        let len = slot.len as usize;
        if len == 0 {
            Known::Unknown
        } else if len <= INLINE {
            Known::Few(slot.ids, len)
        } else {
            let start = slot.ids[0] as usize;
            Known::Many(&self.many[start..start + len])
        }
    }

    /// Adds a short word that [`Cache::get`] did not have.
    pub(super) fn put(&mut self, word: u128, hash: u64, ids: &[u32]) {
        if self.used * 3 >= self.slots.len() * 2 {
            self.grow();
        }
        let mut slot = Slot { word, ids: [0; INLINE], len: ids.len() as u32 };
        if ids.len() <= INLINE {
            slot.ids[..ids.len()].copy_from_slice(ids);
        } else {
            slot.ids[0] = self.many.len() as u32;
            self.many.extend_from_slice(ids);
        }
        let at = self.find(word, hash);
        self.slots[at] = slot;
        self.used += 1;
    }

    fn grow(&mut self) {
        if self.slots.len() == MAX_SLOTS {
            self.slots.fill(EMPTY);
            self.many.clear();
            self.used = 0;
            return;
        }
        let larger = vec![EMPTY; self.slots.len() * 4];
        let old = std::mem::replace(&mut self.slots, larger);
        for slot in old {
            if slot.len > 0 {
                let at = self.find(slot.word, hash(slot.word));
                self.slots[at] = slot;
            }
        }
    }

    pub(super) fn get_long(&self, word: &[u8]) -> Option<&[u32]> {
        let &(start, len) = self.long.get(word)?;
        Some(&self.long_ids[start as usize..(start + len) as usize])
    }

    pub(super) fn put_long(&mut self, word: &[u8], ids: &[u32]) {
        if word.len() > LONGEST {
            return;
        }
        // 48: a slot of the map and the bookkeeping of the allocator.
        self.long_bytes += word.len() + 48;
        if self.long_bytes > MAX_LONG_BYTES {
            self.long.clear();
            self.long_ids.clear();
            self.long_bytes = word.len() + 48;
        }
        self.long.insert(word.into(), (self.long_ids.len() as u32, ids.len() as u32));
        self.long_ids.extend_from_slice(ids);
    }
}
