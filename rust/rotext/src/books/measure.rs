//! The quality of a page's text: measures, and decisions from them.

use serde::Serialize;

use super::judge::{Judge, Reading, is_small};
use super::signs::is_sign;
use crate::romanian::{letter, model};

/// What was measured of a page. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Characters that are drawn.
    pub characters: u32,
    /// Tokens: words, numbers and single letters.
    pub tokens: u32,
    /// Words with at least two letters.
    pub words: u32,
    /// Share of these words that the lexicon has.
    pub known: f32,
    /// Share of these words that the lexicon does not have, and whose letters follow each other as in Romanian: the words
    /// of a science, of a kitchen, of this century. 0 for text without diacritics.
    pub plausible: f32,
    /// Share of these words that are English, by the lexicon of the caller. 0 for text without diacritics.
    pub english: f32,
    /// Share of these words that are names of files, functions, standards. 0 for text without diacritics.
    pub notation: f32,
    /// Bits for each letter, by the trigrams of clean Romanian.
    pub bits: f32,
    /// Share of the letters that are ă â î ș ț.
    pub diacritics: f32,
    /// Share of the characters that no text has: replacement characters, private use, controls, unmapped, question marks
    /// inside words.
    pub junk: f32,
    /// Share of the tokens that are single letters and not Romanian words.
    pub singles: f32,
    /// Share of the tokens with digits.
    pub numbers: f32,
    /// Share of the tokens that end with a hyphen inside a line: the other half of the word is elsewhere, as when columns
    /// were read across. 0 in other languages, which suspend hyphens (`Vor- und Nachteile`).
    pub broken: f32,
    /// Known words of five letters and more that a full stop follows.
    pub stops: u32,
    /// Those after which a known word begins in lower case: the sentence continues elsewhere, as when whole columns were
    /// read across. Abbreviations are shorter. Scans lose the circumflex of a capital Î, so words in î do not count.
    pub astray: u32,
    /// Characters a line.
    pub line: f32,
    /// Whether it was measured as Romanian. Text in another language has no diacritics to miss.
    pub romanian: bool,
}

/// A page with fewer words cannot be measured.
const ENOUGH: u32 = 12;
/// With fewer tokens, one wrong token does not count.
const MANY: u32 = 100;
/// At most this share of the words counts as English: a page in English is no page of a Romanian book.
const SOME_ENGLISH: f32 = 0.25;
/// At most this share of the words counts as notation.
const SOME_NOTATION: f32 = 0.25;
/// Good text has at least this share of readable words.
pub const GOOD: f32 = 0.81;
/// With a smaller share, the text is dropped when OCR gives nothing better.
pub const USABLE: f32 = 0.66;
/// A larger share of junk is a broken font.
const JUNK: f32 = 0.03;
/// A larger share of single letters is words split apart.
const SINGLES: f32 = 0.25;
/// A larger share of numbers is tables and indices.
pub(super) const NUMBERS: f32 = 0.5;
/// Prose has years and dates; up to this share numbers cost nothing.
const SOME_NUMBERS: f32 = 0.15;
/// A larger share of broken words is lines in the wrong order.
const BROKEN: f32 = 0.015;
/// The letters of a word before a full stop that counts as the end of a sentence.
const STOPPED: u32 = 5;
/// The share of diacritics is measured in pages with at least this many letters.
const JUDGED_LETTERS: u32 = 400;
/// A page with a smaller share of diacritics is written without them.
pub const NO_DIACRITICS: f32 = 0.005;

/// Measures lines of text. An empty line is the end of a paragraph: an item of a list may begin in lower case after it.
#[must_use]
pub fn measure<'t>(lines: impl Iterator<Item = &'t str>, judge: &Judge) -> (Measures, u32) {
    let mut m = Measures::default();
    let (mut plausible, mut english, mut notation) = (0u32, 0u32, 0u32);
    let (mut count, mut known, mut singles, mut letters, mut marked, mut junk) =
        (0u32, 0u32, 0u32, 0u32, 0u32, 0u32);
    let (mut bits, mut lettered, mut numbers, mut broken) = (0.0f64, 0u32, 0u32, 0u32);
    let mut stopped = false;
    // In another language each letter counts, in Romanian those that the model has.
    let is_letter = |c: char| letter(c) != 0 || !judge.is_romanian() && c.is_alphabetic();
    for line in lines {
        if line.is_empty() {
            stopped = false;
            continue;
        }
        count += 1;
        for c in line.chars().filter(|c| *c != ' ') {
            m.characters += 1;
            let n = letter(c);
            letters += u32::from(n != 0 || c.is_alphabetic());
            marked += u32::from(n >= 27);
            junk += u32::from(is_junk(c));
        }
        // The token before is a single letter.
        let mut single = false;
        let mut rest = line.split([' ', '\t']).peekable();
        while let Some(token) = rest.next() {
            let mut back = token.chars().rev();
            let hyphen = back.next() == Some('-') && back.next().is_some_and(is_letter);
            broken += u32::from(judge.is_romanian() && hyphen && rest.peek().is_some());
            let drawn = token;
            let token = token.trim_matches(|c: char| !c.is_alphanumeric() && !is_junk(c));
            let after_stop = std::mem::take(&mut stopped);
            let length = token.chars().filter(|c| is_letter(*c)).count() as u32;
            if token.is_empty() {
                continue;
            }
            if length == 0 && !token.chars().any(is_junk) {
                let number = token.chars().any(|c| c.is_ascii_digit());
                numbers += u32::from(number);
                m.tokens += u32::from(number);
                continue;
            }
            m.tokens += 1;
            // A formula is no word: `φe`, `x∈A`.
            if length < 4 && token.chars().any(is_sign) {
                continue;
            }
            if length < 2 && token.chars().count() < 2 {
                // Other languages have other words of one letter, but never many in a row.
                let word = if judge.is_romanian() {
                    matches!(token, "a" | "A" | "e" | "E" | "o" | "O" | "i" | "I" | "V" | "X")
                } else {
                    length == 1 && !single
                };
                singles += u32::from(!word);
                single = true;
                continue;
            }
            single = false;
            junk += if token.contains('?') { asked(token) } else { 0 };
            m.words += 1;
            match judge.read(token) {
                Reading::Known => known += 1,
                Reading::Plausible => plausible += 1,
                Reading::English => english += 1,
                Reading::Notation => notation += 1,
                Reading::Unknown => {}
            }
            let knows = judge.counts_in_order(token);
            m.stops += u32::from(after_stop);
            let small = drawn.chars().next().is_some_and(|c| is_small(c) && c != 'î');
            m.astray += u32::from(after_stop && small && knows);
            stopped = length >= STOPPED && knows && drawn.strip_suffix('.') == Some(token);
            bits += f64::from(model().bits(token));
            lettered += token.chars().count() as u32 + 1;
        }
    }
    let share = |part: u32, whole: u32| part as f32 / whole.max(1) as f32;
    m.known = share(known, m.words);
    m.diacritics = share(marked, letters);
    if letters < JUDGED_LETTERS || m.diacritics >= NO_DIACRITICS || !judge.is_romanian() {
        m.plausible = share(plausible, m.words);
        m.english = share(english, m.words);
        m.notation = share(notation, m.words);
    }
    m.romanian = judge.is_romanian();
    m.bits = (bits / f64::from(lettered.max(1))) as f32;
    m.junk = share(junk, m.characters);
    m.singles = share(singles, m.tokens);
    m.numbers = share(numbers, m.tokens);
    m.broken = share(broken, m.tokens);
    m.line = share(m.characters, count);
    (m, letters)
}

/// Question marks between letters, outside of addresses: letters that an encoding did not have (`Bucure?ti`).
fn asked(token: &str) -> u32 {
    if token.contains(['/', '=', '&']) {
        return 0;
    }
    let letters: Vec<char> = token.chars().collect();
    letters.windows(3).filter(|w| w[1] == '?' && w[0].is_alphabetic() && w[2].is_alphabetic()).count() as u32
}

fn is_junk(c: char) -> bool {
    matches!(c, '\u{FFFD}' | '\u{E000}'..='\u{F8FF}' | '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{9F}')
}

/// Why a page's text is not usable as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fault {
    /// The rule.
    pub rule: &'static str,
    /// The measured value.
    pub value: f32,
    /// The threshold.
    pub threshold: f32,
}

impl Measures {
    /// The fault of text with these measures; `limit` is [`GOOD`] before OCR and [`USABLE`] after it.
    #[must_use]
    pub fn fault(&self, letters: u32, limit: f32) -> Option<Fault> {
        let fault = |rule, value, threshold| Some(Fault { rule, value, threshold });
        if self.junk > JUNK && self.characters >= 20 {
            return fault("junk", self.junk, JUNK);
        }
        if self.tokens >= ENOUGH && self.singles > SINGLES {
            return fault("single-letters", self.singles, SINGLES);
        }
        if self.words < ENOUGH {
            return None;
        }
        if self.broken > BROKEN && self.tokens >= MANY {
            return fault("broken-words", self.broken, BROKEN);
        }
        if self.readable() < limit {
            return fault("known-words", self.readable(), limit);
        }
        if self.romanian && letters >= JUDGED_LETTERS && self.diacritics < NO_DIACRITICS {
            return fault("diacritics", self.diacritics, NO_DIACRITICS);
        }
        None
    }

    /// The share of words that the lexicon has, that read like Romanian, or that are English in a Romanian text. A broken font and
    /// OCR's errors make words whose letters do not follow each other, so they are seen in this share as well as in the
    /// lexicon alone. Notation is not counted, up to a limit.
    #[must_use]
    pub fn readable(&self) -> f32 {
        let read = self.known + self.plausible + self.english.min(SOME_ENGLISH);
        (read / (1.0 - self.notation.min(SOME_NOTATION))).min(1.0)
    }

    /// A score to rank pages by: the share of readable words, minus the shares of junk, split, broken and numeric tokens.
    #[must_use]
    pub fn score(&self) -> f32 {
        if self.tokens < ENOUGH && self.junk <= JUNK {
            return 1.0;
        }
        let broken = if self.tokens < MANY { 0.0 } else { (self.broken - 0.3 * BROKEN).max(0.0) };
        let numbers = (self.numbers - SOME_NUMBERS).max(0.0);
        (self.readable() - 2.0 * self.junk - self.singles - numbers - 10.0 * broken).clamp(0.0, 1.0)
    }
}
