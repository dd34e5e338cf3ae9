//! The same article in two pages: other menus, headers and footers around one long run of equal words.
//!
//! The furniture of a page can be a third of it, so the 3-grams of two such pages are not alike enough. But one page has a
//! passage of the other, word for word, and little else.

use xxhash_rust::xxh3::xxh3_64;

/// The share of a document's words in passages of the kept document, from which on it is a copy.
pub const PASSAGE: f64 = 0.7;
/// The fewest equal words in a row that count: a sentence, and more than a formula.
const RUN: usize = 20;
/// The fewest words of passages. A shorter page is judged by its 3-grams alone.
const WORDS: usize = 100;
/// The words that find a passage.
const SEED: usize = 8;
/// A paragraph that is shorter, in bytes, proposes no pair.
const PARAGRAPH: usize = 240;
/// The paragraphs of a document that propose pairs: the longest ones.
const PARAGRAPHS: usize = 3;

/// The share of `words` that stands in `other` in runs of at least 20 words; 0 if that is fewer than 100 words. O(n).
#[must_use]
pub fn shared_passages(words: &[u32], other: &[u32]) -> f64 {
    if words.len() < WORDS || other.len() < WORDS {
        return 0.0;
    }
    let first = Seeds::of(other);
    let (mut at, mut shared) = (0, 0);
    while let Some(seed) = words[at..].first_chunk::<SEED>() {
        let run = first
            .find(seed)
            .map_or(0, |there| words[at..].iter().zip(&other[there..]).take_while(|(a, b)| a == b).count());
        if run >= RUN {
            shared += run;
            at += run;
        } else {
            at += 1;
        }
    }
    if shared < WORDS { 0.0 } else { shared as f64 / words.len() as f64 }
}

/// Where each run of [`SEED`] words begins for the first time: a table of places, at most half full. A map with the words
/// as its keys took three times as long.
struct Seeds<'w> {
    words: &'w [u32],
    /// Places plus 1; 0 is free.
    slots: Vec<u32>,
}

impl<'w> Seeds<'w> {
    fn of(words: &'w [u32]) -> Self {
        let mut seeds = Self { words, slots: vec![0; (2 * words.len()).next_power_of_two()] };
        for (at, seed) in words.windows(SEED).filter_map(<[u32]>::first_chunk).enumerate() {
            let (slot, known) = seeds.slot(seed);
            if known.is_none() {
                seeds.slots[slot] = at as u32 + 1;
            }
        }
        seeds
    }

    fn find(&self, seed: &[u32; SEED]) -> Option<usize> {
        self.slot(seed).1
    }

    /// The slot of a seed, and its place if it is there.
    fn slot(&self, seed: &[u32; SEED]) -> (usize, Option<usize>) {
        const K: u64 = 0x9E37_79B9_7F4A_7C15;
        let hash =
            seed.iter().fold(0u64, |hash, word| (hash.rotate_left(23) ^ u64::from(*word)).wrapping_mul(K));
        let mut slot = (hash >> 32) as usize & (self.slots.len() - 1);
        while let Some(at) = self.slots[slot].checked_sub(1).map(|at| at as usize) {
            if self.words[at..].starts_with(seed) {
                return (slot, Some(at));
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        (slot, None)
    }
}

/// Appends the hashes of the longest paragraphs, which propose pairs as a band does. Letters count as the key has them.
pub fn paragraph_hashes(text: &str, out: &mut Vec<u64>) {
    let mut longest: [&str; PARAGRAPHS] = [""; PARAGRAPHS];
    for line in text.split('\n') {
        if line.len() >= PARAGRAPH && line.len() > longest[PARAGRAPHS - 1].len() {
            longest[PARAGRAPHS - 1] = line;
            longest.sort_by_key(|line| std::cmp::Reverse(line.len()));
        }
    }
    let mut letters = Vec::new();
    for line in longest.into_iter().filter(|line| !line.is_empty()) {
        // Letters and digits alone: white space, punctuation and case do not count.
        letters.clear();
        letters.extend(line.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()));
        out.push(xxh3_64(&letters));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(from: u32, count: u32) -> Vec<u32> {
        (from..from + count).collect()
    }

    #[test]
    fn long_runs_count_and_short_ones_do_not() {
        let article = words(0, 300);
        let page = [words(1000, 40), article.clone(), words(2000, 40)].concat();
        let other = [words(3000, 60), article.clone(), words(4000, 10)].concat();
        assert_eq!(shared_passages(&page, &other), 300.0 / 380.0);
        assert_eq!(shared_passages(&article, &page), 1.0);
        // Formulas of 19 words, between other words.
        let formulas: Vec<u32> =
            (0..30).flat_map(|n| [words(n * 19, 19), words(5000 + n, 1)].concat()).collect();
        assert_eq!(shared_passages(&formulas, &words(0, 570)), 0.0);
        assert_eq!(shared_passages(&words(0, 99), &words(0, 300)), 0.0);
        assert_eq!(shared_passages(&[], &[]), 0.0);
    }

    proptest! {
        #[test]
        fn equal_to_the_definition(words in prop::collection::vec(0u32..3, 90..300), cuts in prop::collection::vec((0usize..300, 0usize..120), 1..6)) {
            let other: Vec<u32> = cuts.iter().flat_map(|(at, length)| {
                let at = (*at).min(words.len());
                words[at..(at + length).min(words.len())].to_vec()
            }).chain(0..100).collect();
            // Without a table: the first place of each seed is searched.
            let (mut at, mut shared) = (0, 0);
            while at + SEED <= words.len() {
                let there = other.windows(SEED).position(|seed| seed == &words[at..at + SEED]);
                let run = there.map_or(0, |there| words[at..].iter().zip(&other[there..]).take_while(|(a, b)| a == b).count());
                if run >= RUN { shared += run; at += run } else { at += 1 }
            }
            let expected = if words.len() < WORDS || shared < WORDS { 0.0 } else { shared as f64 / words.len() as f64 };
            prop_assert_eq!(shared_passages(&words, &other), expected);
        }
    }

    #[test]
    fn the_longest_paragraphs_propose() {
        let hashes = |text: &str| {
            let mut out = Vec::new();
            paragraph_hashes(text, &mut out);
            out
        };
        let article = "Podul nou leagă cele două maluri. ".repeat(9);
        let (one, two) =
            (format!("Meniu\n{article}\nSubsol"), format!("Alt meniu\n{}\n", article.to_uppercase()));
        assert_eq!(hashes(&one).len(), 1);
        assert_eq!(hashes(&one), hashes(&two));
        assert_eq!(hashes(&one), hashes(&format!("Antet nou\n  {}\n", article.replace(". ", " ; "))));
        assert!(hashes("Scurt.").is_empty());
    }
}
