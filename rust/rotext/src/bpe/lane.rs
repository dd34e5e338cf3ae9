//! Sixteen bytes at a time: where a run of letters ends, and short words as one number.
//!
//! SSE2 is part of every x86-64, so nothing is detected at run time; on other machines the same functions are plain
//! loops. One lane holds nine of ten words, so wider registers would only add set-up cost.

/// Which bytes are certainly not part of the quick set of letters.
///
/// The quick set is `A-Z a-z`, and U+00C0 to U+02BF without `×` and `÷`: lead bytes C3 to CA and their continuation
/// bytes. It has all Romanian letters. Any other byte over 0x7F ends the run here, and its class is looked up in the
/// table.
pub(super) trait Lane: Copy {
    /// The bytes from `at`; zeros after the end of `text`.
    fn load(text: &[u8], at: usize) -> Self;
    /// Bit i: byte i is not in the quick set. Bits 16 and up are set.
    fn not_letters(self) -> u32;
    /// The first `len` (0 to 15) bytes, zero-padded, with `len` in the last byte, so that different words have different
    /// values.
    fn word(self, len: usize) -> u128;
}

/// Plain loops: the fallback of other machines, and the oracle of the quick lanes in the tests.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "x86_64", allow(dead_code))]
pub(super) struct Plain([u8; 16]);

impl Lane for Plain {
    #[inline(always)]
    fn load(text: &[u8], at: usize) -> Self {
        let mut bytes = [0; 16];
        let rest = &text[at..];
        let n = rest.len().min(16);
        bytes[..n].copy_from_slice(&rest[..n]);
        Self(bytes)
    }

    #[inline(always)]
    fn not_letters(self) -> u32 {
        let mut mask = !0xFFFF;
        for (i, &b) in self.0.iter().enumerate() {
            let sign = b == 0xC3 && i < 15 && matches!(self.0[i + 1], 0x97 | 0xB7);
            let letter =
                (b | 0x20).wrapping_sub(b'a') < 26 || matches!(b, 0x80..=0xBF | 0xC3..=0xCA) && !sign;
            mask |= u32::from(!letter) << i;
        }
        mask
    }

    #[inline(always)]
    fn word(self, len: usize) -> u128 {
        u128::from_le_bytes(self.0) & ((1 << (8 * len)) - 1) | (len as u128) << 120
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use Plain as Native;
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::Sse2 as Native;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::*;

    /// One SSE2 register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Sse2(__m128i);

    /// `MASKS[16 - len..]` begins with `len` bytes of ones.
    static MASKS: [u8; 32] = {
        let mut masks = [0; 32];
        let mut i = 0;
        while i < 16 {
            masks[i] = 0xFF;
            i += 1;
        }
        masks
    };

    impl super::Lane for Sse2 {
        #[inline(always)]
        fn load(text: &[u8], at: usize) -> Self {
            if at + 16 <= text.len() {
                // SAFETY: the sixteen bytes from `at` are inside `text`; the load needs no alignment.
                Self(unsafe { _mm_loadu_si128(text.as_ptr().add(at).cast()) })
            } else {
                let super::Plain(bytes) = super::Plain::load(text, at);
                // SAFETY: `bytes` is sixteen bytes long.
                Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
            }
        }

        #[inline(always)]
        fn not_letters(self) -> u32 {
            // SAFETY: SSE2 is part of x86-64, and none of these touches memory.
            unsafe {
                let bytes = self.0;
                // `x < n` for unsigned bytes: SSE2 compares signed ones, so shift the range to begin at -128.
                let below = |x, from: u8, n: u8| {
                    let moved = _mm_add_epi8(x, _mm_set1_epi8(0x80u8.wrapping_sub(from) as i8));
                    _mm_cmplt_epi8(moved, _mm_set1_epi8((0x80 + n) as i8))
                };
                let lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
                let ascii = below(lower, b'a', 26);
                let lead = below(bytes, 0xC3, 8);
                let tail = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0xC0u8 as i8));
                // × is C3 97 and ÷ is C3 B7: with 0x20 set, their second bytes are one value.
                let second = _mm_cmpeq_epi8(lower, _mm_set1_epi8(0xB7u8 as i8));
                let c3 = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0xC3u8 as i8));
                let sign = _mm_and_si128(c3, _mm_srli_si128::<1>(second));
                let letter = _mm_andnot_si128(sign, _mm_or_si128(ascii, _mm_or_si128(lead, tail)));
                !(_mm_movemask_epi8(letter) as u32)
            }
        }

        #[inline(always)]
        fn word(self, len: usize) -> u128 {
            debug_assert!(len < 16);
            // SAFETY: `16 - len` is at most 16, so sixteen bytes of `MASKS` follow.
            let (low, high) = unsafe {
                let mask = _mm_loadu_si128(MASKS.as_ptr().add(16 - (len & 15)).cast());
                let kept = _mm_and_si128(self.0, mask);
                (_mm_cvtsi128_si64(kept) as u64, _mm_cvtsi128_si64(_mm_unpackhi_epi64(kept, kept)) as u64)
            };
            u128::from(low) | u128::from(high | (len as u64) << 56) << 64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn native_is_plain(bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..40), at in 0usize..40, len in 0usize..16) {
            let at = at % bytes.len();
            let (native, plain) = (Native::load(&bytes, at), Plain::load(&bytes, at));
            proptest::prop_assert_eq!(native.not_letters(), plain.not_letters());
            proptest::prop_assert_eq!(native.word(len), plain.word(len));
        }
    }

    #[test]
    fn every_pair_of_bytes_is_judged_alike() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let bytes = [first, second, b'a', first, second];
                assert_eq!(Native::load(&bytes, 0).not_letters(), Plain::load(&bytes, 0).not_letters());
            }
        }
    }
}
