//! How much of one document stands in another: the 3-grams of their words, compared one by one.

use super::words::Words;

/// The set of a document's word 3-grams, sorted.
///
/// 32-bit hashes: two 3-grams are taken for one with a chance of 2^-32, so in a novel of 100,000 words two or three
/// of its 3-grams are wrong about another novel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Grams(Vec<u32>);

/// Words of a 3-gram.
const GRAM: usize = 3;

/// How alike two documents are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Share of the first one's 3-grams that stand in the second.
    pub containment: f64,
    /// Shared 3-grams of all 3-grams of both.
    pub jaccard: f64,
}

/// Share of a document's 3-grams that must stand in the one that stays.
///
/// For sets of equal size a Jaccard similarity of 0.85 is a containment of 0.92 (I >= 0.85 / 1.85 (A + B)), so this
/// loses none of the pairs that are wanted, and what goes has at most a tenth of its own.
pub const CONTAINMENT: f64 = 0.9;

/// Or the Jaccard similarity of both: where the worse document is the longer one in words (its copy has diacritics, and
/// so more bytes), containment alone is lower.
pub const JACCARD: f64 = 0.85;

impl Likeness {
    /// The rule by which the first document may go for the second, if one does.
    #[must_use]
    pub fn rule(self) -> Option<super::Rule> {
        if self.containment >= CONTAINMENT {
            Some(super::Rule::NearContainment)
        } else if self.jaccard >= JACCARD {
            Some(super::Rule::NearJaccard)
        } else {
            None
        }
    }
}

impl Grams {
    /// From the exact hashes of the words, in order. A text of one or two words is one gram.
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

    /// From a text.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut words = Words::default();
        words.read(text);
        Self::of(&words.exact)
    }

    /// 3-grams in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a text without words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How alike this document is to `other`; nothing is like a document without words.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        let (a, b) = (&self.0, &other.0);
        let (mut i, mut j, mut shared) = (0, 0, 0usize);
        while i < a.len() && j < b.len() {
            // No branch on the order of random numbers: a wrong guess costs more than both additions.
            let (x, y) = (a[i], b[j]);
            shared += usize::from(x == y);
            i += usize::from(x <= y);
            j += usize::from(y <= x);
        }
        let ratio = |of: usize| if of == 0 { 0.0 } else { shared as f64 / of as f64 };
        Likeness { containment: ratio(a.len()), jaccard: ratio(a.len() + b.len() - shared) }
    }
}

/// Sets smaller than this are sorted by comparing: the tables of the other way would cost more.
const SMALL: usize = 1024;

/// Sorts by eleven bits at a time, the lowest first: the sets of novels are what verification spends its time on, and
/// their hashes are spread evenly.
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
