//! Repair of letters, font by font: a font with a wrong table shows other characters for `ă â î ș ț` and for ligatures.
//!
//! `spaŃiu`, `Se citeºte un numãr`, `\u{1C}rească`: which letter is meant depends on the font, and there are too many
//! tables to list. So each (font, character) that no Romanian word has is tried as every letter that it could be. A
//! substitution is made if the letter trigrams of all its words improve, and most of these words are then in the lexicon.
//! Foreign names, degrees and formulas improve neither.

use rustc_hash::{FxHashMap, FxHashSet};

use super::romanian::{Model, letter};
use super::words::Word;

/// A substitution that was made in a book.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Repair {
    /// The font.
    pub font: String,
    /// The character that it showed.
    pub shown: String,
    /// The text that is meant.
    pub meant: String,
    /// The number of occurrences.
    pub count: u64,
    /// Share of the words with it that are in the lexicon after the substitution.
    pub known: f64,
}

const CANDIDATES: &[&str] = &["ă", "â", "î", "ș", "ț", "fi", "fl", "ff", "ffi", "ffl"];
/// The fewest distinct words that must support a substitution.
const WORDS: usize = 4;
/// The most words that are tested for one character.
const MOST: usize = 400;
/// The mean gain of an occurrence, in bits, that a substitution needs.
const GAIN: f32 = 3.0;
/// The share of the words that must be in the lexicon after it.
const KNOWN: f64 = 0.4;
/// The tokens of a font that are tested for a constant shift.
const SHIFTED: usize = 400;

type Mark = (u16, char);

/// Whether no Romanian word has the character.
fn suspect(c: char) -> bool {
    letter(c) == 0
        && !c.is_ascii_digit()
        && !matches!(
            c,
            '-' | '‐'
                | '‑'
                | '–'
                | '—'
                | '’'
                | '\''
                | '′'
                | '.'
                | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '"'
                | '„'
                | '”'
                | '“'
                | '«'
                | '»'
                | '('
                | ')'
                | '['
                | ']'
                | '…'
                | '*'
                | '/'
                | '%'
                | '&'
                | '='
                | '+'
                | '<'
                | '>'
                | '_'
                | '\u{AD}'
                | '•'
        )
}

/// Runs of words without a space between them; each character has its font.
fn tokens<'w>(words: &'w [Word]) -> impl Iterator<Item = Vec<(char, u16)>> + 'w {
    let mut rest = words;
    std::iter::from_fn(move || {
        let end = 1 + rest.get(1..)?.iter().take_while(|word| word.glued && !word.raised).count();
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token.iter().flat_map(|word| word.text.chars().map(|c| (c, word.font))).collect())
    })
}

/// The words around the characters that no Romanian word has.
struct Evidence {
    /// For each mark: distinct words, each as its characters with their fonts.
    words: FxHashMap<Mark, FxHashSet<Vec<(char, u16)>>>,
    times: FxHashMap<Mark, u64>,
}

fn evidence<'w>(pages: impl Iterator<Item = &'w [Word]>) -> Evidence {
    let mut found = Evidence { words: FxHashMap::default(), times: FxHashMap::default() };
    for words in pages {
        for token in tokens(words) {
            if !token.iter().any(|(c, _)| suspect(*c)) {
                continue;
            }
            // Without the punctuation around a word.
            let inside = |(c, _): &(char, u16)| letter(*c) != 0 || suspect(*c) || *c == '-';
            for part in token.split(|mark| !inside(mark)) {
                let letters = part.iter().filter(|(c, _)| letter(*c) != 0).count();
                let marks = part.iter().filter(|(c, _)| suspect(*c)).count();
                if letters == 0 || marks > letters + 1 || part.len() > 40 {
                    continue;
                }
                for &(c, font) in part.iter().filter(|(c, _)| suspect(*c)) {
                    *found.times.entry((font, c)).or_default() += 1;
                    let words = found.words.entry((font, c)).or_default();
                    if words.len() < MOST {
                        words.insert(part.to_vec());
                    }
                }
            }
        }
    }
    found
}

type Map = FxHashMap<Mark, &'static str>;

/// The word with the known substitutions, and whether an unknown character is left.
fn spelt(word: &[(char, u16)], map: &Map, trial: Option<(Mark, &str)>) -> (String, bool) {
    let mut text = String::with_capacity(word.len() + 4);
    let mut open = false;
    for &(c, font) in word {
        match trial
            .filter(|(mark, _)| *mark == (font, c))
            .map(|(_, meant)| meant)
            .or_else(|| map.get(&(font, c)).copied())
        {
            Some(meant) => text.push_str(meant),
            None => {
                open |= suspect(c);
                text.push(c);
            }
        }
    }
    (text, open)
}

/// The substitution of each (font, character), and the share of its words that the lexicon has then.
fn solve(evidence: &Evidence, model: &Model) -> FxHashMap<Mark, (&'static str, f64)> {
    // The most common first: rarer ones are in words that become readable with these.
    let mut marks: Vec<(Mark, u64)> = evidence.times.iter().map(|(mark, times)| (*mark, *times)).collect();
    marks.sort_by_key(|&(mark, times)| (std::cmp::Reverse(times), mark));
    let mut map = Map::default();
    let mut solved: FxHashMap<Mark, (&'static str, f64)> = FxHashMap::default();
    for _ in 0..3 {
        let before = solved.len();
        for &(mark, _) in &marks {
            let words = &evidence.words[&mark];
            if solved.contains_key(&mark) || words.len() < WORDS {
                continue;
            }
            let mut best: Option<(f64, f32, &'static str)> = None;
            for candidate in CANDIDATES {
                let (mut gain, mut closed, mut known) = (0.0, 0usize, 0usize);
                for word in words {
                    let (old, _) = spelt(word, &map, None);
                    let (new, open) = spelt(word, &map, Some((mark, candidate)));
                    gain += model.bits(&old) - model.bits(&new);
                    if !open {
                        closed += 1;
                        known += usize::from(model.knows(&new));
                    }
                }
                let share = known as f64 / closed.max(1) as f64;
                let gain = gain / words.len() as f32;
                if gain >= GAIN
                    && share >= KNOWN
                    && closed >= WORDS
                    && best.is_none_or(|(s, g, _)| (share, gain) > (s, g))
                {
                    best = Some((share, gain, candidate));
                }
            }
            if let Some((share, _, meant)) = best {
                let meant = if capital(words, mark) { upper(meant) } else { meant };
                map.insert(mark, meant);
                solved.insert(mark, (meant, share));
            }
        }
        if solved.len() == before {
            break;
        }
    }
    solved
}

/// Whether the character occurs only where capitals do. Inside words, the letters before it show that.
fn capital(words: &FxHashSet<Vec<(char, u16)>>, (font, mark): Mark) -> bool {
    let (mut small, mut all) = (0usize, 0usize);
    for word in words {
        for (at, _) in word.iter().enumerate().filter(|(_, c)| **c == (mark, font)) {
            all += 1;
            let before = at.checked_sub(1).map(|at| word[at].0);
            small += usize::from(before.is_some_and(char::is_lowercase));
        }
    }
    small * 10 < all
}

fn upper(meant: &'static str) -> &'static str {
    match meant {
        "ă" => "Ă",
        "â" => "Â",
        "î" => "Î",
        "ș" => "Ș",
        "ț" => "Ț",
        other => other,
    }
}

/// Repairs the words of a book in place. Returns what was done, in the order of fonts and characters.
pub(super) fn repair(pages: &mut [Vec<Word>], fonts: &[String], model: &Model) -> Vec<Repair> {
    let mut repairs = unshift(pages, fonts, model);
    let found = evidence(pages.iter().map(Vec::as_slice));
    let solved = solve(&found, model);
    if solved.is_empty() {
        return repairs;
    }
    let mut counts: FxHashMap<Mark, u64> = FxHashMap::default();
    for word in pages.iter_mut().flatten() {
        if !word.text.chars().any(|c| solved.contains_key(&(word.font, c))) {
            continue;
        }
        let mut text = String::with_capacity(word.text.len() + 4);
        let mut previous = ' ';
        for c in word.text.chars() {
            // `24º`, `37ºC`: after a digit the sign is correct.
            match solved.get(&(word.font, c)).filter(|_| !previous.is_ascii_digit()) {
                Some((meant, _)) => {
                    text.push_str(meant);
                    *counts.entry((word.font, c)).or_default() += 1;
                }
                None => text.push(c),
            }
            previous = c;
        }
        word.text = text;
    }
    let mut marks: Vec<Mark> = counts.keys().copied().collect();
    marks.sort_unstable();
    repairs.extend(marks.into_iter().map(|mark| Repair {
        font: fonts.get(usize::from(mark.0)).cloned().unwrap_or_default(),
        shown: mark.1.to_string(),
        meant: solved[&mark].0.to_owned(),
        count: counts[&mark],
        known: solved[&mark].1,
    }));
    repairs
}

/// Fonts that show every character with a number that is too low or too high by a constant (glyph numbers read as
/// characters).
fn unshift(pages: &mut [Vec<Word>], fonts: &[String], model: &Model) -> Vec<Repair> {
    let mut samples: FxHashMap<u16, Vec<String>> = FxHashMap::default();
    for word in pages.iter().flatten().filter(|word| word.text.chars().count() >= 4) {
        let sample = samples.entry(word.font).or_default();
        if sample.len() < SHIFTED {
            sample.push(word.text.clone());
        }
    }
    let known = |sample: &[String], shift: i32| {
        let hits =
            sample.iter().filter(|word| shifted(word, shift).is_some_and(|word| model.knows(&word))).count();
        hits as f64 / sample.len().max(1) as f64
    };
    let mut shifts: Vec<(u16, i32, f64)> = samples
        .iter()
        .filter(|(_, sample)| sample.len() >= 20 && known(sample, 0) < 0.1)
        .filter_map(|(font, sample)| {
            let best =
                (-32..=32).map(|shift| (known(sample, shift), shift)).max_by(|a, b| a.0.total_cmp(&b.0))?;
            (best.0 > 0.3).then_some((*font, best.1, best.0))
        })
        .collect();
    shifts.sort_by_key(|(font, ..)| *font);
    let mut repairs = Vec::new();
    for (font, shift, known) in shifts {
        let mut count = 0;
        for word in pages.iter_mut().flatten().filter(|word| word.font == font) {
            if let Some(text) = shifted(&word.text, shift) {
                count += text.chars().count() as u64;
                word.text = text;
            }
        }
        let font = fonts.get(usize::from(font)).cloned().unwrap_or_default();
        repairs.push(Repair { font, shown: "all".into(), meant: format!("{shift:+}"), count, known });
    }
    repairs
}

fn shifted(word: &str, shift: i32) -> Option<String> {
    word.chars().map(|c| char::from_u32((c as i32 + shift).try_into().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::romanian::model;
    use super::*;

    const TEXT: &str = "și mulțimea ceilalți cuvântul știința viața noapte dimineață așa încât frumusețea trăsura \
                        bărbatul fericire femeile înțelege bisericii povești firește flori sfârșit sfinți floarea \
                        fluturi afla fire fiecare filele neființa soției nația țara țigani țăranii Ștefan Ținea";

    fn pages(text: &str) -> Vec<Vec<Word>> {
        let word = |text: &str| Word {
            text: text.to_owned(),
            x0: 0.0,
            x1: 1.0,
            y: 0.0,
            em: 10.0,
            font: 0,
            glued: false,
            raised: false,
        };
        vec![text.split_whitespace().map(word).collect()]
    }

    fn repaired(text: &str) -> String {
        let mut pages = pages(text);
        repair(&mut pages, &["F".into()], model());
        pages[0].iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn plain(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn letters_of_other_tables_are_found() {
        for table in [[('ț', 'þ'), ('ș', 'º'), ('ă', 'ã')], [('ț', 'Ń'), ('ș', '$'), ('ă', '\u{F0A1}')]]
        {
            let broken: String = TEXT
                .chars()
                .map(|c| table.iter().find(|(good, _)| *good == c).map_or(c, |(_, bad)| *bad))
                .collect();
            assert_eq!(repaired(&broken), plain(TEXT));
        }
        assert_eq!(repaired(&TEXT.replace("fi", "\u{1C}").replace("fl", "\u{1D}")), plain(TEXT));
    }

    #[test]
    fn shifted_fonts_are_moved_back() {
        let broken: String =
            TEXT.chars().map(|c| if c.is_ascii_alphabetic() { (c as u8 - 29) as char } else { c }).collect();
        let good: Vec<&str> = TEXT.split_whitespace().filter(|w| w.is_ascii()).collect();
        let broken: Vec<&str> = broken
            .split_whitespace()
            .zip(TEXT.split_whitespace())
            .filter(|(_, w)| w.is_ascii())
            .map(|(b, _)| b)
            .collect();
        let (broken, good) = (broken.join(" "), good.join(" "));
        let many = |text: &str| [text; 4].join(" ");
        assert_eq!(repaired(&many(&broken)), many(&good));
    }

    #[test]
    fn what_is_foreign_stays() {
        for text in
            ["João São Conceição Magalhães maçã Guimarães", "24ºC 37ºC 12ºC 8ºC 9º", "α+β λx ∑i π2 √n ∂f"]
        {
            assert_eq!(repaired(text), text);
        }
    }
}
