//! What a reader of books takes for a word.

use std::sync::Arc;

use super::lexicon::Lexicon;
use super::notation::{is_notation, lost_letters};
use crate::romanian::{Model, is_hyphen, model};

/// How a token is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A word of the lexicon.
    Known,
    /// Its letters follow each other as in Romanian.
    Plausible,
    /// An English word, as in texts about computers.
    English,
    /// A name of a file, a function, a standard.
    Notation,
    /// None of these.
    Unknown,
}

/// The language of a shelf, and the words that are known of it.
#[derive(Debug, Clone, Default)]
pub struct Judge {
    lexicon: Option<Arc<Lexicon>>,
    other: bool,
}

impl Judge {
    /// A judge of Romanian books. `lexicon`: words beside those of the model.
    #[must_use]
    pub fn romanian(lexicon: Option<Arc<Lexicon>>) -> Self {
        Self { lexicon, other: false }
    }

    /// A judge of books in another language. It knows no word and judges the letters of words and their order.
    #[must_use]
    pub fn other() -> Self {
        Self { lexicon: None, other: true }
    }

    /// Whether the shelf is Romanian.
    #[must_use]
    pub fn is_romanian(&self) -> bool {
        !self.other
    }

    pub(super) fn read(&self, token: &str) -> Reading {
        if self.other {
            return match token {
                _ if is_word(token) || token.split(['/', ',', '–', '—']).all(is_part) => Reading::Known,
                _ if is_notation(token) => Reading::Notation,
                _ => Reading::Unknown,
            };
        }
        let model = model();
        if self.knows(token) {
            return Reading::Known;
        }
        if model.plausible(token) {
            return Reading::Plausible;
        }
        if self.lexicon.as_ref().is_some_and(|lexicon| lexicon.knows_english(token)) {
            return Reading::English;
        }
        // `și/sau`, `intrare/ieșire`
        let both = |part: &str| part.chars().nth(1).is_some() && (self.knows(part) || model.plausible(part));
        if token.contains('/') && token.split('/').all(both) {
            return Reading::Known;
        }
        // `cas3`, `cXciula`: a font shows another sign for a letter of a known word.
        if is_notation(token) && !lost_letters(token, |word| self.knows(word)) {
            Reading::Notation
        } else {
            Reading::Unknown
        }
    }

    /// Whether the word is known, or is an English word of the lexicon.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.knows(word) || self.lexicon.as_ref().is_some_and(|lexicon| lexicon.knows_english(word))
    }

    fn knows(&self, word: &str) -> bool {
        let model: &Model = model();
        model.knows(word) || self.lexicon.as_ref().is_some_and(|lexicon| lexicon.knows(model, word))
    }

    /// Whether a sentence can end with the word or continue with it. Only the model decides for Romanian, because the limit of broken
    /// sentences was measured with it.
    pub(super) fn counts_in_order(&self, word: &str) -> bool {
        if self.other { is_word(word) } else { model().knows(word) }
    }
}

/// Whether a sentence cannot begin with the letter: it is small, and its script has capitals. Unicode calls the letters of Georgian
/// small, but its sentences begin with them.
pub(super) fn is_small(c: char) -> bool {
    let has_capitals =
        matches!(c, 'a'..='z' | '\u{C0}'..='\u{52F}' | '\u{531}'..='\u{587}' | '\u{1E00}'..='\u{1FFF}');
    has_capitals && c.is_lowercase()
}

/// Whether one side of a dash, a comma or a slash is a word, an ordinal number or a decade.
fn is_part(part: &str) -> bool {
    is_word(part) || is_ordinal(part)
}

/// `19th`, `2nd`, `1er`, `19e`, `1920s`. After one digit, `e` and `s` are not taken: OCR reads `le` as `1e`.
fn is_ordinal(part: &str) -> bool {
    let suffix = part.trim_start_matches(|c: char| c.is_ascii_digit());
    match part.len() - suffix.len() {
        0 => false,
        1 => ORDINALS.contains(&suffix),
        _ => ORDINALS.contains(&suffix) || matches!(suffix, "e" | "s"),
    }
}

const ORDINALS: &[&str] = &["st", "nd", "rd", "th", "er", "ère", "ème"];

/// Whether a token has only letters, with hyphens, apostrophes and middle dots (`col·lecció`) between them, and no capital after a
/// small letter.
fn is_word(token: &str) -> bool {
    let mut small = false;
    let mut letters = 0usize;
    for c in token.chars() {
        if is_hyphen(c) || c == '·' {
            small = false;
            continue;
        }
        if !(c.is_alphabetic() || is_mark(c)) || c.is_uppercase() && small {
            return false;
        }
        small |= c.is_lowercase();
        letters += 1;
    }
    letters > 0
}

/// Combining marks and joiners are parts of words in many scripts.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{200C}' | '\u{200D}')
        || !c.is_ascii() && !c.is_alphanumeric() && is_indic(c)
}

/// Vowel signs of the scripts from Hebrew to Khmer, which Unicode does not count as letters.
fn is_indic(c: char) -> bool {
    matches!(c, '\u{591}'..='\u{5C7}' | '\u{610}'..='\u{6ED}' | '\u{900}'..='\u{109F}' | '\u{1780}'..='\u{17DD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lexicon_knows_more() {
        let lexicon = Lexicon::new(["legumele", "bacteriile"], ["browser"]);
        let (with, without) = (Judge::romanian(Some(Arc::new(lexicon))), Judge::default());
        for (word, more, less) in [
            ("pentru", Reading::Known, Reading::Known),
            ("legumele", Reading::Known, Reading::Plausible),
            ("browser", Reading::English, Reading::Unknown),
            ("bactcriile", Reading::Unknown, Reading::Unknown),
            ("și/sau", Reading::Known, Reading::Known),
            ("size_t", Reading::Notation, Reading::Notation),
            ("cas3", Reading::Unknown, Reading::Unknown),
            ("casX", Reading::Unknown, Reading::Unknown),
        ] {
            assert_eq!(with.read(word), more, "{word}");
            assert_eq!(without.read(word), less, "{word}");
        }
    }

    #[test]
    fn another_language_is_judged_by_letters() {
        let judge = Judge::other();
        for word in [
            "l’été",
            "Straße",
            "книга",
            "well-known",
            "ÎNTR",
            "हिन्दी",
            "und/oder",
            "col·lecció",
            "19th",
            "1920s",
            "19e",
            "teacher—kept",
            "parti,sans",
        ] {
            assert_eq!(judge.read(word), Reading::Known, "{word}");
        }
        for word in ["mul3imea", "a[teapt", "thE", "-", "w$rd", "1e", "1l", "3tre", "a,", "–"] {
            assert_eq!(judge.read(word), Reading::Unknown, "{word}");
        }
    }

    #[test]
    fn only_scripts_with_capitals_have_small_letters() {
        for c in ['a', 'ș', 'é', 'ω', 'ж', 'ա', 'ạ'] {
            assert!(is_small(c), "{c}");
        }
        for c in ['A', 'Ж', 'ძ', 'א', 'ह', '老', '1'] {
            assert!(!is_small(c), "{c}");
        }
    }
}
