//! Class 23: the prime U+2032 of old books where an apostrophe is meant (`s′a dus`, `într′o`). The acute accent ´ and the letter ʼ
//! (U+02BC) stand for it too.
//!
//! A prime is a sign of mathematics (`x′y`, `K′e`, `z′ds`), of geometry and of minutes. It is an apostrophe only between
//! two parts of a clitic group, and the text around it is prose.

use super::words::{after, before, fold, word_after, word_before};

/// Words that lose their vowel before an apostrophe.
const ELIDED: &[&str] = &[
    "s", "l", "m", "n", "c", "d", "p", "v", "ș", "ț", "într", "intr", "dintr", "printr", "mi", "ți", "și",
    "ne", "le", "te", "să", "că", "nu", "ce", "de", "a", "i", "vi", "ni", "li",
];
/// What follows it: verbs and articles of a vowel, and words that lose their î.
const AFTER: &[&str] = &[
    "a", "ai", "am", "ar", "au", "aș", "ați", "o", "un", "e", "i", "ĭ", "l", "aĭ", "aŭ", "acea", "acel",
    "acest", "acesta", "această", "alt", "alta", "altul", "atâta", "nainte", "napoi", "ntors", "nceput",
    "ntr", "ncă", "nvățat", "ntreba", "ntrebat", "ndrăzni",
];

/// What the document says about its primes, asked once.
#[derive(Default)]
pub(super) struct Vote {
    book: Option<bool>,
    formula: Option<bool>,
}

impl Vote {
    /// Whether the prime at `at..end` is an apostrophe. In a document with three sure ones, every prime between two words
    /// of prose is (`tot-d′auna`, `să′nțelege`).
    pub(super) fn is_apostrophe(&mut self, text: &str, at: usize, end: usize) -> bool {
        if !sure(text, at, end) {
            return likely(text, at, end) && *self.book.get_or_insert_with(|| book(text));
        }
        // In a text with formulas `s′a` may be one of them.
        let left = word_before(text, at);
        left.chars().count() > 1
            || !*self.formula.get_or_insert_with(|| formulas(text))
            || *self.book.get_or_insert_with(|| book(text))
    }

    /// Whether the ´ or ʼ at `at..end` is an apostrophe. Other languages write them between letters (`Hawaiʼi`), so only groups of the
    /// lists count.
    pub(super) fn is_other(text: &str, at: usize, end: usize) -> bool {
        sure(text, at, end)
    }
}

/// Whether a prime of the document is none of a clitic group: `f′(x)`, `A′B′`.
fn formulas(text: &str) -> bool {
    text.match_indices('\u{2032}').any(|(at, sign)| {
        let end = at + sign.len();
        !sure(text, at, end) && !likely(text, at, end)
    })
}

/// Whether the document has three sure apostrophes, of two kinds.
fn book(text: &str) -> bool {
    let places = memchr::memmem::find_iter(text.as_bytes(), "\u{2032}".as_bytes());
    let hosts: Vec<&str> =
        places.filter(|&at| sure(text, at, at + 3)).map(|at| word_before(text, at)).take(16).collect();
    hosts.len() >= 3 && hosts.iter().any(|host| *host != hosts[0])
}

/// A clitic group of the lists, between words.
fn sure(text: &str, at: usize, end: usize) -> bool {
    let (left, right) = (word_before(text, at), word_after(text, end));
    let folded = |word: &str| -> String { word.chars().flat_map(char::to_lowercase).map(fold).collect() };
    if !right.chars().next().is_some_and(char::is_lowercase) || right.len() > 16 {
        return false;
    }
    let pair = ELIDED.contains(&folded(left).as_str()) && AFTER.contains(&folded(right).as_str());
    let spaced = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„«(—–-".contains(c));
    let open = after(text, end + right.len()).is_none_or(|c| c.is_whitespace() || ",.;:!?”»)".contains(c));
    pair && spaced && open && prose(text, at - left.len(), end + right.len())
}

/// A small letter follows. Of two single letters, the first is one that Romanian elides and the second is a vowel.
fn likely(text: &str, at: usize, end: usize) -> bool {
    let (left, right) = (word_before(text, at), word_after(text, end));
    let single = |word: &str| word.chars().count() == 1;
    let elided =
        || left.to_lowercase().contains(['c', 'd', 'l', 'm', 'n', 'p', 's', 'ș', 'ş', 't', 'v', 'z']);
    let vowel = || right.contains(['a', 'e', 'i', 'o', 'u', 'ă', 'î', 'ĭ']);
    !left.is_empty()
        && right.chars().next().is_some_and(char::is_lowercase)
        && (!single(left) || !single(right) || elided() && vowel())
        && prose(text, at - left.len(), end + right.len())
}

/// Whether neither neighbour is a sign of mathematics or a single letter.
fn prose(text: &str, start: usize, end: usize) -> bool {
    let signs = |c: char| "=+−*/<>≤≥∈()[]{}^_0123456789".contains(c);
    let near = |mut part: Box<dyn Iterator<Item = char> + '_>| part.find(|c| *c != ' ').is_some_and(signs);
    !near(Box::new(text[..start].chars().rev().take(4))) && !near(Box::new(text[end..].chars().take(4)))
}
