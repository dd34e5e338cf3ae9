//! Exact duplicates: documents whose texts are equal; diacritics, white space and the forms of dashes and quotation marks
//! aside.
//!
//! The key has 128 bits. Among 10^9 documents, two different texts have the same key with a probability of about 10^-21. The
//! text itself does not change; only the key ignores diacritics and white space.

use hashbrown::HashMap;
use icu_normalizer::DecomposingNormalizerBorrowed;
use xxhash_rust::xxh3::xxh3_128;

use super::letters::{FIRST, LAST, is_mark, letters, two_bytes};
use super::plain;
use crate::error::{Error, Result};

/// Computes the keys of texts, in O(n) for n bytes. It holds a buffer, so make one for each thread.
///
/// # Examples
///
/// ```
/// let mut key = rotext::dedup::Key::default();
/// assert_eq!(key.of("Știință și artă"), key.of("Stiinta  si arta"));
/// assert_ne!(key.of("Articolul 5"), key.of("Articolul 6"));
/// ```
pub struct Key {
    folded: Vec<u8>,
    nfd: DecomposingNormalizerBorrowed<'static>,
    letters: Box<[u8]>,
}

impl Default for Key {
    fn default() -> Self {
        Self { folded: Vec::new(), nfd: DecomposingNormalizerBorrowed::new_nfd(), letters: letters() }
    }
}

impl Key {
    /// The key of `text`. It ignores accents (ș, ş and s are equal, in each encoding) and white space at the ends; a run of white
    /// space counts as one space. The forms of dashes, quotation marks and the ellipsis do not count; case, digits and other
    /// punctuation do.
    pub fn of(&mut self, text: &str) -> u128 {
        let out = &mut self.folded;
        out.clear();
        out.reserve(text.len());
        let bytes = text.as_bytes();
        let mut at = 0;
        // The start counts as after a space, so that no space is kept there.
        let mut space = true;
        while at < bytes.len() {
            let copied = plain::copy(&bytes[at..], space, out);
            if copied > 0 {
                at += copied;
                space = out.last() == Some(&b' ');
            }
            let Some(&byte) = bytes.get(at) else { break };
            if byte < 0x80 {
                // A control character, or white space after white space.
                let white = char::from(byte).is_whitespace();
                if !(white && space) {
                    out.push(if white { b' ' } else { byte });
                }
                space = white;
                at += 1;
                continue;
            }
            // Letters that are one ASCII letter with marks: nearly all of what is not ASCII.
            if let (0xc3..=0xc9, Some(&second)) = (byte, bytes.get(at + 1)) {
                let plain = self.letters[two_bytes(byte, second)];
                if plain != 0 {
                    out.push(plain);
                    space = false;
                    at += 2;
                    continue;
                }
            }
            // U+2010 to U+2027 (dashes, quotes, the ellipsis) and U+2500 to U+25FF (frames of tables) have no decomposition and
            // are not white space.
            if let [0xe2, 0x80, 0x90..=0xa7, ..] = bytes[at..] {
                let form = text[at..].chars().next().and_then(sign).map(str::as_bytes);
                out.extend_from_slice(form.unwrap_or(&bytes[at..at + 3]));
                space = false;
                at += 3;
                continue;
            }
            if let [0xe2, 0x94..=0x97, _, ..] = bytes[at..] {
                out.extend_from_slice(&bytes[at..at + 3]);
                space = false;
                at += 3;
                continue;
            }
            let end = bytes[at..].iter().position(u8::is_ascii).map_or(bytes.len(), |n| at + n);
            // `at` and `end` are at character borders.
            let run = std::str::from_utf8(&bytes[at..end]).unwrap_or_default();
            let letters = &self.letters;
            let known = |c: char| (FIRST..=LAST).contains(&c) && letters[c as usize - FIRST as usize] != 0;
            let run = run.char_indices().find(|(i, c)| *i > 0 && known(*c)).map_or(run, |(i, _)| &run[..i]);
            for c in self.nfd.normalize_iter(run.chars()) {
                if c.is_whitespace() {
                    if !space {
                        out.push(b' ');
                    }
                    space = true;
                } else if let Some(form) = sign(c) {
                    out.extend_from_slice(form.as_bytes());
                    space = false;
                } else if !is_mark(c) {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    space = false;
                }
            }
            at += run.len();
        }
        if out.last() == Some(&b' ') {
            out.pop();
        }
        xxh3_128(out)
    }
}

/// The form that stands for all dashes, quotation marks and ellipses in a key.
fn sign(c: char) -> Option<&'static str> {
    match c {
        '\u{2010}'..='\u{2015}' => Some("-"),
        '‘' | '’' | '‚' | '‛' => Some("'"),
        '“' | '”' | '„' | '‟' | '«' | '»' => Some("\""),
        '…' => Some("..."),
        _ => None,
    }
}

/// The keys so far, and the place where each occurred first.
///
/// The table takes 25 bytes a slot. At 7/8 full it doubles, and during that the old table and the new one are both in memory.
pub struct Seen {
    places: HashMap<[u64; 2], FirstPlace, rustc_hash::FxBuildHasher>,
    sources: Vec<String>,
    max_bytes: usize,
}

#[derive(Clone, Copy)]
struct FirstPlace {
    source: u32,
    line: u32,
}

/// Bytes of one slot of the table.
const SLOT: usize = size_of::<([u64; 2], FirstPlace)>() + 1;

/// Bytes of the table for one document, on average: it is between 7/16 and 7/8 full.
pub(super) const SEEN_BYTES: u64 = (SLOT as u64 * 12).div_ceil(7);

impl Seen {
    /// A table of at most `max_bytes` bytes.
    #[must_use]
    pub fn with_limit(max_bytes: usize) -> Self {
        Self { places: HashMap::default(), sources: Vec::new(), max_bytes }
    }

    /// Adds the key of the text at `line` of `source`. Returns `FILE:LINE` of the first text with this key, if there is one.
    ///
    /// # Errors
    /// The table would exceed its limit.
    pub fn insert(&mut self, key: u128, source: &str, line: u64) -> Result<Option<String>> {
        let key = [(key >> 64) as u64, key as u64];
        if let Some(place) = self.places.get(&key) {
            return Ok(Some(format!("{}:{}", self.sources[place.source as usize], place.line)));
        }
        let (documents, slots) = (self.places.len(), self.places.capacity() / 7 * 8);
        if documents == self.places.capacity() && slots.saturating_mul(3 * SLOT) > self.max_bytes {
            return Err(Error::usage(format!(
                "the keys of more than {documents} documents need {} MB of memory",
                (slots * 3 * SLOT) >> 20
            ))
            .hint("allow more with --max-ram, or use --preset default, which sorts on disk"));
        }
        if self.sources.last().is_none_or(|last| last != source) {
            self.sources.push(source.to_owned());
        }
        // A file with more lines than u32 has more keys than fit into memory.
        let place = FirstPlace {
            source: self.sources.len() as u32 - 1,
            line: u32::try_from(line).unwrap_or(u32::MAX),
        };
        self.places.insert(key, place);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    fn naive(text: &str) -> String {
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        let plain: String = nfd.normalize(text).chars().filter(|c| !is_mark(*c)).collect();
        let plain: String =
            plain.chars().map(|c| sign(c).map_or_else(|| c.to_string(), str::to_owned)).collect();
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ignores_diacritics_and_layout_only() {
        let mut key = Key::default();
        let text = key.of("Și așa, în țară\ne bine.");
        assert_eq!(text, key.of("Si asa, in  tara e bine. "));
        assert_eq!(text, key.of("Şi aşa, în ţară e bine."));
        assert_eq!(text, key.of("S\u{326}i as\u{327}a, i\u{302}n t\u{326}ara\u{306} e bine."));
        assert_ne!(text, key.of("Și așa, în țară e bine!"));
        assert_ne!(key.of("Articolul 5"), key.of("Articolul 6"));
        assert_ne!(key.of("ион"), key.of("ион в"));
    }

    proptest! {
        #[test]
        fn equal_to_the_definition(text in "[ \\n\\u{1}asțĭéÅßøǰ┼șăâîŞţéйεΐ\\u{300}\\u{306}\\u{326}\\u{a0}\\u{2003}„”A-C]{0,40}[ a-z]{0,40}[ \\u{2028}…ăx]{0,20}") {
            let mut key = Key::default();
            key.of(&text);
            prop_assert_eq!(std::str::from_utf8(&key.folded).unwrap(), naive(&text));
        }
    }
}
