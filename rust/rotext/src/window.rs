//! Sixteen bytes of text that are compared at once. A word of Romanian has six bytes, so one comparison finds its end.
//!
//! A set of bytes is a number: bit *i* is set if byte *i* is in the set. SSE2 is part of every x86-64 processor, so nothing is
//! chosen at run time; for other processors the compiler vectorizes the loops.

/// The number of bytes of a window.
pub(crate) const BYTES: usize = 16;

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(crate) struct Window([u8; BYTES]);

impl Window {
    /// The bytes of `text` from `at` on; spaces stand for the bytes behind its end.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], at: usize) -> Self {
        match text.get(at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => Self(*bytes),
            None => Self::last(text.get(at..).unwrap_or_default()),
        }
    }

    #[cold]
    fn last(rest: &[u8]) -> Self {
        let mut bytes = [b' '; BYTES];
        bytes[..rest.len()].copy_from_slice(rest);
        Self(bytes)
    }

    /// The bytes from `first` to `last`.
    #[inline(always)]
    pub(crate) fn between(self, first: u8, last: u8) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::*;
            // SAFETY: every x86-64 processor has SSE2.
            unsafe {
                let place = _mm_sub_epi8(self.register(), _mm_set1_epi8(first as i8));
                let inside = _mm_cmpeq_epi8(_mm_min_epu8(place, _mm_set1_epi8((last - first) as i8)), place);
                _mm_movemask_epi8(inside) as u32
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.set(|byte| (first..=last).contains(&byte))
    }

    /// The bytes that are `byte`.
    #[inline(always)]
    pub(crate) fn equal(self, byte: u8) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::*;
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.register(), _mm_set1_epi8(byte as i8))) as u32 }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.set(|other| other == byte)
    }

    /// The bytes of characters that are not ASCII.
    #[inline(always)]
    pub(crate) fn high(self) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { std::arch::x86_64::_mm_movemask_epi8(self.register()) as u32 }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.set(|byte| byte >= 0x80)
    }

    /// The window with the capitals of ASCII as small letters.
    #[inline(always)]
    pub(crate) fn small(self) -> Self {
        Self(self.0.map(|byte| byte.to_ascii_lowercase()))
    }

    /// The bytes as they are.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The bytes as they are, to be changed.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; BYTES] {
        &mut self.0
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn register(self) -> std::arch::x86_64::__m128i {
        // SAFETY: 16 bytes are loaded from an array of 16 bytes, and every x86-64 processor has SSE2.
        unsafe { std::arch::x86_64::_mm_loadu_si128(self.0.as_ptr().cast()) }
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    #[inline(always)]
    fn set(self, of: impl Fn(u8) -> bool) -> u32 {
        (0..).zip(self.0).fold(0, |set, (place, byte)| set | u32::from(of(byte)) << place)
    }
}

/// The bits of the first `bytes` bytes.
#[inline(always)]
pub(crate) fn first(bytes: usize) -> u32 {
    (1 << bytes) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_are_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0usize..40, low: u8, width in 0u8..40) {
            let window = Window::at(&bytes, at);
            let place = |place: usize| bytes.get(at + place).copied().unwrap_or(b' ');
            prop_assert!((0..BYTES).all(|i| window.bytes()[i] == place(i)));
            let end = low.saturating_add(width);
            prop_assert_eq!(window.between(low, end), window.set(|byte| low <= byte && byte <= end));
            prop_assert_eq!(window.equal(low), window.set(|byte| byte == low));
            prop_assert_eq!(window.high(), window.set(|byte| byte > 127));
            let small: Vec<u8> = window.bytes().iter().map(u8::to_ascii_lowercase).collect();
            prop_assert_eq!(window.small().bytes().to_vec(), small);
            prop_assert_eq!(first(3), 7);
        }
    }
}
