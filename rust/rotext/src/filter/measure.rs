//! One pass over a document that measures what the rules need.

use memchr::{memchr, memmem};
use xxhash_rust::xxh3::xxh3_64;

use super::code::setting;
use super::glossary::defines;
use super::language::{Identifier, Language};
use super::repetition::{Repetition, Word};
use super::token::{CLASS, Counts, SPACE, plain_word, word};
use crate::romanian::LostLetters;
use crate::window::Window;

/// What was measured in a document. Shares are from 0 to 1.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Measures {
    /// Words: parts between white space that have a letter or a digit.
    pub words: u64,
    /// Lines that are not empty.
    pub lines: u64,
    /// Share of the decided text that is Romanian; `None` when too little text could be decided.
    pub romanian: Option<f64>,
    /// The likeliest language of the whole document.
    pub language: Option<Language>,
    /// Share of letters that are ă â î ș ț; `None` below 200 letters.
    pub diacritics: Option<f64>,
    /// Share of letters that are ă â î ș ț, also of a short text.
    #[serde(skip)]
    pub(super) own_letters: f64,
    /// Romanian function words, with and without diacritics.
    pub stop_words: u64,
    /// Mean number of characters of a word.
    pub word_length: f64,
    /// Share of words with a letter.
    pub alpha_words: f64,
    /// `#` for each word.
    pub hashes: f64,
    /// `...` and `…` for each word.
    pub ellipses: f64,
    /// Share of characters other than white space that are neither letters, digits nor common punctuation.
    pub symbols: f64,
    /// Share of characters other than white space that are digits.
    pub digits: f64,
    /// Share of lines that begin with a bullet (a dialogue dash is not a bullet).
    pub bullet_lines: f64,
    /// Share of lines that are cut off: eight words or more, and one ellipsis at the end.
    pub ellipsis_lines: f64,
    /// Share of lines that end with a sign that closes a sentence, a clause or a quotation.
    pub closed_lines: f64,
    /// Share of lines that begin with a small letter.
    pub lower_lines: f64,
    /// Share of lines that define a term.
    #[serde(skip)]
    pub(super) defined_lines: f64,
    /// Lines for each word, without the headings of Markdown.
    pub lines_per_word: f64,
    /// `>`, `»`, `|`, `·` and their kin that stand alone, for each word.
    pub separators: f64,
    /// Words of programs and templates (`->`, `{{`, `f(x)`, `</td>`), for each word.
    pub code: f64,
    /// Share of the lines longer than a heading that occurred earlier in the document. A refrain (a short line) may occur
    /// four times.
    pub duplicate_lines: f64,
    /// Share of the bytes of the document in these lines.
    pub duplicate_line_bytes: f64,
    /// Share of the bytes that the most frequent run of 2, 3, 4 words takes.
    pub top_runs: [f64; 3],
    /// Share of the bytes in runs of 5 to 10 words that occurred earlier.
    pub repeated_runs: [f64; 6],
    /// Share of garbled words: `cuvînt` read as `c11vî^t`.
    pub garbled_words: f64,
}

/// A shorter line (`CAPITOLUL II`, `Articolul 3`, `abrogat`) may occur in a document any number of times.
const HEADING: usize = 20;

/// Buffers and tables that are reused for each document; make one for each thread.
#[derive(Default)]
pub(super) struct Scratch {
    words: Vec<Word>,
    lines: Vec<Word>,
    repetition: Repetition,
    lower: Vec<u8>,
    lost: LostLetters,
}

/// A word with a sign in the place of a letter counts so often: the lexicon knows it, so there is no doubt, and a text in which every
/// ă or every ț is another sign has one in twenty words.
const LOST: u64 = 2;

/// The share of diacritics is measured in documents with at least this many letters.
const JUDGED_LETTERS: u64 = 200;

/// Measures `text`. Runs of words are measured only with `repetition`: novels repeat too little to make it worth its
/// cost.
pub(super) fn measure(text: &str, repetition: bool, scratch: &mut Scratch) -> Measures {
    let Scratch { words, lines, repetition: repeats, lower, lost } = scratch;
    lost.clear();
    words.clear();
    lines.clear();
    let mut counts = Counts::default();
    let mut languages = Identifier::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
        let line = bytes[at..end].trim_ascii();
        at = end + 1;
        if line.is_empty() {
            languages.paragraph();
            continue;
        }
        // The signs of a heading of Markdown are no words of it.
        let title = heading(line);
        counts.titles += u64::from(title.len() < line.len());
        let line = title;
        if line.len() >= HEADING {
            lines.push(Word { hash: xxh3_64(line), bytes: u32::try_from(line.len()).unwrap_or(u32::MAX) });
        }
        counts.lines += 1;
        shape(line, &mut counts);
        counts.code += setting(line);
        let (separators, before) = (counts.separators, counts.words);
        // The line is a part of the text, and ends before white space or at the end of the text.
        let mut place = line.as_ptr() as usize - bytes.as_ptr() as usize;
        let end = place + line.len();
        while place < end {
            let window = Window::at(bytes, place);
            let blank = window.equal(b' ') | window.between(b'\t', b'\r');
            let length = if blank == 0 {
                let rest = &bytes[place..end];
                rest.iter().position(|&byte| CLASS[usize::from(byte)] == SPACE).unwrap_or(rest.len())
            } else {
                blank.trailing_zeros() as usize
            };
            let plain = blank != 0 && plain_word(window, length, &mut counts, &mut languages, words, lost);
            if length > 0 && !plain {
                word(&bytes[place..place + length], &mut counts, &mut languages, lower, words, lost);
            }
            place += length + 1;
        }
        counts.separators -= forgiven(line, counts.words - before).min(counts.separators - separators);
        languages.line();
    }
    let (language, romanian, stop_words) = languages.finish();
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let count = counts.lines;
    let (duplicate_lines, duplicate_line_bytes) = repeats.duplicates(lines);
    let mut measures = Measures {
        words: counts.words,
        lines: count,
        romanian,
        language,
        diacritics: (counts.letters >= JUDGED_LETTERS).then(|| share(counts.ours, counts.letters)),
        own_letters: share(counts.ours, counts.letters),
        stop_words,
        word_length: share(counts.word_characters, counts.words),
        alpha_words: share(counts.alpha_words, counts.words),
        hashes: share(counts.hashes, counts.words),
        ellipses: share(counts.ellipses, counts.words),
        symbols: share(counts.symbols, counts.characters),
        digits: share(counts.digits, counts.characters),
        bullet_lines: share(counts.bullets, count),
        ellipsis_lines: share(counts.ellipsis_ends, count),
        closed_lines: share(counts.closed, count),
        lower_lines: share(counts.lower, count),
        defined_lines: if 8 * counts.closed < count { share(defined(text), count) } else { 0.0 },
        lines_per_word: share(count - counts.titles, counts.words),
        separators: share(counts.separators, counts.words),
        code: share(counts.code, counts.words),
        duplicate_lines,
        duplicate_line_bytes,
        garbled_words: share(counts.garbled + LOST * u64::from(lost.count()), counts.words).min(1.0),
        ..Measures::default()
    };
    if repetition {
        let runs = repeats.runs(words);
        (measures.top_runs, measures.repeated_runs) = (runs.top, runs.cover);
    }
    measures
}

/// Signs that end a line of prose: of a sentence, a clause (lists of statutes end with `;`), a quotation.
const CLOSING: &[&str] = &[".", "!", "?", "…", ";", ":", "”", "\"", "»", "’", "'", ")", "—"];

/// The fewest words of a line that was cut off.
const TEASER_WORDS: usize = 8;

/// The line without the `#` of a heading.
fn heading(line: &[u8]) -> &[u8] {
    let signs = line.iter().take_while(|&&byte| byte == b'#').count();
    match line.get(signs) {
        Some(b' ') if signs > 0 => line[signs..].trim_ascii(),
        _ => line,
    }
}

fn shape(line: &[u8], counts: &mut Counts) {
    let ends = |sign: &str| line.ends_with(sign.as_bytes());
    let begins = |sign: &str| line.starts_with(sign.as_bytes());
    counts.closed += u64::from(CLOSING.iter().any(|sign| ends(sign)));
    // A sentence that is left open. Dots after a sign (statutes: `; ...`) and dots that lead to a blank have another
    // meaning.
    let open =
        line.strip_suffix("…".as_bytes()).or_else(|| line.strip_suffix(b"...")).map(<[u8]>::trim_ascii_end);
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    // A teaser is a sentence that was cut off. Theatre and memories have short lines of several pauses.
    let teaser = |rest: &[u8]| {
        rest.last().is_some_and(letter)
            && rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count() >= TEASER_WORDS
            && memmem::find(rest, b"...").is_none()
            && memmem::find(rest, "…".as_bytes()).is_none()
    };
    counts.ellipsis_ends += u64::from(open.is_some_and(teaser));
    let small = |text: &str| text.chars().next().is_some_and(char::is_lowercase);
    let first = &line[..line.len().min(4)];
    counts.lower += u64::from(match first[0] {
        byte if byte < 0x80 => byte.is_ascii_lowercase(),
        _ => first.utf8_chunks().next().is_some_and(|chunk| small(chunk.valid())),
    });
    // `**Termen**` is bold.
    let bullet = ["•", "●", "▪", "◦", "·", "*"].iter().any(|sign| begins(sign)) && !begins("**");
    counts.bullets += u64::from(bullet);
}

/// How many separators a line of so many words may have: a sentence may name places with slashes between them, and a bullet before a
/// line is no link. A menu that ends in a full stop has more.
fn forgiven(line: &[u8], words: u64) -> u64 {
    match line {
        [.., b'.' | b';'] => (words / 4).max(2),
        _ => u64::from(line.starts_with("•".as_bytes())),
    }
}

/// The lines that define a term. It is asked about texts that have hardly a closed line.
fn defined(text: &str) -> u64 {
    text.lines().filter(|line| defines(heading(line.as_bytes().trim_ascii()))).count() as u64
}
