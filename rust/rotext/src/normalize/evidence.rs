//! How often a word occurs in the document: the evidence of the rules about hyphens.
//!
//! Most documents ask a few questions. Each is answered by a search for the rarest letter of the word, which reads some
//! gigabytes a second. A document that asks more has all its words counted once (0.2 GB a second), so that the cost
//! stays O(n) for n bytes, whatever is asked. Both ways count the same; a test compares them.

use memchr::memchr2_iter;
use rustc_hash::{FxBuildHasher, FxHashMap};
use xxhash_rust::xxh3::xxh3_64;

use super::hyphens::folded;
use super::words::{after, fold, function_words, is_letter};

/// Longer words are not counted, in bytes as [`folded`] writes them.
const WORD_BYTES: usize = 64;

/// The number of questions that are answered by a search.
const SEARCHES: u32 = 8;

/// The words of a document, hyphens included, in lower case with modern letters.
pub(super) struct Evidence<'t> {
    text: &'t str,
    /// The document has a Romanian letter or a function word.
    pub(super) romanian: bool,
    asked: u32,
    /// By 64-bit hashes of the words.
    counts: Option<FxHashMap<u64, u32>>,
}

impl<'t> Evidence<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let ours = |c| matches!(c, 'ă' | 'ș' | 'ț' | 'î' | 'ş' | 'ţ');
        let romanian = text.contains(ours) || function_words(text, 1) >= 1;
        Self { text, romanian, asked: 0, counts: None }
    }

    /// How often the document has `word`, which is as [`folded`] writes it.
    pub(super) fn count(&mut self, word: &str) -> u32 {
        if self.counts.is_none() && self.asked < SEARCHES {
            self.asked += 1;
            if let Some(found) = search(self.text, word) {
                return found;
            }
        }
        let counts = self.counts.get_or_insert_with(|| count_words(self.text));
        counts.get(&xxh3_64(word.as_bytes())).copied().unwrap_or(0)
    }
}

/// ASCII letters and the hyphen from the rarest to the most common, by the novels and the web text of the corpus. `i` and
/// `k` are missing: letters beyond ASCII become these in lower case (İ, K).
const RAREST: &[u8] = b"qwyxj-hzbgfvmpdcsultonrea";

/// Counts the words of `text` that equal `word`; `None` if it has no letter that can be searched.
fn search(text: &str, word: &str) -> Option<u32> {
    if word.len() > WORD_BYTES {
        return Some(0);
    }
    let bytes = text.as_bytes();
    let (place, letter) =
        RAREST.iter().find_map(|letter| word.bytes().position(|b| b == *letter).map(|at| (at, *letter)))?;
    let (mut found, mut done) = (0, 0);
    for at in memchr2_iter(letter, letter.to_ascii_uppercase(), bytes) {
        // Each word is read once, so the search is O(n) even if a word is as long as the text.
        if at < done
            || differs(word.bytes().skip(place + 1), bytes[at + 1..].iter())
            || differs(word.bytes().take(place).rev(), bytes[..at].iter().rev())
        {
            continue;
        }
        let (start, end) = word_at(text, at);
        done = end;
        let token = text[start..end].trim_matches('-');
        // A letter and its small letter differ by a byte or two.
        found += u32::from(token.len() <= 2 * WORD_BYTES && folded(token) == word);
    }
    Some(found)
}

/// Whether the text is certainly not the word, by the bytes in one direction from a letter that both have. A character that
/// is not ASCII may be a form of a letter that [`folded`] replaces, so it ends the comparison.
fn differs<'t>(word: impl Iterator<Item = u8>, mut text: impl Iterator<Item = &'t u8>) -> bool {
    for expected in word {
        let Some(found) = text.next() else { return true };
        if !expected.is_ascii() || !found.is_ascii() {
            return false;
        }
        if found.to_ascii_lowercase() != expected {
            return true;
        }
    }
    text.next().is_some_and(u8::is_ascii_alphabetic)
}

/// The word around byte `at`, hyphens included.
fn word_at(text: &str, at: usize) -> (usize, usize) {
    let inside = |&(_, c): &(usize, char)| is_letter(c) || c == '-';
    let start = text[..at].char_indices().rev().take_while(inside).last().map_or(at, |(i, _)| i);
    let end = text[at..].char_indices().find(|found| !inside(found)).map_or(text.len(), |(i, _)| at + i);
    (start, end)
}

/// Counts all words of `text`.
fn count_words(text: &str) -> FxHashMap<u64, u32> {
    // A table that grows is hashed again. Documents have about one new word in 64 bytes.
    let mut counts = FxHashMap::with_capacity_and_hasher((text.len() / 64).min(1 << 16), FxBuildHasher);
    // The word so far without hyphens at its beginning, and the length of it without hyphens at its end: a broken word is
    // no evidence, so a hyphen at an end belongs to no word.
    let mut word = Word { bytes: [0; WORD_BYTES], len: 0, end: 0 };
    let mut rest = text.as_bytes();
    while let Some((&byte, next)) = rest.split_first() {
        rest = next;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => word.push(byte.to_ascii_lowercase()),
            b'-' => word.hyphen(),
            0x80.. => {
                let at = text.len() - rest.len() - 1;
                let Some(c) = after(text, at) else { break };
                rest = &text.as_bytes()[at + c.len_utf8()..];
                if matches!(c, 'ă' | 'â' | 'î' | 'ș' | 'ț') {
                    word.put(c);
                } else if is_letter(c) {
                    c.to_lowercase().map(fold).for_each(|lower| word.put(lower));
                } else {
                    word.finish(&mut counts);
                }
            }
            _ => word.finish(&mut counts),
        }
    }
    word.finish(&mut counts);
    counts
}

/// A word that is being read.
struct Word {
    bytes: [u8; WORD_BYTES],
    /// The number of its bytes; more than fit if it is too long to be counted.
    len: usize,
    /// The same without the hyphens at its end.
    end: usize,
}

impl Word {
    #[inline]
    fn push(&mut self, byte: u8) {
        self.write(byte);
        self.end = self.len;
    }

    fn put(&mut self, c: char) {
        c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.push(byte));
    }

    fn hyphen(&mut self) {
        if self.len > 0 {
            self.write(b'-');
        }
    }

    #[inline]
    fn write(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    #[inline]
    fn finish(&mut self, counts: &mut FxHashMap<u64, u32>) {
        if let Some(word) = self.bytes.get(..self.end).filter(|word| !word.is_empty()) {
            *counts.entry(xxh3_64(word)).or_default() += 1;
        }
        (self.len, self.end) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_search_finds_what_the_table_has(
            pieces in prop::collection::vec("[a-cA-Cxș]{1,3}|-|--| |\\n|ş|Ș|İ|\u{212A}|[a-z]{60,70}|-{70}|ă|Ă|1", 1..40)
        ) {
            let text = pieces.concat();
            let counts = count_words(&text);
            let words = text.split(|c: char| !is_letter(c) && c != '-').map(|word| folded(word.trim_matches('-')));
            for word in words.chain(["abc".to_owned(), "a-b".to_owned()]) {
                if word.is_empty() || word.len() > WORD_BYTES {
                    continue;
                }
                let counted = counts.get(&xxh3_64(word.as_bytes())).copied().unwrap_or(0);
                prop_assert!(search(&text, &word).is_none_or(|found| found == counted), "{word:?} in {text:?}");
            }
        }
    }

    #[test]
    fn broken_words_are_no_evidence() {
        let text = "Casa, CASA și casa- Căsă casa-\n-casa casă";
        let mut evidence = Evidence::of(text);
        assert_eq!(evidence.count("casa"), 5);
        assert_eq!(evidence.count("casă"), 1);
        assert!(evidence.romanian);
    }
}
