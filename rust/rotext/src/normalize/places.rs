//! The places of a document that a rule must look at.
//!
//! A rule needs few places, and its signs are common: a book has thousands of commas and dashes. So a rule describes its
//! places by three neighbouring bytes. The test has no branches, and the compiler turns it into vectors: a block without a
//! place costs a few instructions, and no block costs more than its bytes.

/// The number of bytes that are tested together. A block with a place is read again byte by byte, so it is small.
const BLOCK: usize = 32;

/// The places where `test` holds for the byte there and the two bytes after it, in order. Zeros stand for bytes beyond the
/// end. `test` joins its comparisons by `&` and `|`, because `&&` and `||` are branches.
pub(super) fn places<F: Fn(u8, u8, u8) -> bool>(bytes: &[u8], test: F) -> Places<'_, F> {
    Places { bytes, test, block: 0, left: 0 }
}

/// The iterator of [`places`].
pub(super) struct Places<'t, F> {
    bytes: &'t [u8],
    test: F,
    /// The start of the next block.
    block: usize,
    /// The places of the block before it that were not returned yet, as bits.
    left: u32,
}

impl<F: Fn(u8, u8, u8) -> bool> Places<'_, F> {
    /// The first place from `at` on. The places before it are not looked at again.
    pub(super) fn from(&mut self, at: usize) -> Option<usize> {
        if at >= self.block {
            (self.block, self.left) = (at / BLOCK * BLOCK, 0);
        }
        self.find(|&place| place >= at)
    }

    /// The places of the next block that has some.
    #[inline]
    fn refill(&mut self) -> Option<()> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2; the function has no other precondition.
            unsafe { self.next_block_avx2() };
        } else {
            self.next_block();
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.next_block();
        if self.left == 0 {
            let rest = self.bytes.get(self.block..).unwrap_or_default();
            let byte = |i: usize| rest.get(i).copied().unwrap_or(0);
            while self.left == 0 && self.block < self.bytes.len() {
                let start = self.block - (self.bytes.len() - rest.len());
                for i in 0..(rest.len() - start).min(BLOCK) {
                    let at = start + i;
                    self.left |= u32::from((self.test)(byte(at), byte(at + 1), byte(at + 2))) << i;
                }
                self.block += BLOCK;
            }
        }
        (self.left != 0).then_some(())
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn next_block_avx2(&mut self) {
        self.next_block();
    }

    /// Skips the blocks without a place, as long as whole blocks follow.
    #[inline(always)]
    fn next_block(&mut self) {
        while let Some(window) = self.bytes.get(self.block..).and_then(<[u8]>::first_chunk::<{ BLOCK + 2 }>) {
            self.block += BLOCK;
            let mut any = false;
            for i in 0..BLOCK {
                any |= (self.test)(window[i], window[i + 1], window[i + 2]);
            }
            if any {
                for i in 0..BLOCK {
                    self.left |= u32::from((self.test)(window[i], window[i + 1], window[i + 2])) << i;
                }
                return;
            }
        }
    }
}

impl<F: Fn(u8, u8, u8) -> bool> Iterator for Places<'_, F> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            self.refill()?;
        }
        let bit = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(self.block - BLOCK + bit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_find_what_a_loop_finds(
            bytes in prop::collection::vec(0u8..4, 0..300),
            steps in prop::collection::vec(0usize..90, 0..6),
        ) {
            let test = |a: u8, b: u8, c: u8| (a == 1) & (b != 2) & (c == 0);
            let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
            let naive: Vec<usize> =
                (0..bytes.len()).filter(|&at| test(byte(at), byte(at + 1), byte(at + 2))).collect();
            prop_assert_eq!(places(&bytes, test).collect::<Vec<_>>(), naive.clone());
            let mut found = places(&bytes, test);
            let mut start = 0;
            for step in steps {
                start += step;
                let next = naive.iter().copied().find(|&place| place >= start);
                prop_assert_eq!(found.from(start), next);
                start = next.map_or(start, |next| next + 1);
            }
        }
    }
}
