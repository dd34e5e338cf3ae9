//! Copies the bytes that folding does not change: runs of ASCII without control characters and doubled spaces.
//!
//! In Romanian such a run has about 20 bytes, from one letter with a diacritic to the next. So 16 bytes are copied at a time. One
//! comparison finds the bytes below space and from 0x80 on (as signed numbers, both are less than space). Another one finds
//! spaces, and a space after a space is doubled.

/// Appends the longest plain start of `bytes` to `out`; returns its length. `space`: the byte before was a space.
#[inline]
pub(super) fn copy(bytes: &[u8], space: bool, out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    let mut before = u32::from(space);
    #[cfg(target_arch = "x86_64")]
    while let Some(block) = bytes[at..].first_chunk::<16>() {
        let (low, spaces) = look(block);
        let stop = low | (spaces & (spaces << 1 | before));
        let plain = (stop | 1 << 16).trailing_zeros() as usize;
        // Writing all 16 bytes and truncating is cheaper than a copy of variable length.
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

/// Two bit masks: the bytes that are below space or not ASCII, and the spaces.
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
