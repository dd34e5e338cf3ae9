//! How much of a document repeats an earlier part of it: lines, and runs of two to ten words.
//!
//! These are the measures of Rae et al. 2021 (*Gopher*, table A1), in bytes: the share of the most frequent run of 2, 3
//! or 4 words, and the share of the words in a run of 5 to 10 words that occurred earlier.
//!
//! The thresholds were set on web pages. A statute of 30,000 words repeats its formulas without being spam. So a long
//! document is measured in pages of [`PAGE`] words, and a repetition counts within its page. (Pages that repeat each
//! other are found by their lines.)
//!
//! A run of *n* words that occurs twice begins with a run of *n* - 1 words that occurs twice. So only the starts of those
//! are tested for *n*, and after two or three lengths hardly any are left. All nine lengths cost about one and a half
//! look-ups for each word.

use std::hash::BuildHasherDefault;

use hashbrown::HashMap;
use rustc_hash::FxHasher;

/// Words of a page.
const PAGE: usize = 1000;
/// The lengths of runs whose most frequent one is measured, and of those whose cover is measured.
const TOP: std::ops::Range<usize> = 2..5;
const COVER: std::ops::Range<usize> = 5..11;

/// A shorter line, in bytes, may be a refrain, and occurs in a song this often.
const REFRAIN: u32 = 60;
const REFRAINS: u32 = 4;

/// A word or a line: its hash, and its length in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) hash: u64,
    pub(super) bytes: u32,
}

/// What was found about runs, as shares of the bytes of all words.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Runs {
    pub(super) top: [f64; TOP.end - TOP.start],
    pub(super) cover: [f64; COVER.end - COVER.start],
}

/// The slots of the table, which is at most half full.
const SLOTS: usize = (2 * PAGE).next_power_of_two();

/// The counters of [`Repetition::drop_most_single`].
const COUNTS: usize = 1 << 13;

/// How often a run occurred in the current `round`.
#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    round: u32,
    count: u32,
}

/// The place of a run, its hash and its slot.
#[derive(Clone, Copy)]
struct Run {
    at: u32,
    slot: u32,
    hash: u64,
}

/// Tables, kept between documents to reuse their memory.
pub(super) struct Repetition {
    seen: HashMap<u64, u32, BuildHasherDefault<FxHasher>>,
    slots: Box<[Slot]>,
    counts: Box<[u8; COUNTS]>,
    /// Each length of each page is a round; a slot of an older round counts as empty.
    round: u32,
    runs: Vec<Run>,
    /// Bytes of the words of the page before each word.
    before: Vec<u32>,
}

impl Default for Repetition {
    fn default() -> Self {
        let slots = vec![Slot::default(); SLOTS].into();
        let counts = Box::new([0; COUNTS]);
        Self { seen: HashMap::default(), slots, counts, round: 0, runs: Vec::new(), before: Vec::new() }
    }
}

fn bytes(words: &[Word]) -> u64 {
    words.iter().map(|word| u64::from(word.bytes)).sum()
}

impl Repetition {
    /// The share of lines that occurred earlier, by number and by bytes. A short one may be a refrain.
    pub(super) fn duplicates(&mut self, items: &[Word]) -> (f64, f64) {
        // After a statute the table is large, and emptying it for each of a thousand short pages would be slow.
        if self.seen.capacity() > 64 * (items.len() + 16) {
            self.seen = HashMap::default();
        }
        self.seen.clear();
        let (mut number, mut size) = (0u64, 0u64);
        for item in items {
            let times = self.seen.entry(item.hash).or_insert(0);
            *times += 1;
            if *times > if item.bytes < REFRAIN { REFRAINS } else { 1 } {
                number += 1;
                size += u64::from(item.bytes);
            }
        }
        (number as f64 / items.len().max(1) as f64, size as f64 / bytes(items).max(1) as f64)
    }

    /// The most frequent runs, and the cover of the repeated ones.
    pub(super) fn runs(&mut self, words: &[Word]) -> Runs {
        let (mut top, mut cover) = ([0; TOP.end - TOP.start], [0; COVER.end - COVER.start]);
        for page in words.chunks(PAGE) {
            self.page(page, &mut top, &mut cover);
        }
        let share = |part: u64| part as f64 / bytes(words).max(1) as f64;
        Runs { top: top.map(share), cover: cover.map(share) }
    }

    fn page(&mut self, page: &[Word], top: &mut [u64], cover: &mut [u64]) {
        self.before.clear();
        self.before.push(0);
        let mut total = 0;
        for word in page {
            total += word.bytes;
            self.before.push(total);
        }
        self.runs.clear();
        self.runs.extend((0..).zip(page).map(|(at, word)| Run { at, slot: 0, hash: word.hash }));
        for n in TOP.start..COVER.end {
            self.extend(page, n);
            if self.runs.is_empty() {
                return;
            }
            let size = |run: &Run| u64::from(self.before[run.at as usize + n] - self.before[run.at as usize]);
            if TOP.contains(&n) {
                let most = self
                    .runs
                    .iter()
                    .map(|run| size(run) * u64::from(self.slots[run.slot as usize].count))
                    .max();
                // Runs of one repeated word overlap themselves.
                top[n - TOP.start] += most.unwrap_or(0).min(u64::from(total));
            } else {
                cover[n - COVER.start] += self.covered(n);
            }
        }
    }

    /// Extends the runs of `n` - 1 words by one word, and keeps those that occur twice.
    fn extend(&mut self, page: &[Word], n: usize) {
        let whole = self.runs.partition_point(|run| (run.at as usize) + n <= page.len());
        self.runs.truncate(whole);
        for run in &mut self.runs {
            let word = page[run.at as usize + n - 1];
            run.hash = (run.hash.rotate_left(23) ^ word.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        self.drop_most_single();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.slots.fill(Slot::default());
            self.round = 1;
        }
        let (slots, round) = (&mut self.slots, self.round);
        for run in &mut self.runs {
            let mut at = (run.hash >> 32) as usize % SLOTS;
            while slots[at].round == round && slots[at].hash != run.hash {
                at = (at + 1) % SLOTS;
            }
            let count = if slots[at].round == round { slots[at].count } else { 0 };
            slots[at] = Slot { hash: run.hash, round, count: count + 1 };
            run.slot = at as u32;
        }
        self.runs.retain(|run| slots[run.slot as usize].count > 1);
    }

    /// Removes nine in ten of the runs that occur once. What occurs twice stays: its places are counted twice.
    ///
    /// Prose has few runs that occur twice, and two passes without a comparison cost less than a search for each run.
    fn drop_most_single(&mut self) {
        let (counts, runs) = (&mut self.counts, &mut self.runs);
        if runs.len() < COUNTS / 64 {
            return;
        }
        let place = |run: &Run| (run.hash >> 48) as usize % COUNTS;
        counts.fill(0);
        for run in &*runs {
            let count = &mut counts[place(run)];
            *count = count.saturating_add(1);
        }
        let mut kept = 0;
        for from in 0..runs.len() {
            let run = runs[from];
            runs[kept] = run;
            kept += usize::from(counts[place(&run)] > 1);
        }
        runs.truncate(kept);
    }

    /// Bytes of the words in runs of `n` words that occurred earlier in the page.
    fn covered(&mut self, n: usize) -> u64 {
        let (mut size, mut until) = (0, 0);
        for run in &self.runs {
            let at = run.at as usize;
            let slot = &mut self.slots[run.slot as usize];
            // The count is not needed any more, so it marks the first occurrence.
            if std::mem::replace(&mut slot.count, 0) == 0 {
                size += u64::from(self.before[at + n] - self.before[at.max(until)]);
                until = at + n;
            }
        }
        size
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

    /// The definitions, literally, for a text of one page.
    fn naive(text: &str) -> Runs {
        let words: Vec<&str> = text.split_whitespace().collect();
        let total = words.iter().map(|word| word.len()).sum::<usize>().max(1) as f64;
        let places = |n: usize| 0..(words.len() + 1).saturating_sub(n);
        let run = |n: usize, at: usize| &words[at..at + n];
        let size = |words: &[&str]| words.iter().map(|word| word.len()).sum::<usize>();
        let mut found = Runs::default();
        for n in TOP {
            let often = |at: usize| places(n).filter(|&other| run(n, other) == run(n, at)).count();
            let repeated = places(n).filter(|&at| often(at) > 1).map(|at| often(at) * size(run(n, at)));
            found.top[n - TOP.start] = (repeated.max().unwrap_or(0) as f64 / total).min(1.0);
        }
        for n in COVER {
            let mut covered = vec![false; words.len()];
            for at in places(n).filter(|&at| (0..at).any(|other| run(n, other) == run(n, at))) {
                covered[at..at + n].fill(true);
            }
            let inside =
                words.iter().zip(covered).filter(|(_, covered)| *covered).map(|(word, _)| word.len());
            found.cover[n - COVER.start] = inside.sum::<usize>() as f64 / total;
        }
        found
    }

    proptest! {
        #[test]
        fn equal_to_the_definitions(texts in prop::collection::vec("([a-c]{1,2} ){0,60}", 1..4)) {
            // One after another, to check that one document leaves nothing for the next.
            let mut repetition = Repetition::default();
            for text in texts {
                prop_assert_eq!(repetition.runs(&words(&text)), naive(&text));
            }
        }
    }

    #[test]
    fn a_long_document_is_measured_page_by_page() {
        let page: String = (0..PAGE).map(|n| format!("w{n} ")).collect();
        assert_eq!(Repetition::default().runs(&words(&page.repeat(3))), Runs::default());
        let lines: String = (0..8).map(|n| format!("{} ", ["a", "b"][n % 2].repeat(70))).collect();
        assert_eq!(Repetition::default().duplicates(&words(&lines)), (0.75, 0.75));
        // A refrain stands four times.
        assert_eq!(Repetition::default().duplicates(&words("a a a a b")), (0.0, 0.0));
        assert_eq!(Repetition::default().duplicates(&words("a a a a a a a a")), (0.5, 0.5));
    }
}
