//! One look at the bytes of a document, which says which rules could have anything to do in it.
//!
//! Good Romanian is about 8 % non-ASCII (ă â î ș ț „ ” – —), so "is it ASCII" is no filter. [`hot`] asks, of
//! a byte and the two after it, whether a rule could start there; it is branch-free byte comparisons, so the
//! compiler turns the loop over a block of 64 bytes into vector code (the same source is compiled for the
//! baseline and, where the processor has it, for AVX2). Only blocks with a hot byte are looked at in detail.

use std::ops::{BitOr, BitOrAssign};

/// Which stages a document needs: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signs(u32);

impl Signs {
    pub(super) const NONE: Self = Self(0);
    pub(super) const DOUBLE: Self = Self(1);
    pub(super) const ENTITY: Self = Self(1 << 1);
    pub(super) const LATIN2: Self = Self(1 << 2);
    pub(super) const ACCENT: Self = Self(1 << 3);
    pub(super) const FONT: Self = Self(1 << 4);
    pub(super) const COMPOSE: Self = Self(1 << 5);
    pub(super) const CEDILLA: Self = Self(1 << 6);
    pub(super) const LOOK_ALIKE: Self = Self(1 << 7);
    pub(super) const INVISIBLE: Self = Self(1 << 8);
    pub(super) const HARD_HYPHEN: Self = Self(1 << 9);
    pub(super) const SPACES: Self = Self(1 << 10);
    pub(super) const HYPHEN: Self = Self(1 << 11);
    pub(super) const OCR: Self = Self(1 << 12);

    /// Reads `text` once.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2; the function has no other precondition.
            return unsafe { signs_avx2(bytes) };
        }
        signs(bytes)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Signs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Signs {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Bytes looked at together. 64 is two AVX2 registers, and small enough that a hit wastes little.
const BLOCK: usize = 64;

#[inline(always)]
fn within(byte: u8, low: u8, high: u8) -> bool {
    byte.wrapping_sub(low) <= high - low
}

/// Could a rule start at the byte `a`, followed by `b` and `c`? Never wrong when it says no.
#[inline(always)]
fn hot(a: u8, b: u8, c: u8) -> bool {
    let high = c >= 0x80;
    let control = (a < 0x20) & (a != 9) & (a != 10) & (a != 12);
    let ascii = control
        | (a == 0x7F)
        | (a == b'&')
        | (a == b' ') & (b == b' ')
        | (a == b'-') & ((b == b' ') | (b == b'\n') | (b == b'\r'))
        | (a == b'I') & (b == b'a') & (c == b' ')
        | (a == b'1') & (b == b'-') & (c == b'a');
    // Lead bytes of everything but ASCII, À-ÿ, Ā-Ŀ, Ȁ-ȿ and the blocks with quotes, dashes and arrows.
    let rare = (a >= 0xC2) & (a != 0xC3) & (a != 0xC4) & (a != 0xC8) & (a != 0xE2);
    let c3 = (a == 0xC3)
        & ((b == 0x83)
            | (b == 0x9E)
            | (b == 0xA3)
            | (b == 0xBE)
            | high & (within(b, 0x82, 0x88) | within(b, 0x8B, 0x91) | (b == 0xA2) | within(b, 0xAF, 0xB0)));
    let c4 = (a == 0xC4) & ((b == 0xA0) | (b == 0xB1) | high & ((b == 0x82) | (b == 0x8C) | (b == 0xB9)));
    let punctuation = (b == 0x80) & (within(c, 0x80, 0x91) | within(c, 0xA8, 0xAF) | (c == 0xB2));
    let symbols = (b == 0x82) | within(b, 0x86, 0x89) | within(b, 0x94, 0x99) | (b == 0x9F);
    let e2 = (a == 0xE2) & (punctuation | (b != 0x80) & !symbols);
    ascii | rare | c3 | c4 | e2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn signs_avx2(bytes: &[u8]) -> Signs {
    signs(bytes)
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // three shifted views of a window: by index it vectorizes
fn signs(bytes: &[u8]) -> Signs {
    let mut found = Signs::NONE;
    let mut at = 0;
    // A window of BLOCK + 2 bytes: `hot` looks two bytes ahead.
    while let Some(window) = bytes.get(at..at + BLOCK + 2) {
        let mut hits = [0u8; BLOCK];
        let mut any = 0u8;
        for i in 0..BLOCK {
            hits[i] = u8::from(hot(window[i], window[i + 1], window[i + 2]));
            any |= hits[i];
        }
        if any != 0 {
            found |= inspect(bytes, at, &hits);
        }
        at += BLOCK;
    }
    let byte = |i: usize| bytes.get(i).copied().unwrap_or(0);
    for i in at..bytes.len() {
        if hot(byte(i), byte(i + 1), byte(i + 2)) {
            found |= sign([byte(i), byte(i + 1), byte(i + 2), byte(i + 3)]);
        }
    }
    found
}

/// The signs of the hot bytes of the block at `at`: most blocks that have one have only one, so eight bytes are
/// passed over at once.
#[inline(never)]
fn inspect(bytes: &[u8], at: usize, hits: &[u8; BLOCK]) -> Signs {
    let byte = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut found = Signs::NONE;
    for (word, eight) in hits.chunks_exact(8).enumerate() {
        let mut left = eight.iter().rev().fold(0u64, |all, &hit| all << 8 | u64::from(hit));
        while left != 0 {
            let i = at + word * 8 + left.trailing_zeros() as usize / 8;
            found |= sign([byte(i), byte(i + 1), byte(i + 2), byte(i + 3)]);
            left &= left - 1;
        }
    }
    found
}

/// What the character that begins with these bytes could need.
fn sign(window: [u8; 4]) -> Signs {
    let high = window[2] >= 0x80;
    match window {
        [b'&', b'#' | b'a'..=b'z' | b'A'..=b'Z', ..] => Signs::ENTITY,
        [b' ', b' ', ..] => Signs::SPACES,
        [b'-', ..] => Signs::HYPHEN,
        [b'I' | b'1', ..] => Signs::OCR,
        [0..=0x1F | 0x7F, ..] => Signs::INVISIBLE,
        [0xC2, 0x80..=0x9F | 0xAD, ..] => Signs::INVISIBLE,
        [0xC2, 0xA0, ..] => Signs::SPACES,
        [0xC2, 0xAA | 0xBA, ..] => Signs::LATIN2,
        [0xC2, 0xB8, ..] => Signs::ACCENT,
        [0xC3, 0x83, ..] if high => Signs::DOUBLE | Signs::LATIN2,
        [0xC3, 0x83 | 0x9E | 0xA3 | 0xBE, ..] => Signs::LATIN2,
        // â before another Romanian letter is no broken quote.
        [0xC3, 0xA2, 0xC3 | 0xC8, _] | [0xC3, 0xA2, 0xC4, 0x83] => Signs::NONE,
        [0xC3, 0xA2, 0xC5, 0x9E | 0x9F | 0xA2 | 0xA3] => Signs::NONE,
        [0xC3, 0x8E, 0xC8, _] | [0xC4, 0x82, 0xC8, _] => Signs::NONE,
        [0xC3, ..] if high => Signs::DOUBLE,
        [0xC4, 0xA0, ..] => Signs::FONT,
        [0xC4, 0xB1, 0xCC, 0x82] => Signs::COMPOSE,
        [0xC4, 0x82 | 0x8C | 0xB9, ..] if high => Signs::DOUBLE,
        [0xC5, 0x82 | 0x83, ..] => Signs::FONT,
        [0xC5, 0x9E | 0x9F | 0xA2 | 0xA3, ..] => Signs::CEDILLA,
        [0xC7, 0x8D | 0x8E, ..] => Signs::LOOK_ALIKE,
        [0xCB, 0x86 | 0x87 | 0x98, ..] => Signs::ACCENT,
        [0xCC | 0xCD, ..] => Signs::COMPOSE,
        [0xD0..=0xD1, ..] | [0xD2, 0xAA | 0xAB, ..] => Signs::LOOK_ALIKE | Signs::COMPOSE,
        [0xD2..=0xDF, ..] => Signs::COMPOSE,
        [0xE2, 0x80, 0x80 | 0x81, _] => Signs::COMPOSE,
        [0xE2, 0x80, 0x87 | 0xAF, _] => Signs::SPACES,
        [0xE2, 0x80, 0x8B..=0x8F | 0xA8..=0xAE, _] => Signs::INVISIBLE,
        [0xE2, 0x80, 0x90 | 0x91, _] => Signs::HARD_HYPHEN,
        [0xE2, 0x80, 0xB2, _] => Signs::LOOK_ALIKE,
        [0xE2, 0x80, ..] => Signs::NONE,
        [0xE2, 0x81, 0xA0..=0xAF, _] => Signs::INVISIBLE,
        [0xE2, 0x83 | 0x84 | 0x8C | 0xAB | 0xB3 | 0xB5 | 0xB7, ..] => Signs::COMPOSE,
        [0xEF, 0xAC, 0x80..=0x84, _] | [0xEF, 0xBB, 0xBF, _] => Signs::INVISIBLE,
        [0xEE, ..] | [0xEF, 0x80..=0xA3, ..] | [0xF3, 0xB0..=0xBF, ..] | [0xF4, ..] => Signs::INVISIBLE,
        [0xE0 | 0xE1 | 0xE3 | 0xEA | 0xEF | 0xF1..=0xF3, ..] => Signs::COMPOSE,
        [0xF0, 0x9F, ..] => Signs::NONE,
        [0xF0, ..] => Signs::COMPOSE,
        _ => Signs::NONE,
    }
}
