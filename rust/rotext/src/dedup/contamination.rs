//! Texts of evaluations, and the documents that share runs of words with them.

use rustc_hash::FxHashSet;

/// The number of consecutive words that both texts must have (Brown et al. 2020, appendix C). Shorter evaluation texts cannot be
/// found: unrelated texts share eight or ten consecutive common words.
const RUN: usize = 13;

/// The 13-grams of evaluation texts, blind to case, diacritics and digits: 8 to 16 bytes each.
#[derive(Debug, Default, Clone)]
pub struct Evaluation {
    grams: FxHashSet<u64>,
}

/// Rolling hashes of every run of 13 words: one multiplication for the word that enters, one for the word that leaves.
fn runs(words: &[u32]) -> impl Iterator<Item = u64> + '_ {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let leaving = (0..RUN).fold(1u64, |power, _| power.wrapping_mul(K));
    let mut sum = 0u64;
    words.iter().enumerate().filter_map(move |(at, word)| {
        sum = sum.wrapping_mul(K).wrapping_add(u64::from(*word));
        if at >= RUN {
            sum = sum.wrapping_sub(u64::from(words[at - RUN]).wrapping_mul(leaving));
        }
        (at + 1 >= RUN).then(|| (sum ^ (sum >> 32)).wrapping_mul(0xE703_7ED1_A0B4_28DB))
    })
}

impl Evaluation {
    /// Adds a text by the folded hashes of its words. Returns false if it is too short to be found.
    pub fn add(&mut self, words: &[u32]) -> bool {
        self.grams.extend(runs(words));
        words.len() >= RUN
    }

    /// The number of runs of 13 words that the document shares with evaluation texts.
    #[must_use]
    pub fn shared(&self, words: &[u32]) -> u32 {
        if self.grams.is_empty() {
            return 0;
        }
        runs(words).filter(|run| self.grams.contains(run)).count().try_into().unwrap_or(u32::MAX)
    }

    /// The number of distinct runs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.grams.len()
    }

    /// A hash of the runs that does not depend on their order.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.grams.iter().fold(self.grams.len() as u64, |sum, gram| sum.wrapping_add(*gram))
    }

    /// True if no text was long enough.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grams.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn equal_to_sets_of_runs(
            a in prop::collection::vec(0..3u32, 0..40),
            b in prop::collection::vec(0..3u32, 0..40),
            same in prop::collection::vec(any::<u32>(), 0..20),
        ) {
            let a: Vec<u32> = a.into_iter().chain(same.clone()).collect();
            let b: Vec<u32> = same.into_iter().chain(b).collect();
            let mut evaluation = Evaluation::default();
            prop_assert_eq!(evaluation.add(&a), a.len() >= 13);
            let set: HashSet<&[u32]> = a.windows(13).collect();
            prop_assert_eq!(evaluation.len(), set.len());
            let shared = b.windows(13).filter(|run| set.contains(run)).count();
            prop_assert_eq!(evaluation.shared(&b) as usize, shared);
        }
    }
}
