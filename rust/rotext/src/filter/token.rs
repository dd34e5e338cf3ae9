//! One word of a text and what is counted of it: its language, its letters, what is odd about it.

use super::code::{is_call, is_code};
use super::language::Identifier;
use super::repetition::Word;
use super::word_key::{self, WordKey};
use crate::romanian::LostLetters;
use crate::window::{Window, first};

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
/// Common punctuation.
const COMMON: u8 = 4;
const SYMBOL: u8 = 8;
const INSIDE: u8 = 16;
pub(super) const SPACE: u8 = 32;

/// The class of each byte. A lead byte has the class of its character: C3 and above are letters, except E2 (dashes,
/// quotation marks, symbols), which is tested separately.
pub(super) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [SYMBOL; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'-' | b'\'' | b'"' | b'(' | b')' | b'/' => COMMON,
            0x80..=0xBF => INSIDE,
            0xC2 | 0xE2 => COMMON,
            0xC3..=0xDF | 0xE0 | 0xE1 | 0xE3..=0xEE => LETTER,
            _ => SYMBOL,
        };
        byte += 1;
    }
    table
}

/// The counts of one pass; [`Measures`] has their ratios.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) lines: u64,
    pub(super) words: u64,
    pub(super) word_characters: u64,
    pub(super) alpha_words: u64,
    pub(super) garbled: u64,
    pub(super) characters: u64,
    pub(super) symbols: u64,
    pub(super) digits: u64,
    pub(super) letters: u64,
    pub(super) ours: u64,
    pub(super) hashes: u64,
    pub(super) ellipses: u64,
    pub(super) bullets: u64,
    pub(super) ellipsis_ends: u64,
    pub(super) closed: u64,
    pub(super) lower: u64,
    pub(super) titles: u64,
    pub(super) separators: u64,
    pub(super) code: u64,
}

/// A token of at most 15 bytes that is a word of letters of one or two bytes, with at most one sign of common punctuation at each
/// end: four of five tokens of prose. Returns false, and counts nothing, for any other. [`word`] is the definition.
#[inline]
pub(super) fn plain_word(
    mut window: Window,
    length: usize,
    counts: &mut Counts,
    languages: &mut Identifier,
    words: &mut Vec<Word>,
    lost: &mut LostLetters,
) -> bool {
    let inside = first(length);
    let (small, capital) = (window.between(b'a', b'z') & inside, window.between(b'A', b'Z') & inside);
    let high = window.high() & inside;
    let other = inside & !(small | capital | high);
    let bytes = *window.bytes();
    let mut leads = 0;
    if high != 0 {
        // C3 to DF begin a letter of two bytes; 80 to BF are the rest of a character.
        leads = window.between(0xC3, 0xDF) & inside;
        if high != leads | (leads << 1 & inside) {
            return false;
        }
    }
    let letters = small | capital | leads;
    if letters == 0 {
        return false;
    }
    let (start, mut end) = ((other & 1) as usize, length);
    if other != 0 {
        let last = 1 << (length - 1);
        let common = |at: usize| CLASS[usize::from(bytes[at])] == COMMON;
        // A question mark before a letter may be a letter that was lost.
        if other & !(last | 1) != 0
            || start == 1 && (!common(0) || bytes[0] == b'?')
            || other & last != 0 && !common(length - 1)
        {
            return false;
        }
        end -= usize::from(other & last != 0);
    }
    window = window.small();
    let (mut rest, mut foreign) = (leads, false);
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        let Some(place) = window.bytes_mut()[at..].first_chunk_mut::<2>() else { return false };
        *place = lower_pair(place[0], place[1]);
        counts.ours += u64::from(is_ours(*place));
        foreign |= is_foreign(*place);
        languages.letter(*place);
    }
    let lower = &window.bytes()[start..end];
    let key = WordKey::of_part(*window.bytes(), start, end - start);
    languages.word_of_key(key, lower);
    let characters = (letters | other).count_ones();
    counts.characters += u64::from(characters);
    counts.letters += u64::from(letters.count_ones());
    counts.words += 1;
    counts.word_characters += u64::from(characters);
    counts.alpha_words += 1;
    let switches = (capital & small << 1).count_ones();
    let unspeakable = other == 0 && characters >= 4 && small != 0 && vowels(window) & inside == 0;
    let garbled = unspeakable || switches >= 2;
    counts.garbled += u64::from(garbled);
    if (foreign || switches > 0)
        && small != 0
        && let Ok(token) = std::str::from_utf8(&bytes[..length])
    {
        lost.add(token, !garbled);
    }
    words.push(Word { hash: key.hash(), bytes: length as u32 });
    true
}

/// One token: a part between white space.
pub(super) fn word(
    token: &[u8],
    counts: &mut Counts,
    languages: &mut Identifier,
    lower: &mut Vec<u8>,
    words: &mut Vec<Word>,
    lost: &mut LostLetters,
) {
    lower.clear();
    let mut seen = 0u8;
    // Letters between signs are words of their own: `s-a`, `într-o`, `d’ale`.
    let mut run = 0;
    let (mut characters, mut letters, mut foreign, mut switches, mut odd) = (0u32, 0u32, 0u32, 0u32, 0u32);
    let mut before = 0u8;
    let mut i = 0;
    while i < token.len() {
        let byte = token[i];
        // Most text is small letters without diacritics. A run of them changes only counts.
        if byte.is_ascii_lowercase() {
            let rest = &token[i..];
            let length = rest.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(rest.len());
            lower.extend_from_slice(&rest[..length]);
            characters += length as u32;
            letters += length as u32;
            seen |= LETTER;
            before = LETTER;
            i += length;
            continue;
        }
        let mut class = CLASS[usize::from(byte)];
        i += 1;
        if class == INSIDE {
            continue;
        }
        // Of the characters that begin with E2, only dashes, quotation marks and the frames of tables are common in
        // prose.
        if byte == 0xE2 && !matches!(token.get(i), Some(0x80 | 0x94 | 0x95)) {
            class = SYMBOL;
        }
        characters += 1;
        seen |= class;
        if class == LETTER {
            letters += 1;
            if byte < 0x80 {
                lower.push(byte | 0x20);
            } else {
                let next = token.get(i).copied().unwrap_or(0);
                let pair = lower_pair(byte, next);
                lower.extend_from_slice(&pair);
                i += 1;
                counts.ours += u64::from(is_ours(pair));
                foreign += u32::from(is_foreign(pair));
                languages.letter(pair);
                // The rest of a character of three or four bytes.
                while i < token.len() && CLASS[usize::from(token[i])] == INSIDE {
                    lower.push(token[i]);
                    i += 1;
                }
            }
        } else {
            counts.digits += u64::from(class == DIGIT);
            counts.symbols += u64::from(class == SYMBOL);
            counts.hashes += u64::from(byte == b'#');
            foreign += u32::from(byte == 0xC2);
            if byte == 0xE2 && token[i..].starts_with(&[0x80, 0xA6])
                || byte == b'.' && token[i..].starts_with(b"..") && before != COMMON
            {
                counts.ellipses += 1;
            }
            if lower.len() > run {
                languages.word(&lower[run..]);
            }
            run = lower.len();
            // A digit or an unusual sign directly between two letters.
            let next = token.get(i).map_or(SPACE, |&b| CLASS[usize::from(b)]);
            odd += u32::from(
                before == LETTER
                    && next == LETTER
                    && (class == DIGIT || matches!(byte, b'^' | b'|' | b'~' | b'\\' | b'*' | b'<' | b'>')),
            );
            odd += u32::from(byte == 0xEF && token[i..].starts_with(&[0xBF, 0xBD]));
            // `diminea?a`, `?i`: the letter was lost on its way through another charset.
            odd += u32::from(byte == b'?' && next == LETTER);
        }
        switches += u32::from(
            before == LETTER
                && class == LETTER
                && byte.is_ascii_uppercase()
                && token[i.saturating_sub(2)].is_ascii_lowercase(),
        );
        before = class;
    }
    counts.characters += u64::from(characters);
    counts.letters += u64::from(letters);
    if lower.len() > run {
        languages.word(&lower[run..]);
    }
    if seen & (LETTER | DIGIT) == 0 {
        counts.separators += u64::from(separator(token));
        counts.code += u64::from(token.len() > 1 && is_code(token));
        return;
    }
    counts.code += u64::from(seen & SYMBOL != 0 && is_code(token) || seen & COMMON != 0 && is_call(token));
    counts.words += 1;
    counts.word_characters += u64::from(characters);
    counts.alpha_words += u64::from(seen & LETTER != 0);
    // Garbling is measured on words of letters alone: only these could have been words.
    let plain = seen & SYMBOL == 0;
    let lower_case = token.iter().any(u8::is_ascii_lowercase);
    let unspeakable = plain
        && letters >= 4
        && lower_case
        && seen & DIGIT == 0
        && letters == characters
        && !has_vowel(lower);
    let garbled = odd > 0 || unspeakable || plain && switches >= 2;
    counts.garbled += u64::from(garbled);
    // A sign in the place of a letter. Words of Romanian letters alone have none.
    let strange =
        seen & SYMBOL != 0 || switches > 0 || foreign > 0 || seen & (DIGIT | LETTER) == DIGIT | LETTER;
    if strange
        && lower_case
        && let Ok(token) = std::str::from_utf8(token)
    {
        lost.add(token, !garbled);
    }
    // Digits and signs count for repetition; case does not.
    let hash = word_key::hash(if seen & DIGIT == 0 { lower } else { token });
    words.push(Word { hash, bytes: token.len() as u32 });
}

/// A sign between the links of a menu or the parts of a path.
fn separator(token: &[u8]) -> bool {
    matches!(
        token,
        [b'>' | b'|' | b'/' | b'\\'] | [0xC2, 0xBB | 0xB7] | [0xE2, 0x80, 0xBA | 0xA2] | [0xE2, 0x86, 0x92]
    ) || token == b">>"
}

/// Whether a word in lower case has a vowel: of ASCII, of Latin-1 (by its lead byte), or ă.
#[inline]
fn has_vowel(lower: &[u8]) -> bool {
    lower.iter().any(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | 0xC3))
        || lower.windows(2).any(|pair| pair == [0xC4, 0x83])
}

/// The places of vowels in a window, as [`has_vowel`] finds them.
#[inline]
fn vowels(window: Window) -> u32 {
    let ascii = b"aeiouy".iter().fold(0, |set, &vowel| set | window.equal(vowel));
    ascii | window.equal(0xC3) | window.equal(0xC4) << 1 & window.equal(0x83)
}

/// A letter of two bytes in lower case; a cedilla becomes a comma below.
#[inline]
fn lower_pair(first: u8, second: u8) -> [u8; 2] {
    match (first, second) {
        (0xC3, 0x80..=0x9E) => [0xC3, second + 0x20],
        (0xC4, 0xB0) => [0xC4, 0xB1],
        (0xC4 | 0xC8, _) if second & 1 == 0 && second != 0xB8 => [first, second + 1],
        (0xC5, 0x9E) => [0xC5, 0x9F],
        (0xC5, 0xA2) => [0xC5, 0xA3],
        (0xC5, 0x90 | 0xB0 | 0xA0) => [0xC5, second + 1],
        (0xC5, 0xB9 | 0xBB | 0xBD | 0x81 | 0x83) => [0xC5, second + 1],
        _ => [first, second],
    }
}

/// Letters of other languages that damaged tables show for a Romanian one: æ ø þ ð ß ñ ł ń ƒ, in lower case.
#[inline]
fn is_foreign(pair: [u8; 2]) -> bool {
    matches!(
        pair,
        [0xC3, 0xA6 | 0xB8 | 0xBE | 0xB0 | 0xB1 | 0xBF | 0x9F] | [0xC5, 0x82 | 0x84] | [0xC6, 0x92]
    )
}

/// ă â î ș ț, also with a cedilla, in lower case.
#[inline]
fn is_ours(pair: [u8; 2]) -> bool {
    matches!(pair, [0xC4, 0x83] | [0xC3, 0xA2 | 0xAE] | [0xC8, 0x99 | 0x9B] | [0xC5, 0x9F | 0xA3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_word_counts_as_any_other(
            begin in "[(.?\"'-]?",
            pieces in prop::collection::vec("[a-zA-Z]{1,4}|[ăâîșțşţĂÂÎȘȚéÜñ]|[.,?(/#0-9…„<_^*-]|\u{a0}|×|ﬁ", 1..4),
            end in "[.,;:!?()\"'/#…”>]{0,2}",
        ) {
            let token = format!("{begin}{}{end}", pieces.concat());
            let text = format!("{token} {}", "x".repeat(16));
            let (window, length) = (Window::at(text.as_bytes(), 0), token.len());
            let (mut counts, mut languages, mut words) = (Counts::default(), Identifier::new(), Vec::new());
            let lost = &mut LostLetters::default();
            if length > word_key::LONGEST || !plain_word(window, length, &mut counts, &mut languages, &mut words, lost) {
                return Ok(());
            }
            let (mut others, mut identifier, mut list) = (Counts::default(), Identifier::new(), Vec::new());
            word(token.as_bytes(), &mut others, &mut identifier, &mut Vec::new(), &mut list, lost);
            prop_assert_eq!(counts, others, "{:?}", token);
            prop_assert_eq!(languages.finish(), identifier.finish(), "{:?}", token);
            let named = |words: Vec<Word>| words.iter().map(|word| (word.hash, word.bytes)).collect::<Vec<_>>();
            prop_assert_eq!(named(words), named(list), "{:?}", token);
        }
    }
}
