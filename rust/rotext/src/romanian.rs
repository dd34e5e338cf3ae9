//! What clean Romanian looks like: letter trigrams and a lexicon, 125 KB of counts in the binary.
//!
//! The counts are our own, from public-domain novels and official acts (`rust/rotext/examples/romanian.rs` makes them).
//! They contain no text: one byte for each trigram, which is its cost in sixteenths of a bit, and 24 bits of the hash of
//! each word that occurred four times.
//!
//! ```
//! use rotext::romanian;
//! assert!(romanian::model().bits("mulțimea") < romanian::model().bits("mulŃimea"));
//! assert!(romanian::model().knows("pentru") && !romanian::model().knows("pcntrn"));
//! ```

mod lost;

use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use lost::LostLetters;

/// Letters are 1 to 31, the edge of a word is 0.
const LETTERS: usize = 32;
const TABLE: usize = LETTERS * LETTERS * LETTERS;
const MAGIC: &[u8; 8] = b"roletrs1";
/// The cost of a character that is not a Romanian letter.
const FOREIGN: f32 = 12.0;
const STEPS: f32 = 16.0;
/// A part of a word that is not in the lexicon must have so many letters to be judged by them: short words are known.
const LONG: usize = 5;
/// Romanian words cost less than this many bits a letter, and no letter of them costs more than `SURPRISE`. Of the unknown words
/// of modern text eight in ten do; of words with one letter that OCR has misread three in ten.
const SMOOTH: f32 = 4.3;
const SURPRISE: f32 = 9.0;
/// No word of the lexicon has more letters.
const LONGEST: usize = 64;
/// Words that occur less often may be misprints.
const TIMES: u32 = 4;

/// The model that is part of the program.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    static BYTES: &[u8] = include_bytes!("romanian.bin");
    // A damaged file is a broken build, and the test below reads it. An empty model would reject every text.
    MODEL.get_or_init(|| Model::read(BYTES).unwrap_or_else(|| unreachable!("romanian.bin is damaged")))
}

/// Letter trigrams and a lexicon.
pub struct Model {
    costs: Box<[u8]>,
    words: Lexicon,
}

/// The hashes of known words: a bit for each of 2^24, 2 MiB. A set of the hashes would be a third of it, but a look costs one load here,
/// and the bits of common words stay in the cache of the processor.
struct Lexicon(Box<[u64]>);

/// The bits of the hash of a word.
const HASH_BITS: u32 = 24;

impl Default for Lexicon {
    fn default() -> Self {
        Self(vec![0; 1 << (HASH_BITS - 6)].into())
    }
}

impl Lexicon {
    /// False for a hash of more bits.
    fn insert(&mut self, hash: u32) -> bool {
        let Some(bits) = self.0.get_mut((hash >> 6) as usize) else { return false };
        *bits |= 1 << (hash & 63);
        true
    }

    #[inline]
    fn contains(&self, hash: u32) -> bool {
        self.0[(hash >> 6) as usize] >> (hash & 63) & 1 == 1
    }
}

/// The number of a letter: 1 to 31, or 0 for other characters. Old and accented letters count as the modern ones.
#[must_use]
pub const fn letter(c: char) -> u8 {
    match c {
        'a'..='z' => c as u8 - b'a' + 1,
        'A'..='Z' => c as u8 - b'A' + 1,
        'ă' | 'Ă' => 27,
        'â' | 'Â' => 28,
        'î' | 'Î' => 29,
        'ș' | 'Ș' | 'ş' | 'Ş' => 30,
        'ț' | 'Ț' | 'ţ' | 'Ţ' => 31,
        'ĭ' | 'Ĭ' | 'ǐ' | 'í' | 'ï' | 'ì' => 9,
        'ŭ' | 'Ŭ' | 'ǔ' | 'ú' | 'ü' | 'ù' => 21,
        'ĕ' | 'Ĕ' | 'é' | 'É' | 'è' | 'È' | 'ê' | 'ë' => 5,
        'ó' | 'Ó' | 'ò' | 'ö' | 'ô' => 15,
        'á' | 'à' | 'À' | 'ä' => 1,
        'ḑ' | 'Ḑ' | 'ᶁ' | 'ȡ' => 4,
        'ç' => 3,
        _ => 0,
    }
}

/// A hyphen or an apostrophe, which joins the parts of a word.
pub(crate) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '’' | '\'' | '′')
}

fn key(letters: &[u8]) -> u32 {
    (xxh3_64(letters) >> (64 - HASH_BITS)) as u32
}

fn index(a: u8, b: u8, c: u8) -> usize {
    (usize::from(a) * LETTERS + usize::from(b)) * LETTERS + usize::from(c)
}

impl Model {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
        if xxh3_64(body).to_le_bytes() != sum || !body.starts_with(MAGIC) {
            return None;
        }
        let (costs, mut deltas) = body.get(MAGIC.len()..)?.split_at_checked(TABLE)?;
        let mut words = Lexicon::default();
        let mut last = 0u32;
        while !deltas.is_empty() {
            let (mut delta, mut shift) = (0u32, 0);
            loop {
                let (&byte, rest) = deltas.split_first()?;
                deltas = rest;
                delta |= u32::from(byte & 0x7F).checked_shl(shift)?;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            last = last.checked_add(delta)?;
            if !words.insert(last) {
                return None;
            }
        }
        Some(Self { costs: costs.into(), words })
    }

    /// The cost of `word` in bits, its end included. A character that is not a letter costs 12 bits.
    #[must_use]
    pub fn bits(&self, word: &str) -> f32 {
        let (mut a, mut b, mut sum) = (0, 0, 0.0);
        for c in word.chars() {
            let n = letter(c);
            if n == 0 {
                // The letters after it start without context: one wrong character must not count three times.
                sum += FOREIGN;
                (a, b) = (0, 0);
                continue;
            }
            sum += self.cost(a, b, n);
            (a, b) = (b, n);
        }
        sum + self.cost(a, b, 0)
    }

    fn cost(&self, a: u8, b: u8, c: u8) -> f32 {
        f32::from(self.costs[index(a, b, c)]) / STEPS
    }

    /// Whether the lexicon has the word. Case and old letters do not matter. Of a word with hyphens or apostrophes, it
    /// must have every part.
    #[must_use]
    pub fn knows(&self, word: &str) -> bool {
        let mut letters = Vec::with_capacity(word.len());
        let mut all = true;
        let mut any = false;
        for c in word.chars().chain(['-']) {
            if is_hyphen(c) {
                if !letters.is_empty() {
                    any = true;
                    all &= letters.len() == 1 || self.words.contains(key(&letters));
                    letters.clear();
                }
                continue;
            }
            match letter(c) {
                0 => return false,
                n => letters.push(n),
            }
        }
        any && all
    }

    /// Whether the lexicon has the word whose letters have these numbers ([`letter`]).
    #[must_use]
    pub fn knows_letters(&self, letters: &[u8]) -> bool {
        self.words.contains(key(letters))
    }

    /// How many of the words, given by the numbers of their letters, the lexicon has. See [`Counter`].
    #[must_use]
    pub fn counter(&self) -> Counter<'_> {
        Counter { lexicon: &self.words, keys: [0; QUESTIONS], asked: 0, known: 0 }
    }

    /// Whether the letters of the word follow each other as in Romanian. Of a word with hyphens, each part must be known or so.
    #[must_use]
    pub fn plausible(&self, word: &str) -> bool {
        let mut parts = word.split(is_hyphen).filter(|part| !part.is_empty()).peekable();
        parts.peek().is_some() && parts.all(|part| self.smooth(part) || self.knows(part))
    }

    fn smooth(&self, part: &str) -> bool {
        let (mut a, mut b, mut sum, mut length) = (0, 0, 0.0, 0usize);
        for n in part.chars().map(letter) {
            let cost = self.cost(a, b, n);
            if n == 0 || cost >= SURPRISE {
                return false;
            }
            sum += cost;
            length += 1;
            (a, b) = (b, n);
        }
        let end = self.cost(a, b, 0);
        length >= LONG && end < SURPRISE && sum + end < SMOOTH * (length + 1) as f32
    }

    /// Whether the lexicon has the word as one word, without its hyphens.
    #[must_use]
    pub fn knows_whole(&self, word: &str) -> bool {
        let mut letters = [0; LONGEST];
        let mut length = 0;
        for n in word.chars().map(letter) {
            if n == 0 || length == LONGEST {
                return false;
            }
            letters[length] = n;
            length += 1;
        }
        length > 1 && self.knows_letters(&letters[..length])
    }
}

/// The number of words that are asked for together.
const QUESTIONS: usize = 64;

/// Counts known words. The table is larger than the nearest caches, so many words are asked for together: their loads overlap, and a
/// word costs a few cycles where one after another waits for the memory.
pub struct Counter<'m> {
    lexicon: &'m Lexicon,
    keys: [u32; QUESTIONS],
    asked: usize,
    known: u64,
}

impl Counter<'_> {
    /// Adds the word whose letters have these numbers ([`letter`]).
    #[inline]
    pub fn add(&mut self, letters: &[u8]) {
        self.keys[self.asked] = key(letters);
        self.asked += 1;
        if self.asked == QUESTIONS {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let asked = &self.keys[..self.asked];
        self.known += asked.iter().map(|&key| u64::from(self.lexicon.contains(key))).sum::<u64>();
        self.asked = 0;
    }

    /// The number of known words so far.
    #[must_use]
    pub fn known(&mut self) -> u64 {
        self.ask();
        self.known
    }
}

/// Counts texts, and writes the file of the model.
#[derive(Default)]
pub struct Trainer {
    trigrams: Vec<u64>,
    words: FxHashMap<Vec<u8>, u32>,
}

impl Trainer {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        self.trigrams.resize(TABLE, 0);
        let mut word = Vec::new();
        for c in text.chars().chain([' ']) {
            let n = letter(c);
            if n != 0 {
                word.push(n);
                continue;
            }
            if !word.is_empty() {
                let (mut a, mut b) = (0, 0);
                for &n in word.iter().chain(&[0]) {
                    self.trigrams[index(a, b, n)] += 1;
                    (a, b) = (b, n);
                }
                if let Some(count) = self.words.get_mut(&word) {
                    *count += 1;
                } else {
                    self.words.insert(word.clone(), 1);
                }
                word.clear();
            }
        }
    }

    /// The bytes of the file `romanian.bin`.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for context in self.trigrams.chunks_exact(LETTERS) {
            let total: u64 = context.iter().sum();
            // Add-one smoothing, scaled down so that a rare context does not make its letters cheap.
            for &count in context {
                let share = (count as f32 + 0.05) / (total as f32 + 0.05 * LETTERS as f32);
                out.push((-share.log2() * STEPS).round().clamp(0.0, 255.0) as u8);
            }
        }
        let known = self.words.iter().filter(|(word, count)| word.len() > 1 && **count >= TIMES);
        let mut keys: Vec<u32> = known.map(|(word, _)| key(word)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut last = 0;
        for key in keys {
            let mut delta = key - last;
            last = key;
            while delta >= 0x80 {
                out.push(delta as u8 | 0x80);
                delta >>= 7;
            }
            out.push(delta as u8);
        }
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_known_and_garbage_is_not() {
        let model = model();
        for word in ["pentru", "Și", "într-o", "ceilalți", "s-au", "cuvântul", "ARTICOLUL"] {
            assert!(model.knows(word), "{word}");
        }
        for word in ["pcntrn", "funct¸ii", "mulŃimea", "xqzt", ""] {
            assert!(!model.knows(word), "{word}");
        }
    }

    #[test]
    fn modern_words_are_plausible_and_broken_ones_are_not() {
        let model = model();
        for word in ["calculatorul", "legumele", "bacteriile", "insulină", "calculatoarele-gazdă"] {
            assert!(!model.knows(word) && model.plausible(word), "{word}");
        }
        for word in ["bactcriile", "fvodxodwrv", "mulŃimea", "ca/culatorul", "xqzt", "-", ""] {
            assert!(!model.plausible(word), "{word}");
        }
    }

    #[test]
    fn right_letters_cost_less() {
        let model = model();
        for (good, bad) in
            [("funcție", "func¸ie"), ("spațiu", "spaŃiu"), ("și", "ºi"), ("mulțimea", "tfnarldh")]
        {
            assert!(model.bits(good) + 2.0 < model.bits(bad), "{good} {bad}");
        }
    }

    #[test]
    fn what_was_trained_is_read() {
        let mut trainer = Trainer::default();
        (0..4).for_each(|_| trainer.add("fata și fața"));
        let bytes = trainer.finish();
        let model = Model::read(&bytes).unwrap();
        assert!(model.knows("Fața") && !model.knows("față"));
        for end in 0..bytes.len() {
            assert!(Model::read(&bytes[..end]).is_none());
        }
    }
}
