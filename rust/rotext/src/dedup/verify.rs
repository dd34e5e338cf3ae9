//! How much of one document another one has: the 3-grams of their words, compared one by one.

use super::rule::{CONTAINMENT, JACCARD, Rule};
use super::words::Words;

/// The set of a document's word 3-grams, sorted.
///
/// A 3-gram is a 32-bit hash. Two different 3-grams have the same hash with a probability of 2^-32, so two novels of 100,000
/// words seem to share two or three 3-grams that differ. Building a set costs O(n) for n words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Grams(Vec<u32>);

/// Words of a 3-gram.
const GRAM: usize = 3;

/// How alike two documents are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// The share of the first document's 3-grams that the second one has.
    pub containment: f64,
    /// The shared 3-grams, as a share of all 3-grams of both.
    pub jaccard: f64,
}

impl Likeness {
    /// The rule by which the first document is a near-duplicate of the second, if it is one.
    #[must_use]
    pub fn rule(self) -> Option<Rule> {
        if self.containment >= CONTAINMENT {
            Some(Rule::NearContainment)
        } else if self.jaccard >= JACCARD {
            Some(Rule::NearJaccard)
        } else {
            None
        }
    }
}

impl Grams {
    /// The set of a text, from the exact hashes of its words in order. A text of one or two words is one gram.
    #[must_use]
    pub fn of(words: &[u32]) -> Self {
        let mix = |parts: &[u32]| {
            const K: [u64; GRAM] = [0x8EBC_6AF0_9C88_C6E3, 0x5897_65CD_2E2C_F3B5, 0x1D8E_4E27_C47D_124F];
            let sum = parts
                .iter()
                .zip(K)
                .fold(0u64, |sum, (part, k)| sum.wrapping_add(u64::from(*part).wrapping_mul(k)));
            ((sum ^ (sum >> 32)).wrapping_mul(0x9FB2_1C65_1E98_DF25) >> 32) as u32
        };
        let mut grams: Vec<u32> = if words.len() < GRAM {
            words.chunks(GRAM).map(mix).collect()
        } else {
            words.windows(GRAM).map(mix).collect()
        };
        sort(&mut grams);
        grams.dedup();
        Self(grams)
    }

    /// The set of a text.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut words = Words::default();
        words.read(text);
        Self::of(&words.exact)
    }

    /// The number of 3-grams in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a text without words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How alike this document is to `other`, in O(n) for n 3-grams of both. Nothing is like a document without words.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        let (a, b) = (&self.0, &other.0);
        let (mut i, mut j, mut shared) = (0, 0, 0usize);
        while i < a.len() && j < b.len() {
            // No branch: the numbers are random, and a mispredicted branch costs more than both additions.
            let (x, y) = (a[i], b[j]);
            shared += usize::from(x == y);
            i += usize::from(x <= y);
            j += usize::from(y <= x);
        }
        let ratio = |of: usize| if of == 0 { 0.0 } else { shared as f64 / of as f64 };
        Likeness { containment: ratio(a.len()), jaccard: ratio(a.len() + b.len() - shared) }
    }
}

/// A smaller set is sorted by comparison: the tables of the radix sort would cost more.
const SMALL: usize = 1024;

/// Radix sort, eleven bits at a time from the lowest. Verification spends its time on the sets of novels, and their hashes are
/// spread evenly.
fn sort(grams: &mut Vec<u32>) {
    const BUCKETS: usize = 1 << 11;
    if grams.len() < SMALL {
        grams.sort_unstable();
        return;
    }
    let mut other = vec![0; grams.len()];
    for shift in [0, 11, 22] {
        let bucket = |gram: u32| (gram >> shift) as usize % BUCKETS;
        let mut places = [0usize; BUCKETS];
        grams.iter().for_each(|gram| places[bucket(*gram)] += 1);
        let mut start = 0;
        for place in &mut places {
            start += std::mem::replace(place, start);
        }
        for gram in grams.iter() {
            let place = &mut places[bucket(*gram)];
            other[*place] = *gram;
            *place += 1;
        }
        std::mem::swap(grams, &mut other);
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::naive;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn both_ways_of_sorting_sort(grams in prop::collection::vec(any::<u32>(), 0..3 * SMALL)) {
            let (mut ours, mut sorted) = (grams.clone(), grams);
            sort(&mut ours);
            sorted.sort_unstable();
            prop_assert_eq!(ours, sorted);
        }

        #[test]
        fn equal_to_sets_of_strings(a in "([ab7]{1,2}[ ,]){0,30}", b in "([AB8]{1,2}[ .]){0,30}") {
            let set = |text: &str| -> HashSet<Vec<String>> {
                let words = naive(text);
                let size = words.len().clamp(1, 3);
                words.windows(size).map(<[String]>::to_vec).collect()
            };
            let (sa, sb) = (set(&a), set(&b));
            let shared = sa.intersection(&sb).count() as f64;
            let likeness = Grams::of_text(&a).likeness(&Grams::of_text(&b));
            let ratio = |of: usize| if of == 0 { 0.0 } else { shared / of as f64 };
            prop_assert_eq!(likeness.containment, ratio(sa.len()));
            prop_assert_eq!(likeness.jaccard, ratio(sa.union(&sb).count()));
        }
    }
}
