//! A set of document numbers, one bit for each document.

#[derive(Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// An empty set of numbers below `len`.
    pub(super) fn new(len: u32) -> Self {
        Self(vec![0; (len as usize).div_ceil(64)])
    }

    /// The set with these [`Bits::words`].
    pub(super) fn from_words(words: Vec<u64>) -> Self {
        Self(words)
    }

    /// The bits, 64 in each number.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    pub(super) fn set(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    /// Whether the set has `at`; false for a number beyond its length.
    pub(super) fn get(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}
