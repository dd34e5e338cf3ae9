//! How much of a document says again what it said before: lines, and runs of two to ten words.
//!
//! The measures of Rae et al. 2021 (*Gopher*, table A1), in bytes: the share of the most frequent run of 2, 3, 4 words,
//! and the share of the words that lie in a run of 5 to 10 words that stood earlier. The last is a cover, so it can only
//! shrink as runs get longer: a document without repeated runs of five, which is nearly every one, costs one look-up a
//! word for all six.

use std::hash::BuildHasherDefault;

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxHasher;

type Set = HashSet<u64, BuildHasherDefault<FxHasher>>;

/// A word as its hash and its length in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) hash: u64,
    pub(super) bytes: u32,
}

/// Lines or words seen before; kept between documents for its memory.
#[derive(Default)]
pub(super) struct Repetition {
    seen: Set,
    counts: HashMap<u64, u32, BuildHasherDefault<FxHasher>>,
}

/// The run of `n` words that begins each window. Not a rolling sum: the order of words counts.
fn hash(words: &[Word]) -> u64 {
    words
        .iter()
        .fold(0, |hash: u64, word| (hash.rotate_left(23) ^ word.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn bytes(words: &[Word]) -> u64 {
    words.iter().map(|word| u64::from(word.bytes)).sum()
}

impl Repetition {
    /// Share of items that stood earlier, by number and by bytes.
    pub(super) fn duplicates(&mut self, items: &[Word]) -> (f64, f64) {
        self.seen.clear();
        let (mut number, mut size) = (0u64, 0u64);
        for item in items {
            if !self.seen.insert(item.hash) {
                number += 1;
                size += u64::from(item.bytes);
            }
        }
        (number as f64 / items.len().max(1) as f64, size as f64 / bytes(items).max(1) as f64)
    }

    /// Share of the bytes of the words that the most frequent run of `n` words takes; 0 when no run comes twice.
    pub(super) fn top(&mut self, words: &[Word], n: usize) -> f64 {
        self.counts.clear();
        let mut most = 0;
        for run in words.windows(n) {
            let count = self.counts.entry(hash(run)).or_insert(0);
            *count += 1;
            if *count > 1 {
                most = most.max(u64::from(*count) * bytes(run));
            }
        }
        // Runs of one word over and over overlap themselves.
        (most as f64 / bytes(words).max(1) as f64).min(1.0)
    }

    /// Share of the bytes of the words that lie in a run of `n` words that stood earlier.
    pub(super) fn covered(&mut self, words: &[Word], n: usize) -> f64 {
        self.seen.clear();
        let (mut size, mut until) = (0u64, 0);
        for (at, run) in words.windows(n).enumerate() {
            if !self.seen.insert(hash(run)) {
                size += bytes(&words[at.max(until)..at + n]);
                until = at + n;
            }
        }
        size as f64 / bytes(words).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<Word> {
        text.split_whitespace()
            .map(|word| Word { hash: xxhash_rust::xxh3::xxh3_64(word.as_bytes()), bytes: word.len() as u32 })
            .collect()
    }

    /// The definitions, word for word.
    fn naive_covered(text: &str, n: usize) -> f64 {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut covered = vec![false; words.len()];
        for j in 0..(words.len() + 1).saturating_sub(n) {
            if (0..j).any(|i| words[i..i + n] == words[j..j + n]) {
                covered[j..j + n].fill(true);
            }
        }
        let size = |keep: &dyn Fn(usize) -> bool| -> usize {
            words.iter().enumerate().filter(|(i, _)| keep(*i)).map(|(_, word)| word.len()).sum()
        };
        size(&|i| covered[i]) as f64 / size(&|_| true).max(1) as f64
    }

    proptest! {
        #[test]
        fn equal_to_the_definition(text in "([a-c]{1,2} ){0,60}", n in 2usize..6) {
            let words = words(&text);
            let found = Repetition::default().covered(&words, n);
            prop_assert!((found - naive_covered(&text, n)).abs() < 1e-12);
            prop_assert!(Repetition::default().covered(&words, n + 1) <= found);
        }
    }

    #[test]
    fn the_most_frequent_run() {
        let words = words("a b c a b d a b");
        assert_eq!(Repetition::default().top(&words, 2), 6.0 / 8.0);
        assert_eq!(Repetition::default().top(&words, 3), 0.0);
        let (number, size) = Repetition::default().duplicates(&words);
        assert_eq!((number, size), (0.5, 0.5));
    }
}
