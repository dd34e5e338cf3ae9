//! The pairs that wait to be merged, the most frequent first.
//!
//! Training makes millions of pairs and merges a few ten thousand of the most frequent. So only pairs whose count has
//! reached the current power of two are in a heap. The others are unsorted in one bucket for each power of two, and most
//! never leave it. The order is exactly the order of one heap with all pairs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::lists::List;

/// A pair and the places where it occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The count of the pair when it was queued; it may be lower now.
    pub(super) count: u64,
    /// The pair of tokens.
    pub(super) pair: (u32, u32),
    /// Its places.
    pub(super) places: List,
}

impl Ord for Candidate {
    /// More frequent pairs first; of equals the pair with lower ids, as in `tokenizers`.
    fn cmp(&self, other: &Self) -> Ordering {
        self.count.cmp(&other.count).then_with(|| other.pair.cmp(&self.pair))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A priority queue of candidates.
pub(super) struct Queue {
    /// The candidates with `count >= 1 << level`.
    heap: BinaryHeap<Candidate>,
    level: u32,
    /// Bucket i: the candidates with `count.ilog2() == i`, all below `level`; 0 counts as 1.
    buckets: Vec<Vec<Candidate>>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), level: u64::BITS, buckets: vec![Vec::new(); u64::BITS as usize] }
    }

    pub(super) fn push(&mut self, candidate: Candidate) {
        let bucket = candidate.count.max(1).ilog2();
        if bucket >= self.level {
            self.heap.push(candidate);
        } else {
            self.buckets[bucket as usize].push(candidate);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Candidate> {
        while self.heap.is_empty() && self.level > 0 {
            self.level -= 1;
            self.heap = BinaryHeap::from(std::mem::take(&mut self.buckets[self.level as usize]));
        }
        self.heap.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_is_that_of_one_heap(ops in prop::collection::vec((any::<bool>(), 0u64..70, 0u32..5), 1..200)) {
            let (mut queue, mut heap) = (Queue::new(), BinaryHeap::new());
            for (push, count, id) in ops {
                if push {
                    let candidate = Candidate { count, pair: (id, id / 2), places: List::default() };
                    queue.push(candidate);
                    heap.push(candidate);
                } else {
                    prop_assert_eq!(queue.pop(), heap.pop());
                }
            }
            while let Some(candidate) = heap.pop() {
                prop_assert_eq!(queue.pop(), Some(candidate));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
