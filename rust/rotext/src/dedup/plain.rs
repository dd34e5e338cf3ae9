//! Copying what folding leaves as it is: runs of ASCII without control characters and without doubled spaces.
//!
//! In Romanian such a run is about 20 bytes, from one letter with a diacritic to the next, so they are moved 16 at
//! a time: one comparison finds bytes below space and from 0x80 on (signed, both are smaller than space), another
//! finds spaces, and a space whose forerunner is one is a doubled space.

/// Appends the longest plain start of `bytes` to `out`; returns its length. `space`: a space came before.
#[inline]
pub(super) fn copy(bytes: &[u8], space: bool, out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    let mut before = u32::from(space);
    #[cfg(target_arch = "x86_64")]
    while let Some(block) = bytes[at..].first_chunk::<16>() {
        let (low, spaces) = look(block);
        let stop = low | (spaces & (spaces << 1 | before));
        let plain = (stop | 1 << 16).trailing_zeros() as usize;
        // All 16 are written and the plain ones kept: cheaper than a copy of a length known only now.
        let end = out.len() + plain;
        out.extend_from_slice(block);
        out.truncate(end);
        at += plain;
        if plain < 16 {
            return at;
        }
        before = spaces >> 15 & 1;
    }
    let rest = &bytes[at..];
    let mut previous = if before == 1 { b' ' } else { 0 };
    let plain = rest
        .iter()
        .position(|&byte| {
            let stop = !(0x20..0x80).contains(&byte) || byte == b' ' && previous == b' ';
            previous = byte;
            stop
        })
        .unwrap_or(rest.len());
    out.extend_from_slice(&rest[..plain]);
    at + plain
}

/// Bits of the bytes that are below space or not ASCII, and of the spaces.
#[cfg(target_arch = "x86_64")]
#[inline]
fn look(block: &[u8; 16]) -> (u32, u32) {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
    };
    // SAFETY: SSE2 is part of x86-64; the load is of 16 bytes that `block` has, at any alignment.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let space = _mm_set1_epi8(0x20);
        let low = _mm_movemask_epi8(_mm_cmplt_epi8(bytes, space));
        let spaces = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, space));
        (low as u32, spaces as u32)
    }
}
