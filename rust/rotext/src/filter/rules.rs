//! The rules by name: what each one measures, the side of the threshold that breaks it, and the thresholds.
//!
//! The web profile has the thresholds of Gopher (Rae et al. 2021) and of FineWeb-2's `ron_Latn` (Penedo et al. 2025).
//! Some are changed because they would remove good Romanian; `docs/reference/filter-rules.md` says which and why. The books profile has
//! no rule against dialogue, verse or length.

use super::measure::Measures;

/// The set of thresholds for a kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Web pages.
    #[default]
    Web,
    /// Books.
    Books,
}

/// The side of the threshold that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Values below the threshold.
    Below,
    /// Values above the threshold.
    Above,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The name that reports, the ledger and `--threshold` use.
    pub id: &'static str,
    /// What it measures, in a few words.
    pub title: &'static str,
    /// The side of the threshold that breaks it.
    pub side: Side,
    /// The threshold of the profile of web text; `None` if the rule is off.
    pub web: Option<f64>,
    /// The threshold of the profile of books; `None` if the rule is off.
    pub books: Option<f64>,
    /// Whether it needs runs of words, which cost the most to measure.
    pub(super) runs: bool,
    /// Its value; `None` when the document is too small to measure.
    pub(super) value: fn(&Measures) -> Option<f64>,
}

/// A share of lines means nothing in fewer lines than this.
const JUDGED_LINES: u64 = 5;
/// A share of words means nothing in fewer words than this.
const JUDGED_WORDS: u64 = 20;

fn of_lines(m: &Measures, value: f64) -> Option<f64> {
    (m.lines >= JUDGED_LINES).then_some(value)
}

/// In fewer words than this, runs repeat by chance: one pair that occurs twice is a sixth of a sentence.
const JUDGED_RUNS: u64 = 100;

fn of_runs(m: &Measures, value: f64) -> Option<f64> {
    (m.words >= JUDGED_RUNS).then_some(value)
}

fn of_words(m: &Measures, value: f64) -> Option<f64> {
    (m.words >= JUDGED_WORDS).then_some(value)
}

/// Statutes and references repeat their formulas in sentences; lists of a program's labels repeat them in short lines.
fn repeated_runs(m: &Measures, n: usize) -> Option<f64> {
    const SENTENCES: u64 = 12;
    const EXCUSED: f64 = 1.3;
    let sentences = m.words >= SENTENCES * m.lines;
    of_runs(m, m.repeated_runs[n] / if sentences { EXCUSED } else { 1.0 })
}

/// Prose has a function word in every five words; menus, tables and lists of products have not.
const PROSE: f64 = 0.2;

fn prose(m: &Measures) -> bool {
    m.stop_words as f64 >= PROSE * m.words as f64
}

/// A text with the letters of Romanian needs no function words: articles of a regulation, lists of names.
fn stop_words(m: &Measures) -> Option<f64> {
    const OWN: f64 = 0.02;
    if m.own_letters >= OWN { None } else { of_words(m, m.stop_words as f64) }
}

/// Prose in lines of a verse's length.
fn verse(m: &Measures) -> bool {
    let words_of_line = m.words as f64 / m.lines.max(1) as f64;
    prose(m) && (2.5..=8.0).contains(&words_of_line)
}

/// A song repeats its refrain, and with it a few words.
fn top_runs(m: &Measures, n: usize) -> Option<f64> {
    if verse(m) { None } else { of_runs(m, m.top_runs[n]) }
}

/// Most lines define a term, in words: of three lines one has a function word.
fn glossary(m: &Measures) -> bool {
    const DEFINED: f64 = 0.6;
    m.defined_lines > DEFINED && 3 * m.stop_words >= m.lines
}

/// Lines without a closing sign are a menu or a list, unless the text goes on from line to line (small letters begin the
/// lines), is prose in lines of a verse's length, or is a glossary.
fn closed_lines(m: &Measures) -> Option<f64> {
    const LOWER: f64 = 0.3;
    if m.lower_lines > LOWER || verse(m) || glossary(m) { None } else { of_lines(m, m.closed_lines) }
}

/// Numbers inside sentences are prices, years and paragraphs.
fn digits(m: &Measures) -> Option<f64> {
    if prose(m) { None } else { of_words(m, m.digits) }
}

macro_rules! rules {
    (@) => { false };
    (@runs) => { true };
    ($($id:literal $side:ident $web:expr, $books:expr, $title:literal, $value:expr $(, $runs:ident)?;)*) => {
        /// All rules, in the order in which they are checked. The first rule that a document breaks removes it.
        pub const RULES: &[Rule] = &[$(Rule {
            id: $id, title: $title, side: Side::$side, web: $web, books: $books, value: $value,
            runs: rules!(@$($runs)?),
        }),*];
    };
}

rules! {
    "words" Below Some(10.0), Some(200.0), "words", |m| Some(m.words as f64);
    "language" Below Some(0.5), Some(0.5), "share of the text that is Romanian", |m| m.romanian;
    "stop-words" Below Some(2.0), Some(2.0), "Romanian function words, in a text without ă â î ș ț", stop_words;
    "diacritics" Below None, None, "share of letters that are ă â î ș ț", |m| m.diacritics;
    "garbled-words" Above Some(0.1), Some(0.1), "share of words that no hand wrote (OCR, broken fonts)", |m| of_words(m, m.garbled_words);
    "alpha-words" Below Some(0.6), Some(0.6), "share of words with a letter", |m| of_words(m, m.alpha_words);
    "word-length" Above Some(14.0), Some(14.0), "characters of a word, on average", |m| of_words(m, m.word_length);
    "symbols" Above Some(0.2), Some(0.1), "share of characters that are no letters, digits or signs of prose", |m| of_words(m, m.symbols);
    "digits" Above Some(0.3), Some(0.2), "share of characters that are digits, where few words are function words", digits;
    "hashes" Above Some(0.1), Some(0.1), "# for each word", |m| of_words(m, m.hashes);
    "separators" Above Some(0.12), None, "signs between links (> » | ·) for each word", |m| Some(m.separators);
    "code" Above Some(0.1), Some(0.1), "words of programs and templates, for each word", |m| Some(m.code);
    "ellipses" Above Some(0.3), None, "ellipses for each word", |m| of_words(m, m.ellipses);
    "bullet-lines" Above Some(0.9), None, "share of lines that begin with a bullet", |m| of_lines(m, m.bullet_lines);
    "ellipsis-lines" Above Some(0.3), None, "share of lines of eight words or more that end in their only ellipsis", |m| of_lines(m, m.ellipsis_lines);
    "closed-lines" Below Some(0.081), None, "share of lines that end as prose does", closed_lines;
    "lines-per-word" Above Some(0.35), None, "lines for each word", |m| of_lines(m, m.lines_per_word);
    "duplicate-lines" Above Some(0.289), None, "share of lines that occur earlier in the text", |m| of_lines(m, m.duplicate_lines);
    "duplicate-line-bytes" Above Some(0.2), Some(0.2), "share of bytes in lines that occur earlier in the text", |m| of_lines(m, m.duplicate_line_bytes);
    "top-2-gram" Above Some(0.161), None, "share of the most frequent run of 2 words", |m| top_runs(m, 0), runs;
    "top-3-gram" Above Some(0.146), None, "share of the most frequent run of 3 words", |m| top_runs(m, 1), runs;
    "top-4-gram" Above Some(0.131), None, "share of the most frequent run of 4 words", |m| top_runs(m, 2), runs;
    "repeated-5-grams" Above Some(0.35), None, "share of runs of 5 words that occur earlier in the text", |m| repeated_runs(m, 0), runs;
    "repeated-6-grams" Above Some(0.33), None, "share of runs of 6 words that occur earlier in the text", |m| repeated_runs(m, 1), runs;
    "repeated-7-grams" Above Some(0.3), None, "share of runs of 7 words that occur earlier in the text", |m| repeated_runs(m, 2), runs;
    "repeated-8-grams" Above Some(0.28), None, "share of runs of 8 words that occur earlier in the text", |m| repeated_runs(m, 3), runs;
    "repeated-9-grams" Above Some(0.26), None, "share of runs of 9 words that occur earlier in the text", |m| repeated_runs(m, 4), runs;
    "repeated-10-grams" Above Some(0.23), None, "share of runs of 10 words that occur earlier in the text", |m| repeated_runs(m, 5), runs;
}
