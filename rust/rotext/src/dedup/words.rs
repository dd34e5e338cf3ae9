//! The words of a text as hashes, for shingles and verification.
//!
//! A word is a run of letters and digits; everything else separates words. Case and diacritics do not count: a copy without
//! diacritics, with another encoding of ș or with a title in capitals has the same words. Each word has two hashes. In the first,
//! which proposes pairs, every digit is read as 0, so that pages which differ in dates and numbers are compared. In the second,
//! which decides, digits count: a table with other numbers is another text.
//!
//! The automaton has two states (inside a word or not) and makes one step for each byte. It allocates nothing for a word.

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::letters::{is_mark, letters, two_bytes};

/// Cuts texts into words. It holds the hashes of the last text, so make one for each thread.
pub struct Words {
    /// Hashes with digits as 0, in the order of the text.
    pub folded: Vec<u32>,
    /// Hashes with digits as they are, in the order of the text.
    pub exact: Vec<u32>,
    nfd: DecomposingNormalizerBorrowed<'static>,
    /// For each letter of two bytes from U+00C0 to U+027F its plain small letter, or 0.
    letters: Box<[u8]>,
    /// For each ASCII byte the byte that is hashed, or 0 if it separates words.
    ascii: [u8; 128],
}

impl Default for Words {
    fn default() -> Self {
        let mut ascii = [0; 128];
        for (byte, to) in (0u8..).zip(&mut ascii) {
            *to = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { 0 };
        }
        let letters = letters().iter().map(u8::to_ascii_lowercase).collect();
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        Self { folded: Vec::new(), exact: Vec::new(), nfd, letters, ascii }
    }
}

/// The hashes of the word so far.
#[derive(Clone, Copy)]
struct State {
    folded: u64,
    exact: u64,
}

const START: State = State { folded: 0x9E37_79B9_7F4A_7C15, exact: 0x9E37_79B9_7F4A_7C15 };

impl State {
    /// Adds one byte, as FNV-1a with a larger multiplier: one multiplication for each hash, and both run in parallel.
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        const K: u64 = 0xA076_1D64_78BD_642F;
        let digit = byte.is_ascii_digit();
        self.folded = (self.folded ^ u64::from(if digit { b'0' } else { byte })).wrapping_mul(K);
        self.exact = (self.exact ^ u64::from(byte)).wrapping_mul(K);
    }
}

/// The upper half of the mixed hash. Without mixing, the last bytes of a word would not affect all bits.
#[inline(always)]
fn end(hash: u64) -> u32 {
    ((hash ^ (hash >> 29)).wrapping_mul(0xE703_7ED1_A0B4_28DB) >> 32) as u32
}

impl Words {
    /// Reads `text`; the hashes are in `folded` and `exact` until the next call.
    pub fn read(&mut self, text: &str) {
        self.folded.clear();
        self.exact.clear();
        let bytes = text.as_bytes();
        let mut word = START;
        let mut within = false;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let plain = if byte < 0x80 {
                at += 1;
                self.ascii[usize::from(byte)]
            } else {
                let second = bytes.get(at + 1).copied().unwrap_or(0);
                let plain = if let 0xc3..=0xc9 = byte { self.letters[two_bytes(byte, second)] } else { 0 };
                if let [0xe2, 0x80, 0x90..=0xbf, ..] | [0xe2, 0x94..=0x96, _, ..] = bytes[at..] {
                    // Dashes, quotation marks and the frames of tables: no letters, and most of the characters without a table entry.
                    at += 3;
                } else if plain == 0 {
                    // Any other character; `at` is at its border.
                    let c = text[at..].chars().next().unwrap_or('\0');
                    at += c.len_utf8();
                    if is_mark(c) {
                        continue;
                    }
                    if self.slow(c, &mut word) {
                        within = true;
                        continue;
                    }
                } else {
                    at += 2;
                }
                plain
            };
            if plain != 0 {
                word.push(plain);
                within = true;
            } else if within {
                self.close(word);
                word = START;
                within = false;
            }
        }
        if within {
            self.close(word);
        }
    }

    fn close(&mut self, word: State) {
        self.folded.push(end(word.folded));
        self.exact.push(end(word.exact));
    }

    /// Hashes a letter or digit without a table entry; false for everything else. These are letters of other scripts, and the few
    /// Latin letters without an ASCII base letter.
    #[cold]
    fn slow(&self, c: char, word: &mut State) -> bool {
        if !c.is_alphanumeric() {
            return false;
        }
        for part in self.nfd.normalize_iter(c.to_lowercase()).filter(|c| !is_mark(*c)) {
            part.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| word.push(byte));
        }
        true
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    pub(in crate::dedup) fn naive(text: &str) -> Vec<String> {
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        let mut words = vec![String::new()];
        for c in text.chars() {
            if is_mark(c) {
                continue;
            }
            if c.is_alphanumeric() {
                let parts = nfd.normalize_iter(c.to_lowercase()).filter(|c| !is_mark(*c));
                if let Some(word) = words.last_mut() {
                    word.extend(parts);
                }
            } else {
                words.push(String::new());
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn hashes(words: &[String], digits: bool) -> Vec<u32> {
        let hash = |word: &String| {
            let mut state = START;
            word.bytes().for_each(|byte| state.push(byte));
            end(if digits { state.exact } else { state.folded })
        };
        words.iter().map(hash).collect()
    }

    #[test]
    fn ignores_case_and_diacritics_and_in_one_hash_digits() {
        let mut words = Words::default();
        let mut read = |text: &str| {
            words.read(text);
            (words.folded.clone(), words.exact.clone())
        };
        let same = read("Știința s-a dus în 1989: „ÎN ȚARĂ”");
        assert_eq!(same.0.len(), 8);
        assert_eq!(same, read("stiinta s a dus  in 1989 in tara"));
        assert_eq!(same, read("Ştiinţa s-a dus i\u{302}n 1989, in t\u{326}ara\u{306}!"));
        let other = read("stiinta s a dus in 1990 in tara");
        assert_eq!(same.0, other.0);
        assert_ne!(same.1, other.1);
    }

    proptest! {
        #[test]
        fn equal_to_the_definition(text in "[ \\n\\u{1}asțĭéÅßøǰ┼șăâîŞţÉ,Йε7Ωΐ\\u{300}\\u{326}\\u{a0}„A-C0-9İ]{0,60}|\\PC{0,40}") {
            let mut words = Words::default();
            words.read(&text);
            let expected = naive(&text);
            prop_assert_eq!(&words.folded, &hashes(&expected, false));
            prop_assert_eq!(&words.exact, &hashes(&expected, true));
        }
    }
}
