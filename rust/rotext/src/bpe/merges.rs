//! The merge rules, and the merging of one word.
//!
//! This is BPE as `tokenizers` defines it: of all adjacent pairs that have a rule, merge the pair with the lowest rank,
//! the leftmost of equals, until none is left (Sennrich et al. 2016, section 3.2).

use std::collections::BTreeMap;

/// The pair has no rule.
const NONE: u64 = u64::MAX;
/// A longer word (in bytes) is merged by rank. The scan costs n² / 2 steps, the lists cost n with a larger constant, and
/// they are equal near a hundred.
const SCAN_MAX: usize = 96;
/// A slot inside a token: neither its first nor its last byte.
const HOLE: u32 = u32::MAX;

/// From a pair of token ids to the rank and id of the merged token. Open addressing, at most half full: a look-up is one
/// multiplication and mostly one cache line.
#[derive(Debug, Clone)]
pub(super) struct Merges {
    /// (`left << 32 | right`, `rank << 32 | merged`); empty slots have the value [`NONE`].
    slots: Box<[(u64, u64)]>,
    shift: u32,
}

impl Merges {
    /// The rules in the order of rank. Of equal pairs the last one counts, as in `tokenizers`.
    pub(super) fn new(rules: &[(u32, u32, u32)]) -> Self {
        let size = (rules.len() * 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![(0, NONE); size].into(), shift: 64 - size.trailing_zeros() };
        for (rank, &(left, right, merged)) in (0u64..).zip(rules) {
            let pair = u64::from(left) << 32 | u64::from(right);
            let mut at = table.home(pair);
            while table.slots[at].1 != NONE && table.slots[at].0 != pair {
                at = (at + 1) & (size - 1);
            }
            table.slots[at] = (pair, rank << 32 | u64::from(merged));
        }
        table
    }

    #[inline(always)]
    fn home(&self, pair: u64) -> usize {
        // Fibonacci hashing; the rotation moves the left id into the high bits too.
        ((pair ^ pair.rotate_left(21)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// `rank << 32 | merged`, or [`NONE`].
    #[inline(always)]
    fn get(&self, left: u32, right: u32) -> u64 {
        let pair = u64::from(left) << 32 | u64::from(right);
        let mut at = self.home(pair);
        loop {
            let (key, value) = self.slots[at];
            if key == pair || value == NONE {
                return value;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// Buffers for merging, reused for each word.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The ids: of the bytes at first, of the tokens at the end.
    pub(super) ids: Vec<u32>,
    rules: Vec<u64>,
}

impl Merges {
    /// Merges `scratch.ids` in place. `len_of` gives the length of a token in bytes.
    pub(super) fn apply(&self, scratch: &mut Scratch, len_of: impl Fn(u32) -> usize) {
        if scratch.ids.len() <= SCAN_MAX {
            self.scan(scratch);
        } else {
            self.by_rank(&mut scratch.ids, len_of);
        }
    }

    /// Finds the rule of lowest rank by testing all pairs, which is fastest for a word of ten bytes.
    fn scan(&self, scratch: &mut Scratch) {
        let Scratch { ids, rules } = scratch;
        rules.clear();
        rules.extend(ids.windows(2).map(|pair| self.get(pair[0], pair[1])));
        loop {
            // Ranks are unique, so the whole number has the order of the rank, and `<` keeps the leftmost of equals.
            let (mut rule, mut at) = (NONE, 0);
            for (i, &there) in rules.iter().enumerate() {
                if there < rule {
                    (rule, at) = (there, i);
                }
            }
            if rule == NONE {
                return;
            }
            ids[at] = rule as u32;
            ids.remove(at + 1);
            rules.remove(at);
            if at > 0 {
                rules[at - 1] = self.get(ids[at - 1], ids[at]);
            }
            if at < rules.len() {
                rules[at] = self.get(ids[at], ids[at + 1]);
            }
        }
    }

    /// The same, with the places sorted into one list for each rank. A token has its id in the slots of its first and
    /// last byte, so both neighbours are found without links: 8 bytes of memory for each byte of text.
    ///
    /// A place of a list may be out of date. It is valid if the pair there still has the rank of the list: ranks are
    /// unique, and a token that began here and now ends here would have shrunk, which is impossible. Merging by a rule
    /// makes no new place of the same rule (the new token is longer than both parts), so a list is complete when its turn
    /// comes. But a rule of lower rank may appear meanwhile: then it is applied first, and the rest of the list waits.
    ///
    /// Long words are mostly runs of the same signs, which have few rules. A heap of places costs log n for each place,
    /// and was 3 times slower on them.
    fn by_rank(&self, ids: &mut Vec<u32>, len_of: impl Fn(u32) -> usize) {
        let mut lists: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for at in 0..ids.len() - 1 {
            let rule = self.get(ids[at], ids[at + 1]);
            if rule != NONE {
                lists.entry(rule >> 32).or_default().push(at as u32);
            }
        }
        while let Some((rank, mut places)) = lists.pop_first() {
            places.sort_unstable();
            for (done, &place) in (1..).zip(&places) {
                let at = place as usize;
                let left = ids[at];
                if left == HOLE {
                    continue;
                }
                let middle = at + len_of(left);
                let Some(&right) = ids.get(middle) else { continue };
                if right == HOLE {
                    continue;
                }
                let rule = self.get(left, right);
                if rule == NONE || rule >> 32 != rank {
                    continue;
                }
                let merged = rule as u32;
                let end = middle + len_of(right);
                ids[middle - 1] = HOLE;
                ids[middle] = HOLE;
                ids[at] = merged;
                ids[end - 1] = merged;
                let mut lowest = rank;
                let mut put = |rule: u64, at: usize| {
                    if rule != NONE {
                        lowest = lowest.min(rule >> 32);
                        lists.entry(rule >> 32).or_default().push(at as u32);
                    }
                };
                if at > 0 {
                    let before = ids[at - 1];
                    put(self.get(before, merged), at - len_of(before));
                }
                if let Some(&after) = ids.get(end) {
                    put(self.get(merged, after), at);
                }
                if lowest < rank {
                    lists.entry(rank).or_default().extend_from_slice(&places[done..]);
                    break;
                }
            }
        }
        let (mut from, mut to) = (0, 0);
        while from < ids.len() {
            ids[to] = ids[from];
            from += len_of(ids[to]);
            to += 1;
        }
        ids.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Literally the definition: find the lowest rank, merge, start again.
    fn naive(rules: &[(u32, u32, u32)], mut ids: Vec<u32>) -> Vec<u32> {
        loop {
            let best = (1..ids.len())
                .filter_map(|at| {
                    let rank = rules.iter().rposition(|&(a, b, _)| (a, b) == (ids[at - 1], ids[at]))?;
                    Some((rank, at - 1))
                })
                .min();
            let Some((rank, at)) = best else { return ids };
            ids[at] = rules[rank].2;
            ids.remove(at + 1);
        }
    }

    /// Rules over a small alphabet, as training would make them: each joins two tokens that exist.
    fn rules(picks: &[(usize, usize)]) -> (Vec<(u32, u32, u32)>, Vec<usize>) {
        let mut lengths = vec![1; 4];
        let mut rules: Vec<(u32, u32, u32)> = Vec::new();
        for &(a, b) in picks {
            let (a, b) = (a % lengths.len(), b % lengths.len());
            if rules.iter().all(|&(x, y, _)| (x, y) != (a as u32, b as u32)) {
                rules.push((a as u32, b as u32, lengths.len() as u32));
                lengths.push(lengths[a] + lengths[b]);
            }
        }
        (rules, lengths)
    }

    proptest! {
        #[test]
        fn scan_and_lists_are_naive(
            picks in prop::collection::vec((0usize..64, 0usize..64), 0..40),
            word in prop::collection::vec(0u32..4, 1..200),
            trained in any::<bool>(),
            order in any::<u64>(),
        ) {
            let (mut rules, lengths) = rules(&picks);
            if !trained {
                // Training never makes these: a rule may be before the rules that make its parts.
                rules.sort_by_key(|&(a, b, _)| (u64::from(a) << 32 | u64::from(b)).wrapping_mul(order | 1));
            }
            let merges = Merges::new(&rules);
            let expected = naive(&rules, word.clone());
            let mut scratch = Scratch { ids: word.clone(), rules: Vec::new() };
            merges.scan(&mut scratch);
            prop_assert_eq!(&scratch.ids, &expected);
            let mut ids = word;
            merges.by_rank(&mut ids, |id| lengths[id as usize]);
            prop_assert_eq!(ids, expected);
        }
    }
}
