//! Whether a word looks Romanian: the model of letters and words of the books decides.

use crate::romanian::model;

/// A word of more bits a letter is not Romanian, whatever it is. (Words of novels and statutes have 2 to 4, English words 4
/// to 8; a letter that Romanian does not have costs 12 bits.)
const BITS: f32 = 4.3;

/// Whether the lexicon has the word.
pub(super) fn known(word: &str) -> bool {
    model().knows_whole(word)
}

/// The cost of the word in bits a letter. Smaller is more Romanian.
pub(super) fn bits(word: &str) -> f32 {
    model().bits(word) / (word.chars().count() + 1) as f32
}

/// Whether the word is in the lexicon or is spelled like one that is.
pub(super) fn plausible(word: &str) -> bool {
    known(word) || bits(word) < BITS
}

/// How many words were affected by a repair, and how Romanian they are after it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Evidence {
    pub(super) words: u32,
    pub(super) plausible: u32,
    pub(super) known: u32,
}

impl Evidence {
    /// Adds a word as it would be after the repair.
    pub(super) fn add(&mut self, word: &str) {
        self.words += 1;
        self.plausible += u32::from(plausible(word));
        self.known += u32::from(known(word));
    }

    /// Whether the repair makes Romanian: nearly all words are spelled like it, and a part is in the lexicon.
    pub(super) fn convinces(self) -> bool {
        self.words >= 1 && self.plausible * 4 >= self.words * 3 && self.known * 3 >= self.words
    }
}
