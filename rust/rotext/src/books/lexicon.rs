//! Words of general Romanian and English from outside of the program: evidence beside the model, if the caller has them.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use crate::romanian::{Model, is_hyphen, letter};

/// Shorter English words are in the lexicon too often for garbage to miss them.
const ENGLISH_LETTERS: usize = 4;

/// Inflected words, as 64-bit hashes of their letters: 8 bytes a word and the free space of the table. (With 24 bits, as in the model, a million
/// words would know 6 % of all garbage.)
#[derive(Debug, Default)]
pub struct Lexicon {
    romanian: FxHashSet<u64>,
    english: FxHashSet<u64>,
}

impl Lexicon {
    /// A lexicon of these words. Words with other letters than the model has are left out.
    ///
    /// ```
    /// use rotext::{books::Lexicon, romanian};
    /// let lexicon = Lexicon::new(["legumele"], ["kernel"]);
    /// assert!(lexicon.knows(romanian::model(), "Legumele") && !lexicon.knows(romanian::model(), "kernel"));
    /// assert!(lexicon.knows_english("Kernel"));
    /// ```
    pub fn new<R: AsRef<str>, E: AsRef<str>>(
        romanian: impl IntoIterator<Item = R>,
        english: impl IntoIterator<Item = E>,
    ) -> Self {
        Self {
            romanian: romanian.into_iter().filter_map(|word| key(word.as_ref())).collect(),
            english: english.into_iter().filter_map(|word| key(word.as_ref())).collect(),
        }
    }

    /// Whether each part of the word is known here or by the model.
    #[must_use]
    pub fn knows(&self, model: &Model, word: &str) -> bool {
        let mut parts = word.split(is_hyphen).filter(|part| !part.is_empty()).peekable();
        parts.peek().is_some()
            && parts
                .all(|part| model.knows(part) || key(part).is_some_and(|key| self.romanian.contains(&key)))
    }

    /// Whether it is an English word of four letters or more.
    #[must_use]
    pub fn knows_english(&self, word: &str) -> bool {
        word.chars().count() >= ENGLISH_LETTERS && key(word).is_some_and(|key| self.english.contains(&key))
    }
}

/// The hash of a word's letters. Case and the two encodings of ș and ț do not matter.
fn key(word: &str) -> Option<u64> {
    let letters: Vec<u8> = word.chars().map(letter).collect();
    (letters.len() > 1 && !letters.contains(&0)).then(|| xxh3_64(&letters))
}
