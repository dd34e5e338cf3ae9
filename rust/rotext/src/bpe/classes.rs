//! The classes of characters that the patterns use: letter, number, white space, other.
//!
//! These are `\p{L}`, `\p{N}` and `\s` of Unicode 16.0, the version of both regex engines behind `tokenizers` 0.23
//! (Oniguruma in its wheels, fancy-regex in the crate: they agree on every code point). A tokenizer must not change when
//! a library moves to another Unicode version, so the table is in the source: 9 KB.

use super::classes_table::{BLOCKS, INDEX};

/// The class of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Neither letter, number nor white space: punctuation, symbols, marks, controls, unassigned.
    Other = 0,
    /// `\p{L}`
    Letter = 1,
    /// `\p{N}`
    Number = 2,
    /// `\s`
    Space = 3,
}

/// The class of the code point.
#[inline]
pub(crate) fn class(code: u32) -> Class {
    let Some(&block) = INDEX.get((code >> 8) as usize) else { return Class::Other };
    let word = BLOCKS[usize::from(block)][(code >> 5 & 7) as usize];
    match word >> (2 * (code & 31)) & 3 {
        1 => Class::Letter,
        2 => Class::Number,
        3 => Class::Space,
        _ => Class::Other,
    }
}

/// The class and the length in bytes of the character that begins at `at`.
///
/// `text` is UTF-8, and `at` is the start of a character, as everywhere in this module.
#[inline]
pub(crate) fn class_at(text: &[u8], at: usize) -> (Class, usize) {
    let first = text[at];
    if first < 0x80 {
        return (class(u32::from(first)), 1);
    }
    let low = |i: usize| u32::from(text[at + i] & 0x3F);
    let first = u32::from(first);
    if first < 0xE0 {
        (class((first & 0x1F) << 6 | low(1)), 2)
    } else if first < 0xF0 {
        (class((first & 0x0F) << 12 | low(1) << 6 | low(2)), 3)
    } else {
        (class((first & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3)), 4)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokenizers::utils::SysRegex;

    #[test]
    fn every_code_point_is_what_the_oracle_says() {
        let oracle = [(Class::Letter, r"\p{L}"), (Class::Number, r"\p{N}"), (Class::Space, r"\s")]
            .map(|(class, regex)| (class, SysRegex::new(regex).unwrap()));
        for c in '\0'..=char::MAX {
            let mut buffer = [0; 4];
            let text = c.encode_utf8(&mut buffer);
            let expected = oracle
                .iter()
                .find(|(_, regex)| regex.find_iter(text).next().is_some())
                .map_or(Class::Other, |&(class, _)| class);
            assert_eq!(class_at(text.as_bytes(), 0), (expected, c.len_utf8()), "U+{:04X}", c as u32);
        }
    }
}
