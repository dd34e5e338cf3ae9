//! Repair of letters, font by font: a font with a wrong table shows other characters for `ă â î ș ț` and for ligatures.
//!
//! `spaŃiu`, `Se citeºte un numãr`, `\u{1C}rească`: which letter is meant depends on the font, and there are too many
//! tables to list. So each (font, character) that no Romanian word has is tried as every letter that it could be. A
//! substitution is made if
//!
//! - the character is between the letters of several words. Signs of mathematics are beside letters, not between them;
//! - the letter trigrams of its words improve, and most of these words are then in the lexicon;
//! - no other letter explains the other words: one code means one letter.
//!
//! What looks like a letter and is not solved is counted for each page, so that the page is doubted.

use rustc_hash::{FxHashMap, FxHashSet};

use super::signs::{between, is_code, is_sign, is_symbolic, loose, suspect};
use super::words::Word;
use crate::romanian::{Model, letter};

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
/// The candidates of a sign that is a ligature already.
const LETTERS: &[&str] = &["ă", "â", "î", "ș", "ț"];
/// Ligatures that are characters, and how they are spelled.
const LIGATURES: &[(char, &str)] =
    &[('\u{FB03}', "ffi"), ('\u{FB04}', "ffl"), ('\u{FB00}', "ff"), ('\u{FB01}', "fi"), ('\u{FB02}', "fl")];
/// The fewest distinct words that must support a substitution.
const WORDS: usize = 4;
/// The fewest of them that have it between two letters.
const INSIDE: usize = 3;
/// The letters of a word that says something about a sign in it, the sign included.
const LONG: usize = 3;
/// The most words that are tested for one character.
const MOST: usize = 400;
/// The mean gain of an occurrence, in bits, that a substitution needs.
const GAIN: f32 = 3.0;
/// The share of the words that must be in the lexicon after it.
const KNOWN: f64 = 0.4;
/// That share if the sign is common as itself too, or if it only begins words.
const SURE: f64 = 0.6;
/// Of the words that some letter explains, the largest share that only another letter may explain. If U+FFFD means two
/// letters, each of them explains about half of the words.
const OTHERS: f64 = 0.15;
/// The distinct words of a font that are tested for a constant shift, at most.
const SHIFTED: usize = 400;
/// And at least: `add(X, Y, Z)` and a few names of variables are words with some shift.
const DISTINCT: usize = 10;

type Mark = (u16, char);

/// A character with its font and the word of the page that it is in.
type Placed = (char, u16, usize);

/// Runs of words without a space between them.
fn tokens(words: &[Word]) -> impl Iterator<Item = Vec<Placed>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = words.get(at..).filter(|rest| !rest.is_empty())?;
        let end = at + 1 + rest[1..].iter().take_while(|word| word.glued && !word.raised).count();
        let token = words[at..end].iter().zip(at..);
        let token = token.flat_map(|(word, at)| word.text.chars().map(move |c| (c, word.font, at))).collect();
        at = end;
        Some(token)
    })
}

/// A word as its characters with their fonts.
type Spelled = [(char, u16)];

/// What is known of a sign before it is solved.
#[derive(Default)]
struct Seen {
    /// Distinct words with it, each as its characters with their fonts.
    words: FxHashSet<Vec<(char, u16)>>,
    /// Those in which it is between two letters.
    inside: FxHashSet<Vec<(char, u16)>>,
    times: u64,
    /// How often it begins a word, and how often that word begins no sentence.
    starts: u64,
    within: u64,
}

type Evidence = FxHashMap<Mark, Seen>;

fn evidence<'w>(pages: impl Iterator<Item = &'w [Word]>, fonts: &[String]) -> Evidence {
    let symbolic: Vec<bool> = fonts.iter().map(|font| is_symbolic(font)).collect();
    let mut found = Evidence::default();
    for words in pages {
        let mut ended = true;
        for token in tokens(words) {
            let first = std::mem::replace(&mut ended, token.last().is_some_and(|mark| ends(mark.0)));
            if !token.iter().enumerate().any(|(at, mark)| is_open(&token, at, mark.0)) {
                continue;
            }
            // Without the punctuation around a word.
            let mut start = 0;
            while start < token.len() {
                let inside = |at: &usize| {
                    letter(token[*at].0) != 0 || token[*at].0 == '-' || is_open(&token, *at, token[*at].0)
                };
                let end = (start..token.len()).find(|at| !inside(at)).unwrap_or(token.len());
                let part: Vec<(char, u16)> = token[start..end].iter().map(|mark| (mark.0, mark.1)).collect();
                add(&mut found, part, &symbolic, (start == 0).then_some(first));
                start = end + 1;
            }
        }
    }
    found
}

/// Whether a sentence may begin after the character.
fn ends(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ':' | '…' | '—' | '–' | '„' | '”' | '"')
}

/// Whether the character may be a letter that the font shows as something else.
fn is_open(token: &[Placed], at: usize, c: char) -> bool {
    suspect(c) || loose(c) && between(token, at)
}

/// Adds a word. `first`: it begins its token, and whether it begins a sentence.
fn add(found: &mut Evidence, part: Vec<(char, u16)>, symbolic: &[bool], first: Option<bool>) {
    let letters = part.iter().filter(|(c, _)| letter(*c) != 0).count();
    let marks = part.iter().filter(|(c, _)| suspect(*c) || loose(*c)).count();
    if letters == 0 || marks > letters + 1 || part.len() > 40 {
        return;
    }
    for (at, &(c, font)) in part.iter().enumerate().filter(|(_, (c, _))| suspect(*c) || loose(*c)) {
        let (left, right) = (at.checked_sub(1).and_then(|at| part.get(at)), part.get(at + 1));
        let own = [left, right].iter().flatten().any(|(_, other)| *other == font);
        if symbolic.get(usize::from(font)).copied().unwrap_or(false) || is_sign(c) && !own {
            continue;
        }
        let seen = found.entry((font, c)).or_default();
        seen.times += 1;
        if let (0, Some(first)) = (at, first) {
            seen.starts += 1;
            seen.within += u64::from(!first);
        }
        if seen.words.len() < MOST {
            seen.words.insert(part.clone());
        }
        // The sign beside it may be a letter too: `þãran`.
        let is_letter = |c: char| letter(c) != 0 || suspect(c) && c.is_alphabetic() && !is_sign(c);
        let both = [left, right].iter().all(|side| side.is_some_and(|(c, _)| is_letter(*c)));
        if both && letters + 1 >= LONG && seen.inside.len() < MOST {
            seen.inside.insert(part.clone());
        }
    }
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
                open |= suspect(c) || loose(c);
                text.push(c);
            }
        }
    }
    (text, open)
}

/// A substitution, and the share of its words that the lexicon has then.
type Solved = FxHashMap<Mark, (&'static str, f64)>;

/// The substitution of each (font, character), and the signs that are letters of which nobody knows which.
fn solve(evidence: &Evidence, fonts: &[String], model: &Model) -> (Solved, FxHashSet<Mark>) {
    // The most common first: rarer ones are in words that become readable with these.
    let mut marks: Vec<(Mark, u64)> = evidence.iter().map(|(mark, seen)| (*mark, seen.times)).collect();
    marks.sort_by_key(|&(mark, times)| (std::cmp::Reverse(times), mark));
    let mut map = Map::default();
    let mut solved = Solved::default();
    let mut doubted = FxHashSet::default();
    for _ in 0..3 {
        let before = solved.len();
        for &(mark, _) in &marks {
            let seen = &evidence[&mark];
            if solved.contains_key(&mark) || seen.words.len() < WORDS {
                continue;
            }
            let code = fonts.get(usize::from(mark.0)).is_some_and(|font| is_code(font));
            let answer = best(mark, seen, code, &map, model);
            if let Answer::SomeLetter = answer {
                doubted.insert(mark);
            } else {
                doubted.remove(&mark);
            }
            if let Answer::Means(meant, known) = answer {
                let meant = if capital(seen, mark, meant) { upper(meant) } else { meant };
                map.insert(mark, meant);
                solved.insert(mark, (meant, known));
            }
        }
        if solved.len() == before {
            break;
        }
    }
    (solved, doubted)
}

enum Answer {
    /// One letter, and the share of the words that the lexicon has with it.
    Means(&'static str, f64),
    /// A letter, but not the same everywhere.
    SomeLetter,
    /// No letter.
    Itself,
}

/// What a sign means.
fn best(mark: Mark, seen: &Seen, code: bool, map: &Map, model: &Model) -> Answer {
    let own = LIGATURES.iter().find(|(c, _)| *c == mark.1).map(|(_, spelled)| *spelled);
    // No text has control characters: they need not be inside words. Most ligatures begin them.
    let nothing = mark.1.is_control() || matches!(mark.1, '\u{E000}'..='\u{F8FF}');
    let inside = nothing || seen.inside.len() >= INSIDE && seen.inside.len() * 10 >= seen.words.len();
    // `în` and `își` have their letter at the start, and few words have it inside.
    if !inside && (code || own.is_some() || loose(mark.1)) {
        return Answer::Itself;
    }
    let closed: Vec<&Vec<(char, u16)>> =
        seen.words.iter().filter(|word| !spelt(word, map, Some((mark, "a"))).1).collect();
    if closed.len() < WORDS {
        return Answer::Itself;
    }
    let knows = |word: &[(char, u16)], meant: &str| model.knows(&spelt(word, map, Some((mark, meant))).0);
    let share = |count: &dyn Fn(&Spelled) -> bool| {
        closed.iter().filter(|word| count(word)).count() as f64 / closed.len() as f64
    };
    let mut best: (f64, f32, &'static str) = (-1.0, 0.0, "");
    for candidate in if own.is_some() { LETTERS } else { CANDIDATES } {
        let gain = |word: &Vec<(char, u16)>| {
            let old = spelt(word, map, own.map(|own| (mark, own))).0;
            model.bits(&old) - model.bits(&spelt(word, map, Some((mark, candidate))).0)
        };
        let gain = seen.words.iter().map(gain).sum::<f32>() / seen.words.len() as f32;
        let known = share(&|word| knows(word, candidate));
        if (known, gain) > (best.0, best.1) {
            best = (known, gain, candidate);
        }
    }
    let (known, gain, meant) = best;
    if let Some(own) = own {
        // It is a ligature, unless its words are none with it.
        let itself = share(&|word| knows(word, own));
        return if known >= SURE && itself * 4.0 < known {
            Answer::Means(meant, known)
        } else {
            Answer::Itself
        };
    }
    // Words that only another letter explains.
    let others = share(&|word| {
        !knows(word, meant) && LETTERS.iter().any(|other| *other != meant && knows(word, other))
    });
    let long = closed.iter().filter(|word| word.iter().filter(|(c, _)| letter(*c) != 0).count() + 1 >= LONG);
    let starts = meant == "î" && known >= SURE && long.count() >= WORDS;
    let needed = if loose(mark.1) || is_sign(mark.1) { SURE } else { KNOWN };
    // One such word is a misprint, or a name.
    let one = others * (closed.len() as f64) < 1.5 || others <= OTHERS * (known + others);
    if (inside || starts) && one && known >= needed && gain >= GAIN {
        return Answer::Means(meant, known);
    }
    if inside && known + others >= SURE { Answer::SomeLetter } else { Answer::Itself }
}

/// Whether a sign means a capital: it occurs only where capitals do. One code has one case.
fn capital(seen: &Seen, (font, mark): Mark, meant: &str) -> bool {
    let (mut small, mut all, mut shouted) = (0usize, 0usize, 0usize);
    for word in &seen.words {
        for (at, _) in word.iter().enumerate().filter(|(_, c)| **c == (mark, font)) {
            all += 1;
            let before = at.checked_sub(1).map(|at| word[at].0);
            small += usize::from(before.is_some_and(char::is_lowercase));
            shouted += usize::from(word.get(at + 1).is_some_and(|(c, _)| c.is_uppercase()));
        }
    }
    // No name begins with î, so a capital one begins a sentence, or is in a word of capitals.
    let small_start = meant == "î" && shouted * 2 < all && seen.within * 3 >= seen.starts;
    small * 10 < all && !small_start
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

/// What was done to the letters of a book.
#[derive(Default)]
pub(super) struct Repaired {
    /// The substitutions, in the order of fonts and characters.
    pub repairs: Vec<Repair>,
    /// For each page, how many of its characters changed.
    pub changed: Vec<u32>,
    /// For each page, how many of its signs are letters of which nobody knows which.
    pub doubted: Vec<u32>,
}

impl Repaired {
    /// Nothing was repaired on `pages` pages.
    pub(super) fn none(pages: usize) -> Self {
        Self { repairs: Vec::new(), changed: vec![0; pages], doubted: vec![0; pages] }
    }
}

/// Repairs the words of a book in place.
pub(super) fn repair(pages: &mut [Vec<Word>], fonts: &[String], model: &Model) -> Repaired {
    let mut changed = vec![0; pages.len()];
    let mut doubts = vec![0; pages.len()];
    let mut repairs = unshift(pages, fonts, model, &mut changed);
    let found = evidence(pages.iter().map(Vec::as_slice), fonts);
    let (solved, doubted) = solve(&found, fonts, model);
    let mut counts: FxHashMap<Mark, u64> = FxHashMap::default();
    if !solved.is_empty() || !doubted.is_empty() {
        let concerned = |&(c, font, _): &Placed| {
            (suspect(c) || loose(c)) && (solved.contains_key(&(font, c)) || doubted.contains(&(font, c)))
        };
        for (at, page) in pages.iter_mut().enumerate() {
            let open: Vec<Vec<Placed>> = tokens(page).filter(|token| token.iter().any(concerned)).collect();
            for token in open {
                doubts[at] += doubtful(&token, &doubted, model);
                changed[at] += substitute(&token, page, &solved, model, &mut counts);
            }
        }
    }
    pages.iter_mut().flatten().for_each(|word| spell(&mut word.text));
    let mut marks: Vec<Mark> = counts.keys().copied().collect();
    marks.sort_unstable();
    repairs.extend(marks.into_iter().map(|mark| Repair {
        font: fonts.get(usize::from(mark.0)).cloned().unwrap_or_default(),
        shown: mark.1.to_string(),
        meant: solved[&mark].0.to_owned(),
        count: counts[&mark],
        known: solved[&mark].1,
    }));
    Repaired { repairs, changed, doubted: doubts }
}

/// How many signs of a token are letters that nobody knows: those between letters, and those beside what is no word.
fn doubtful(token: &[Placed], doubted: &FxHashSet<Mark>, model: &Model) -> u32 {
    let plain: String = token.iter().map(|mark| mark.0).filter(|c| letter(*c) != 0 || *c == '-').collect();
    let word = plain.chars().count() > 1 && model.knows(&plain);
    let counts = |at: &usize| {
        let (c, font, _) = token[*at];
        doubted.contains(&(font, c)) && !plain.is_empty() && (between(token, *at) || suspect(c) || !word)
    };
    (0..token.len()).filter(counts).count() as u32
}

/// Writes what the signs of a token mean into the words of its page. Returns how many.
///
/// A sign that is common as itself (`[`, `?`, `{`) is a letter between letters. At the end of a word it is one if the
/// word reads as Romanian with it and is not in the lexicon without it: `c[` is `că`, and `[nota` stays.
fn substitute(
    token: &[Placed],
    page: &mut [Word],
    solved: &Solved,
    model: &Model,
    counts: &mut FxHashMap<Mark, u64>,
) -> u32 {
    if !token.iter().any(|mark| letter(mark.0) != 0) {
        return 0;
    }
    let meant = |at: usize| solved.get(&(token[at].1, token[at].0)).map(|solved| solved.0);
    let plainly = |at: usize| !loose(token[at].0) && !is_sign(token[at].0) || between(token, at);
    let spelled = |all: bool| {
        let mut text = String::new();
        for (at, mark) in token.iter().enumerate() {
            match meant(at).filter(|_| all || plainly(at)) {
                Some(meant) => text.push_str(meant),
                None => text.push(mark.0),
            }
        }
        text.trim_matches(|c| letter(c) == 0).to_owned()
    };
    // Whether the token is a word without the signs at its ends, and with them.
    let without = || Some(spelled(false)).is_some_and(|word| word.chars().count() > 1 && model.knows(&word));
    let with = || {
        let word = spelled(true);
        // A word may end with a question mark. Where digits and brackets are drawn as letters, they are rarely themselves.
        let asks = token.iter().any(|mark| matches!(mark.0, '?' | '!'));
        let known = model.knows(&word);
        if asks || !known { !without() && (known || !asks && model.plausible(&word)) } else { true }
    };
    // What opens something may be itself at the start of a word. `]iglele` and `8iglele` cannot be.
    let odd = |at: usize| {
        at == 0
            && token.get(1).is_some_and(|next| next.0.is_lowercase())
            && !matches!(token[0].0, '[' | '(' | '<' | '*' | '/' | '?' | '!')
            && !without()
    };
    let mut edges: Option<bool> = None;
    let mut put = |at: usize| {
        // `24º`, `37ºC`: after a digit the sign is correct.
        let digit = at > 0 && token[at - 1].0.is_ascii_digit() && meant(at - 1).is_none();
        let meant = meant(at).filter(|_| !digit)?;
        let sure = plainly(at) || *edges.get_or_insert_with(with) || odd(at);
        sure.then_some(meant)
    };
    let put: Vec<Option<&'static str>> = (0..token.len()).map(&mut put).collect();
    let mut changed = 0;
    for run in (0..token.len()).collect::<Vec<_>>().chunk_by(|a, b| token[*a].2 == token[*b].2) {
        if run.iter().all(|at| put[*at].is_none()) {
            continue;
        }
        let mut text = String::with_capacity(run.len() + 4);
        for &at in run {
            match put[at] {
                Some(meant) => {
                    text.push_str(meant);
                    *counts.entry((token[at].1, token[at].0)).or_default() += 1;
                    changed += 1;
                }
                None => text.push(token[at].0),
            }
        }
        page[token[run[0]].2].text = text;
    }
    changed
}

/// Spells the ligatures of a word.
fn spell(text: &mut String) {
    if text.contains(['\u{FB00}', '\u{FB01}', '\u{FB02}', '\u{FB03}', '\u{FB04}']) {
        for (ligature, letters) in LIGATURES {
            *text = text.replace(*ligature, letters);
        }
    }
}

/// The ligature that `letters` are.
pub(super) fn ligature(letters: &str) -> Option<char> {
    LIGATURES.iter().find(|(_, spelled)| *spelled == letters).map(|(c, _)| *c)
}

/// Fonts that show every character with a number that is too low or too high by a constant (glyph numbers read as
/// characters).
fn unshift(pages: &mut [Vec<Word>], fonts: &[String], model: &Model, changed: &mut [u32]) -> Vec<Repair> {
    let symbolic: Vec<bool> = fonts.iter().map(|font| is_symbolic(font)).collect();
    let symbolic = |font: u16| symbolic.get(usize::from(font)).copied().unwrap_or(false);
    let mut samples: FxHashMap<u16, FxHashSet<String>> = FxHashMap::default();
    for word in pages.iter().flatten().filter(|word| word.text.chars().count() >= 4 && !symbolic(word.font)) {
        let sample = samples.entry(word.font).or_default();
        if sample.len() < SHIFTED && !sample.contains(&word.text) {
            sample.insert(word.text.clone());
        }
    }
    let known = |sample: &FxHashSet<String>, shift: i32| {
        let hits =
            sample.iter().filter(|word| shifted(word, shift).is_some_and(|word| model.knows(&word))).count();
        hits as f64 / sample.len().max(1) as f64
    };
    let mut shifts: Vec<(u16, i32, f64)> = samples
        .iter()
        .filter(|(_, sample)| sample.len() >= DISTINCT && known(sample, 0) < 0.1)
        .filter_map(|(font, sample)| {
            let best =
                (-32..=32).map(|shift| (known(sample, shift), shift)).max_by(|a, b| a.0.total_cmp(&b.0))?;
            (best.0 > 0.5).then_some((*font, best.1, best.0))
        })
        .collect();
    shifts.sort_by_key(|(font, ..)| *font);
    let mut repairs = Vec::new();
    for (font, shift, known) in shifts {
        let mut count = 0;
        for (page, changed) in pages.iter_mut().zip(changed.iter_mut()) {
            for word in page.iter_mut().filter(|word| word.font == font) {
                if let Some(text) = shifted(&word.text, shift) {
                    let letters = text.chars().count() as u32;
                    (count, *changed) = (count + u64::from(letters), *changed + letters);
                    word.text = text;
                }
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
    use super::*;
    use crate::romanian::model;

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
