//! Letters without their marks, so that keys ignore diacritics.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// The first and last of the two-byte letters that begin with C3 to C9.
pub(super) const FIRST: char = '\u{c0}';
pub(super) const LAST: char = '\u{27f}';

/// The index of a two-byte letter in the table.
pub(super) fn two_bytes(first: u8, second: u8) -> usize {
    (usize::from(first & 0x1f) << 6 | usize::from(second & 0x3f)) - FIRST as usize
}

/// For each letter from [`FIRST`] to [`LAST`]: its ASCII letter without marks, or 0 if it has none.
pub(super) fn letters() -> Box<[u8]> {
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let plain = |c: char| {
        let mut rest = nfd.normalize_iter(std::iter::once(c)).filter(|c| !is_mark(*c));
        match (rest.next(), rest.next()) {
            (Some(base), None) if base.is_ascii_alphabetic() => base as u8,
            _ => 0,
        }
    };
    (FIRST..=LAST).map(plain).collect()
}

/// Whether `c` is a combining diacritical mark. Latin, Greek and Cyrillic letters decompose to marks of this block.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}
