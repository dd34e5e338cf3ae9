//! Words and how often they occurred.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::cache::{hash, prefetch};

/// The number of slots at first: 24 KiB.
const MIN_SLOTS: usize = 1 << 10;

/// A word of up to 15 bytes as [`Lane::word`](super::lane::Lane::word) makes it, in two halves: 24 bytes a slot.
#[derive(Clone, Copy)]
struct Slot {
    low: u64,
    high: u64,
    count: u64,
}

const EMPTY: Slot = Slot { low: 0, high: 0, count: 0 };

impl Slot {
    fn hash(&self) -> u64 {
        hash(u128::from(self.low) | u128::from(self.high) << 64)
    }
}

/// From words to counts. Short words are in open addressing, long ones in an ordinary map.
pub(super) struct WordTable {
    slots: Vec<Slot>,
    used: usize,
    long: HashMap<Box<[u8]>, u64, FxBuildHasher>,
    long_bytes: usize,
}

impl WordTable {
    pub(super) fn new() -> Self {
        let long = HashMap::with_hasher(FxBuildHasher);
        Self { slots: vec![EMPTY; MIN_SLOTS], used: 0, long, long_bytes: 0 }
    }

    /// Prefetches the cache line of a word that is counted soon: see `Cache::prefetch`.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots, hash);
    }

    #[inline(always)]
    fn find(&self, low: u64, high: u64, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            // SAFETY: `at` is masked by the length, a power of two.
            let there = unsafe { self.slots.get_unchecked(at) };
            if (there.low, there.high) == (low, high) || there.count == 0 {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Counts a short word `n` times (n > 0).
    #[inline(always)]
    pub(super) fn add(&mut self, word: u128, hash: u64, n: u64) {
        let (low, high) = (word as u64, (word >> 64) as u64);
        let at = self.find(low, high, hash);
        // SAFETY: `find` returns an index below the length.
        let slot = unsafe { self.slots.get_unchecked_mut(at) };
        if slot.count > 0 {
            slot.count += n;
        } else {
            *slot = Slot { low, high, count: n };
            self.used += 1;
            if self.used * 4 > self.slots.len() * 3 {
                self.grow(self.slots.len() * 2);
            }
        }
    }

    #[cold]
    fn grow(&mut self, slots: usize) {
        for slot in std::mem::replace(&mut self.slots, vec![EMPTY; slots]) {
            if slot.count > 0 {
                let at = self.find(slot.low, slot.high, slot.hash());
                self.slots[at] = slot;
            }
        }
    }

    /// Adds the words of `other`.
    ///
    /// The words come in the order of their hashes. A table smaller than theirs would fill from its front, and every word
    /// would probe past all earlier ones. So it grows first; then both tables are walked in step.
    pub(super) fn absorb(&mut self, other: &Self) {
        if self.slots.len() < other.slots.len() {
            self.grow(other.slots.len());
        }
        for slot in other.slots.iter().filter(|slot| slot.count > 0) {
            self.add(u128::from(slot.low) | u128::from(slot.high) << 64, slot.hash(), slot.count);
        }
        for (word, &count) in &other.long {
            self.add_long(word, count);
        }
    }

    /// Counts a word of 16 bytes or more.
    #[cold]
    pub(super) fn add_long(&mut self, word: &[u8], n: u64) {
        if let Some(count) = self.long.get_mut(word) {
            *count += n;
        } else {
            self.long.insert(word.into(), n);
            self.long_bytes += word.len();
        }
    }

    /// Counts a word of any length `n` times (n > 0).
    pub(super) fn add_word(&mut self, word: &[u8], n: u64) {
        if word.len() > 15 {
            return self.add_long(word, n);
        }
        let mut bytes = [0; 16];
        bytes[..word.len()].copy_from_slice(word);
        bytes[15] = word.len() as u8;
        let word = u128::from_le_bytes(bytes);
        self.add(word, hash(word), n);
    }

    /// The number of words.
    pub(super) fn len(&self) -> usize {
        self.used + self.long.len()
    }

    /// Bytes of memory held.
    pub(super) fn bytes_used(&self) -> usize {
        // 48: a slot of the map, the length word and the bookkeeping of the allocator.
        self.slots.len() * size_of::<Slot>() + self.long.capacity() * 48 + self.long_bytes
    }

    /// Calls `f` with every word and its count, in no defined order.
    pub(super) fn for_each(&self, mut f: impl FnMut(&[u8], u64)) {
        for slot in self.slots.iter().filter(|slot| slot.count > 0) {
            let bytes = (u128::from(slot.low) | u128::from(slot.high) << 64).to_le_bytes();
            f(&bytes[..usize::from(bytes[15])], slot.count);
        }
        for (word, &count) in &self.long {
            f(word, count);
        }
    }

    /// Removes all words; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.used = 0;
        self.long.clear();
        self.long_bytes = 0;
    }
}
