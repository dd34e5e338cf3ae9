//! What a tokenizer does to a text: how many tokens it needs, and how it splits Romanian words.
//!
//! Every number is about the places where tokens meet, not about how a tokenizer writes them. So two tokenizers can be
//! compared whatever their patterns are:
//!
//! - a *word* is a part between white space, and fertility is tokens per word;
//! - a *written word* is a run of letters (and marks); it is whole when no two tokens meet inside it;
//! - a *clitic form* (`s-a`, `într-o`, `spune-mi`) is two written words and a hyphen, one of them a clitic
//!   (`clitics.rs`); it is split cleanly when tokens meet only at the hyphen.

use std::collections::HashMap;

use serde::Serialize;

use super::classes::{Class, class_at};
use super::clitics::is_clitic_form;
use super::encode::Encoder;
use super::tokenizer::Tokenizer;
use crate::error::Result;

/// The most distinct splits that are counted; beyond that the rarest are forgotten. Real text has about 10^5.
const MAX_CUTS: usize = 1 << 20;
/// Bytes of the longest word that is an example.
const LONGEST_EXAMPLE: usize = 64;

/// A share of a whole.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Those with the property.
    pub n: u64,
    /// All.
    pub of: u64,
}

impl Part {
    fn count(&mut self, has: bool) {
        self.n += u64::from(has);
        self.of += 1;
    }

    fn add(&mut self, other: Self) {
        self.n += other.n;
        self.of += other.of;
    }
}

/// The sums over some documents.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Documents.
    pub documents: u64,
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Parts between white space.
    pub words: u64,
    /// Tokens.
    pub tokens: u64,
    /// Tokens that are one byte.
    pub single_byte_tokens: u64,
    /// Tokens that end or begin inside a character.
    pub broken_characters: u64,
    /// Written words inside which no two tokens meet.
    pub whole_words: Part,
    /// The same for written words with ă, â, î, ș or ț (ş and ţ as well).
    pub whole_diacritic_words: Part,
    /// Clitic forms that are split at the hyphen or not at all.
    pub clean_clitics: Part,
    /// Clitic forms whose hyphen begins the second part's token (`s` `-a`).
    pub hyphen_right: u64,
    /// Clitic forms whose hyphen ends the first part's token (`s-` `a`).
    pub hyphen_left: u64,
    /// Clitic forms whose hyphen is a separate token.
    pub hyphen_alone: u64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.words += other.words;
        self.tokens += other.tokens;
        self.single_byte_tokens += other.single_byte_tokens;
        self.broken_characters += other.broken_characters;
        self.whole_words.add(other.whole_words);
        self.whole_diacritic_words.add(other.whole_diacritic_words);
        self.clean_clitics.add(other.clean_clitics);
        self.hyphen_right += other.hyphen_right;
        self.hyphen_left += other.hyphen_left;
        self.hyphen_alone += other.hyphen_alone;
    }
}

/// The sums, the tokens that occurred, and how often each split occurred.
#[derive(Debug, Clone)]
pub struct Tally {
    sums: Sums,
    /// One bit for each token.
    met: Vec<u64>,
    /// Words with diacritics that were split, as `în|vă|ță`.
    splits: HashMap<String, u64>,
    /// Clitic forms, as they were split.
    clitics: HashMap<String, u64>,
}

impl Tally {
    /// An empty tally for a vocabulary of this size.
    #[must_use]
    pub fn new(vocab_size: usize) -> Self {
        Self {
            sums: Sums::default(),
            met: vec![0; vocab_size.div_ceil(64)],
            splits: HashMap::new(),
            clitics: HashMap::new(),
        }
    }

    /// Adds the tally of another part of the text, from the same tokenizer.
    pub fn merge(&mut self, other: &Self) {
        self.sums.add(&other.sums);
        for (word, more) in self.met.iter_mut().zip(&other.met) {
            *word |= more;
        }
        for (mine, theirs) in [(&mut self.splits, &other.splits), (&mut self.clitics, &other.clitics)] {
            for (cut, n) in theirs {
                match mine.get_mut(cut) {
                    Some(count) => *count += n,
                    None => drop(mine.insert(cut.clone(), *n)),
                }
            }
            let mut least = 1;
            while mine.len() > MAX_CUTS {
                mine.retain(|_, n| *n > least);
                least += 1;
            }
        }
    }

    /// The sums.
    #[must_use]
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The number of distinct tokens that occurred.
    #[must_use]
    pub fn tokens_met(&self) -> usize {
        self.met.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The `n` words with diacritics that were split most often, as they were split.
    #[must_use]
    pub fn frequent_splits(&self, n: usize) -> Vec<(String, u64)> {
        frequent(&self.splits, n)
    }

    /// The `n` most frequent clitic forms, as they were split.
    #[must_use]
    pub fn frequent_clitics(&self, n: usize) -> Vec<(String, u64)> {
        frequent(&self.clitics, n)
    }
}

fn frequent(cuts: &HashMap<String, u64>, n: usize) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = cuts.iter().collect();
    sorted.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    sorted.into_iter().take(n).map(|(cut, n)| (cut.clone(), *n)).collect()
}

/// Measures one tokenizer; make one for each thread.
pub struct Measure<'t> {
    tokenizer: &'t Tokenizer,
    encoder: Encoder<u32, &'t Tokenizer>,
    ids: Vec<u32>,
    /// One bit for each byte of the text: a token ends before it.
    cuts: Vec<u64>,
}

impl<'t> Measure<'t> {
    /// A measure with an empty cache.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub fn new(tokenizer: &'t Tokenizer) -> Result<Self> {
        let encoder = Encoder::new(tokenizer)?;
        Ok(Self { tokenizer, encoder, ids: Vec::new(), cuts: Vec::new() })
    }

    /// Measures one document.
    pub fn add(&mut self, text: &str, tally: &mut Tally) {
        self.ids.clear();
        self.encoder.encode(text, &mut self.ids);
        self.cuts.clear();
        self.cuts.resize(text.len() / 64 + 1, 0);
        let sums = &mut tally.sums;
        let (mut at, mut begins_inside) = (0, false);
        for &id in &self.ids {
            let len = self.tokenizer.token_len(id);
            at += len;
            let ends_inside = !text.is_char_boundary(at);
            sums.single_byte_tokens += u64::from(len == 1);
            sums.broken_characters += u64::from(begins_inside || ends_inside);
            begins_inside = ends_inside;
            self.cuts[at / 64] |= 1 << (at % 64);
            tally.met[id as usize / 64] |= 1 << (id % 64);
        }
        debug_assert_eq!(at, text.len(), "the tokens are the text");
        sums.documents += 1;
        sums.bytes += text.len() as u64;
        sums.tokens += self.ids.len() as u64;
        sums.words += text.split_whitespace().count() as u64;
        self.written_words(text, tally);
    }

    fn is_cut(&self, at: usize) -> bool {
        self.cuts[at / 64] >> (at % 64) & 1 == 1
    }

    fn written_words(&self, text: &str, tally: &mut Tally) {
        let mut before: Option<(usize, usize, bool)> = None;
        for (start, end) in runs_of_letters(text) {
            let whole = !(start + 1..end).any(|at| self.is_cut(at));
            let word = &text[start..end];
            tally.sums.whole_words.count(whole);
            if has_diacritic(word) {
                tally.sums.whole_diacritic_words.count(whole);
                if !whole && word.len() <= LONGEST_EXAMPLE {
                    *tally.splits.entry(self.cut_up(text, start, end)).or_default() += 1;
                }
            }
            if let Some((first, hyphen, first_whole)) = before
                && hyphen + 1 == start
                && text.as_bytes()[hyphen] == b'-'
                && is_clitic_form(&text[first..hyphen], word)
            {
                tally.sums.clean_clitics.count(first_whole && whole);
                match (self.is_cut(hyphen), self.is_cut(start)) {
                    (true, true) => tally.sums.hyphen_alone += 1,
                    (true, false) => tally.sums.hyphen_right += 1,
                    (false, true) => tally.sums.hyphen_left += 1,
                    (false, false) => {}
                }
                if end - first <= LONGEST_EXAMPLE {
                    let cut = self.cut_up(text, first, end).to_lowercase();
                    *tally.clitics.entry(cut).or_default() += 1;
                }
            }
            before = Some((start, end, whole));
        }
    }

    /// The text from `start` to `end` with a bar where tokens meet; parts of characters as `<C8>`.
    fn cut_up(&self, text: &str, start: usize, end: usize) -> String {
        let mut out = String::with_capacity(2 * (end - start));
        for (i, c) in text[start..end].char_indices() {
            let at = start + i;
            if i > 0 && self.is_cut(at) {
                out.push('|');
            }
            if (at + 1..at + c.len_utf8()).any(|inside| self.is_cut(inside)) {
                for (k, byte) in text.as_bytes()[at..at + c.len_utf8()].iter().enumerate() {
                    if k > 0 && self.is_cut(at + k) {
                        out.push('|');
                    }
                    out.push_str(&format!("<{byte:02X}>"));
                }
            } else {
                out.push(c);
            }
        }
        out
    }
}

/// Start and end of each run of letters; combining marks belong to the letter before them.
fn runs_of_letters(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut start = None;
        while at < bytes.len() {
            let (class, len) = class_at(bytes, at);
            // U+0300 to U+036F, the combining marks of Latin letters.
            let mark = matches!(bytes[at], 0xCC) || bytes[at] == 0xCD && bytes[at + 1] < 0xB0;
            match (start, class == Class::Letter || mark && start.is_some()) {
                (None, true) => start = Some(at),
                (Some(begin), false) => return Some((begin, at)),
                _ => {}
            }
            at += len;
        }
        start.map(|begin| (begin, at))
    })
}

fn has_diacritic(word: &str) -> bool {
    !word.is_ascii()
        && word.chars().any(|c| {
            matches!(c, 'ă' | 'â' | 'î' | 'ș' | 'ț' | 'Ă' | 'Â' | 'Î' | 'Ș' | 'Ț' | 'ş' | 'ţ' | 'Ş' | 'Ţ')
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::bpe::pattern::Pattern;

    /// A tokenizer of the bytes and the given tokens; each is made by one rule from left to right.
    fn tokenizer(words: &[&str]) -> Tokenizer {
        let mut tokens: Vec<Vec<u8>> = (0..=255u8).map(|byte| vec![byte]).collect();
        let mut rules = Vec::new();
        for word in words {
            let bytes = word.as_bytes();
            for end in 2..=bytes.len() {
                if tokens.iter().any(|token| *token == bytes[..end]) {
                    continue;
                }
                let left = tokens.iter().position(|token| *token == bytes[..end - 1]).unwrap();
                rules.push((left as u32, u32::from(bytes[end - 1]), tokens.len() as u32));
                tokens.push(bytes[..end].to_vec());
            }
        }
        let vocab = (0u32..).zip(tokens).map(|(id, token)| (id, token, true));
        Tokenizer::new(Pattern::Llama3, vocab, rules, Vec::new(), false).unwrap()
    }

    fn tally(tokenizer: &Tokenizer, texts: &[&str]) -> Tally {
        let mut measure = Measure::new(tokenizer).unwrap();
        let mut tally = Tally::new(tokenizer.vocab_size());
        for text in texts {
            measure.add(text, &mut tally);
        }
        tally
    }

    #[test]
    fn words_are_whole_when_no_tokens_meet_inside() {
        let tokenizer = tokenizer(&["ou", " ou", " ță", "ă", "-a"]);
        let tally = tally(&tokenizer, &["ou ou, ouă ță", "s-a, nord-vest. Dă-i x-y"]);
        let sums = tally.sums();
        // ou, ou, ță, s, a, x, y and i are whole.
        assert_eq!(sums.whole_words, Part { n: 8, of: 12 });
        assert_eq!(sums.whole_diacritic_words, Part { n: 1, of: 3 });
        assert_eq!(tally.frequent_splits(9), [("D|ă".to_owned(), 1), ("ou|ă".to_owned(), 1)]);
        // Both clitic forms; neither nord-vest nor x-y is one.
        assert_eq!(sums.clean_clitics, Part { n: 1, of: 2 });
        assert_eq!((sums.hyphen_right, sums.hyphen_alone, sums.hyphen_left), (1, 1, 0));
        assert_eq!(tally.frequent_clitics(9), [("d|ă|-|i".to_owned(), 1), ("s|-a".to_owned(), 1)]);
        assert_eq!((sums.documents, sums.words), (2, 8));
        assert_eq!(sums.bytes, sums.tokens + tally_gain(&tokenizer));
    }

    /// Bytes saved by tokens of more than one byte in the texts above.
    fn tally_gain(tokenizer: &Tokenizer) -> u64 {
        let mut ids = Vec::new();
        let mut encoder = Encoder::<u32, _>::new(tokenizer).unwrap();
        for text in ["ou ou, ouă ță", "s-a, nord-vest. Dă-i x-y"] {
            encoder.encode(text, &mut ids);
        }
        ids.iter().map(|&id| tokenizer.token_len(id) as u64 - 1).sum()
    }

    #[test]
    fn half_characters_are_counted_and_shown() {
        let tokenizer = tokenizer(&[]);
        let tally = tally(&tokenizer, &["aș"]);
        assert_eq!((tally.sums().tokens, tally.sums().broken_characters), (3, 2));
        assert_eq!(tally.sums().single_byte_tokens, 3);
        assert_eq!(tally.frequent_splits(1), [("a|<C8>|<99>".to_owned(), 1)]);
        assert_eq!(tally.tokens_met(), 3);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let tokenizer = tokenizer(&["într", "-o", "ă"]);
        let texts = ["într-o zi însă s-a dus", "", "fără să-l vadă, dându-i 12 ouă", "într-un e\u{301}lan"];
        let all = tally(&tokenizer, &texts);
        let mut sum = Tally::new(tokenizer.vocab_size());
        for text in texts.iter().rev() {
            sum.merge(&tally(&tokenizer, &[text]));
        }
        assert_eq!(sum.sums(), all.sums());
        assert_eq!(sum.frequent_splits(99), all.frequent_splits(99));
        assert_eq!(sum.frequent_clitics(99), all.frequent_clitics(99));
        assert_eq!(sum.tokens_met(), all.tokens_met());
        assert_eq!(all.sums().clean_clitics.of, 5);
    }
}
