//! The distinct words of a corpus as one array of symbols, in which pairs are merged in place.
//!
//! A token of n bytes keeps n slots: its id is in the first and the last slot, and the slots between are holes. So the
//! next token begins `len` slots later, the previous token ends one slot earlier, and no word is moved or scanned. A
//! merge costs what its places cost, even inside a word of 200 MB. Words are in the order of falling counts, so the count
//! of a place is found in a short table of steps (a corpus has few distinct counts).

use super::count::Counts;
use super::lists::{List, Lists};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How an id is stored: in 16 bits when the vocabulary allows it, because this array is the largest.
pub(super) trait Symbol: Copy + Eq {
    /// The largest vocabulary.
    const MAX_VOCAB: usize;
    /// Inside a token.
    const HOLE: Self;
    /// Between two words.
    const EDGE: Self;
    fn new(id: u32) -> Self;
    fn id(self) -> u32;
}

macro_rules! symbol {
    ($int:ty) => {
        impl Symbol for $int {
            const MAX_VOCAB: usize = (Self::MAX - 1) as usize;
            const HOLE: Self = Self::MAX;
            const EDGE: Self = Self::MAX - 1;
            #[inline(always)]
            fn new(id: u32) -> Self {
                id as Self
            }
            #[inline(always)]
            fn id(self) -> u32 {
                u32::from(self)
            }
        }
    };
}
symbol!(u16);
symbol!(u32);

/// The words of the corpus.
pub(super) struct Corpus<S> {
    symbols: Vec<S>,
    /// The length of each token in bytes.
    lens: Vec<u32>,
    /// (first place, count) of each run of words with the same count.
    steps: Vec<(u32, u64)>,
}

/// The neighbours of the places of a merge, summed by token.
#[derive(Default)]
pub(super) struct Side {
    /// By token: the sum of the counts of its places, and the number of places.
    sums: Vec<(u64, u32)>,
    /// The tokens that have a sum, in the order of their first occurrence.
    pub(super) tokens: Vec<u32>,
    /// (token, place of the new pair), in the order of the places.
    pub(super) places: Vec<(u32, u32)>,
}

impl Side {
    fn add(&mut self, token: u32, count: u64, place: u32) {
        let index = token as usize;
        if self.sums.len() <= index {
            self.sums.resize(index + 1, (0, 0));
        }
        let (sum, n) = &mut self.sums[index];
        if *n == 0 {
            self.tokens.push(token);
        }
        *sum += count;
        *n += 1;
        self.places.push((token, place));
    }

    /// The sum of the counts and the number of places of a token.
    pub(super) fn sum(&self, token: u32) -> (u64, u32) {
        self.sums[token as usize]
    }

    pub(super) fn clear(&mut self) {
        for token in self.tokens.drain(..) {
            self.sums[token as usize] = (0, 0);
        }
        self.places.clear();
    }
}

impl<S: Symbol> Corpus<S> {
    /// Lays out the words. `byte_ids` are the ids of the 256 bytes.
    pub(super) fn new(counts: Counts, byte_ids: &[u32; 256], progress: &Progress) -> Result<Self> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut words: Vec<(u64, u32, u32)> = Vec::new();
        let mut too_many = false;
        counts.for_each(|word, n| {
            // A word of one byte has no pairs.
            if word.len() > 1 && !too_many {
                too_many = bytes.len() + word.len() + words.len() + 2 > u32::MAX as usize;
                words.push((n, bytes.len() as u32, word.len() as u32));
                bytes.extend_from_slice(word);
            }
        })?;
        if too_many {
            return Err(Error::data("the distinct words take more than 4 GB")
                .hint("train on a sample of the corpus: a few GB of text give the same merges"));
        }
        progress.check()?;
        // The order of words with the same count changes no sum, so it need not be stable.
        words.sort_unstable_by_key(|&(count, ..)| std::cmp::Reverse(count));
        let mut corpus = Self {
            symbols: Vec::with_capacity(bytes.len() + words.len() + 1),
            lens: Vec::new(),
            steps: Vec::new(),
        };
        corpus.symbols.push(S::EDGE);
        for (count, start, len) in words {
            if corpus.steps.last().is_none_or(|&(_, last)| last != count) {
                corpus.steps.push((corpus.symbols.len() as u32, count));
            }
            let word = &bytes[start as usize..][..len as usize];
            corpus.symbols.extend(word.iter().map(|&byte| S::new(byte_ids[usize::from(byte)])));
            corpus.symbols.push(S::EDGE);
        }
        Ok(corpus)
    }

    /// Sets the length of the token `id`.
    pub(super) fn set_len(&mut self, id: u32, len: u32) {
        let index = id as usize;
        if self.lens.len() <= index {
            self.lens.resize(index + 1, 0);
        }
        self.lens[index] = len;
    }

    /// Calls `f` with every pair of bytes, its count and its places, in the order of the pairs. All symbols are still
    /// bytes.
    pub(super) fn byte_pairs(&self, lists: &mut Lists, mut f: impl FnMut((u32, u32), u64, List)) {
        let size = self.lens.len();
        let index = |pair: &[S]| {
            (pair[0] != S::EDGE && pair[1] != S::EDGE)
                .then(|| pair[0].id() as usize * size + pair[1].id() as usize)
        };
        let mut sums = vec![(0u64, 0u32); size * size];
        self.for_each_count(|range, count| {
            for pair in self.symbols[range].windows(2) {
                if let Some(index) = index(pair) {
                    sums[index].0 += count;
                    sums[index].1 += 1;
                }
            }
        });
        let entries = sums.iter().map(|&(_, n)| n as usize).sum();
        let (block, mut start) = lists.room(entries, sums.iter().filter(|(_, n)| *n > 0).count());
        let mut ends = vec![0; sums.len()];
        for (i, &(count, n)) in sums.iter().enumerate() {
            ends[i] = start;
            if n > 0 {
                f(((i / size) as u32, (i % size) as u32), count, Lists::list(block, start, n));
            }
            start += n;
        }
        let places = lists.block(block);
        for (place, pair) in (0u32..).zip(self.symbols.windows(2)) {
            if let Some(index) = index(pair) {
                places[ends[index] as usize] = place;
                ends[index] += 1;
            }
        }
    }

    /// The ranges of equal count; each ends with an edge.
    fn for_each_count(&self, mut f: impl FnMut(std::ops::Range<usize>, u64)) {
        for (i, &(start, count)) in self.steps.iter().enumerate() {
            let end = self.steps.get(i + 1).map_or(self.symbols.len(), |&(next, _)| next as usize);
            f(start as usize..end, count);
        }
    }

    /// Merges `pair` into `merged` at those `places` (ascending) where it still occurs, and records the neighbours.
    pub(super) fn merge(
        &mut self,
        pair: (u32, u32),
        merged: u32,
        places: &[u32],
        left: &mut Side,
        right: &mut Side,
    ) {
        let (a, b, c) = (S::new(pair.0), S::new(pair.1), S::new(merged));
        let (a_len, b_len) = (self.lens[pair.0 as usize] as usize, self.lens[pair.1 as usize] as usize);
        let mut step = 0;
        for &place in places {
            let at = place as usize;
            let middle = at + a_len;
            // A place whose first token is gone has another id or a hole: a token that began here and only grew cannot
            // end here. So one comparison for each token shows whether the pair still occurs.
            if self.symbols[at] != a || self.symbols[middle] != b {
                continue;
            }
            let end = middle + b_len;
            while self.steps.get(step + 1).is_some_and(|&(next, _)| next <= place) {
                // Places of a rare pair skip many steps, so search the rest instead of walking.
                let rest = &self.steps[step + 1..];
                step += rest.partition_point(|&(start, _)| start <= place);
            }
            let count = self.steps[step].1;
            let before = self.symbols[at - 1];
            if before != S::EDGE {
                let id = before.id();
                left.add(id, count, place - self.lens[id as usize]);
            }
            let after = self.symbols[end];
            if after != S::EDGE {
                right.add(after.id(), count, place);
            }
            self.symbols[middle - 1] = S::HOLE;
            self.symbols[middle] = S::HOLE;
            self.symbols[at] = c;
            self.symbols[end - 1] = c;
        }
    }

    /// The first place of the word with the token at `place`.
    pub(super) fn word_start(&self, place: u32) -> u32 {
        let mut at = place as usize;
        while self.symbols[at - 1] != S::EDGE {
            at -= self.lens[self.symbols[at - 1].id() as usize] as usize;
        }
        at as u32
    }

    /// Adds the places of `pair` in the word that begins at `start` to `out`.
    pub(super) fn places_in_word(&self, pair: (u32, u32), start: u32, out: &mut Vec<u32>) {
        let mut at = start as usize;
        while self.symbols[at] != S::EDGE {
            let next = at + self.lens[self.symbols[at].id() as usize] as usize;
            if self.symbols[at].id() == pair.0 && self.symbols[next].id() == pair.1 {
                out.push(at as u32);
            }
            at = next;
        }
    }
}
