//! Whether a text is Romanian. It compares function words and letters, paragraph by paragraph, with thirteen languages
//! that occur beside Romanian on the web. There is no model file: running text has a function word in every two or three
//! words, so their ratios ([`super::function_words`]) decide within a sentence (naive Bayes over the words of the lists;
//! of other words the endings count ([`super::endings`]), where a paragraph has no letter that only Romanian has).
//!
//! Sums are integers, so that the result does not depend on the order of additions.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::endings::ENDINGS;
pub use super::function_words::Language;
use super::function_words::{LANGUAGES, WORDS};
use super::word_key::WordKey;
use super::word_rows::{Row, WordRows};

/// The column that counts Romanian function words.
const STOP: usize = 15;

/// Words of the Romanian list that are common in manuals, statutes and comments, and no function words.
const CONTENT: &[&str] = &[
    "bani",
    "banii",
    "calitate",
    "comandat",
    "copii",
    "copiii",
    "duminica",
    "duminică",
    "livrare",
    "livrarea",
    "luni",
    "pret",
    "pretul",
    "preț",
    "prețul",
    "prieteni",
    "produs",
    "produsul",
    "romania",
    "românia",
    "vot",
    "zile",
    "ziua",
    "alin",
    "ani",
    "art",
    "articolul",
    "comanda",
    "domnul",
    "fișier",
    "fișiere",
    "fișierul",
    "lit",
    "oameni",
    "opțiune",
    "opțiunea",
    "prevăzute",
    "prezentul",
    "utilizator",
];

/// How often, in a thousand words, a word of some list occurs in a language whose list does not have it.
const FLOOR: f64 = 0.05;

/// Letters that few of the languages have, and how many of a thousand words have one.
const LETTERS: &[(&str, &[(Language, f64)])] = &[
    ("ă", &[(Language::Romanian, 250.0)]),
    ("șț", &[(Language::Romanian, 90.0)]),
    ("şţ", &[(Language::Romanian, 90.0), (Language::Turkish, 90.0)]),
    (
        "â",
        &[
            (Language::Romanian, 40.0),
            (Language::French, 3.0),
            (Language::Portuguese, 5.0),
            (Language::Turkish, 2.0),
        ],
    ),
    ("î", &[(Language::Romanian, 70.0), (Language::French, 3.0), (Language::Turkish, 0.5)]),
    ("ñ", &[(Language::Spanish, 12.0)]),
    ("ãõ", &[(Language::Portuguese, 25.0), (Language::Romanian, 0.5)]),
    ("ß", &[(Language::German, 8.0)]),
    ("őű", &[(Language::Hungarian, 40.0)]),
    ("ğı", &[(Language::Turkish, 120.0)]),
    ("łąęśżźń", &[(Language::Polish, 60.0)]),
    ("čšžćđ", &[(Language::Croatian, 60.0)]),
    ("ë", &[(Language::Albanian, 250.0), (Language::French, 1.0)]),
    (
        "ç",
        &[
            (Language::French, 8.0),
            (Language::Portuguese, 20.0),
            (Language::Catalan, 6.0),
            (Language::Turkish, 50.0),
            (Language::Albanian, 30.0),
        ],
    ),
    ("èà", &[(Language::French, 30.0), (Language::Italian, 25.0), (Language::Catalan, 25.0)]),
    ("ê", &[(Language::French, 12.0), (Language::Portuguese, 12.0)]),
    ("ùò", &[(Language::French, 2.0), (Language::Italian, 12.0), (Language::Catalan, 10.0)]),
    ("äöü", &[(Language::German, 60.0), (Language::Hungarian, 60.0), (Language::Turkish, 60.0)]),
    (
        "áíóú",
        &[
            (Language::Spanish, 60.0),
            (Language::Portuguese, 40.0),
            (Language::Hungarian, 120.0),
            (Language::Catalan, 25.0),
            (Language::Polish, 8.0),
        ],
    ),
    (
        "é",
        &[
            (Language::French, 120.0),
            (Language::Spanish, 15.0),
            (Language::Portuguese, 25.0),
            (Language::Hungarian, 90.0),
            (Language::Catalan, 25.0),
            (Language::Italian, 8.0),
        ],
    ),
];

/// The groups of [`LETTERS`] that Romanian has.
const OWN_LETTERS: usize = 5;

/// Words of the lists by their bytes, letters, and endings.
struct Tables {
    words: WordRows,
    /// For each letter of two bytes, from C3 80 to C8 BF, the number of its row plus one; 0 has no row.
    letter: [u8; LETTERS_TABLE],
    rows: Vec<Row>,
    /// The rows of the endings, by two small letters.
    endings: FxHashMap<[u8; 2], Row>,
}

const LETTERS_TABLE: usize = 6 * 64;

/// The index of a letter of two bytes, C3 80 to C8 BF; others are outside of the table.
#[inline]
fn place(letter: [u8; 2]) -> usize {
    usize::from(letter[0].wrapping_sub(0xC3)) << 6 | usize::from(letter[1] & 0x3F)
}

fn row(frequencies: &[f64; LANGUAGES]) -> Row {
    let mut row = [0; 16];
    for (cell, frequency) in row.iter_mut().zip(frequencies) {
        *cell = (frequency.max(FLOOR).ln() * 256.0).round() as i32;
    }
    row
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut words: FxHashMap<WordKey, [f64; LANGUAGES]> = FxHashMap::default();
        for (language, list) in WORDS {
            let mut fields = list.split_ascii_whitespace();
            while let (Some(word), Some(frequency)) = (fields.next(), fields.next()) {
                let entry = words.entry(WordKey::of(word.as_bytes())).or_insert([0.0; LANGUAGES]);
                // A word that is listed twice counts once.
                entry[language as usize] = entry[language as usize].max(frequency.parse().unwrap_or(0.0));
            }
        }
        let (mut letter_table, mut rows) = ([0; LETTERS_TABLE], Vec::new());
        for (group, languages) in LETTERS {
            let mut frequencies = [0.0; LANGUAGES];
            for &(language, frequency) in *languages {
                frequencies[language as usize] = frequency;
            }
            rows.push(row(&frequencies));
            for letter in group.chars() {
                let mut bytes = [0; 2];
                letter.encode_utf8(&mut bytes);
                letter_table[place(bytes)] = rows.len() as u8;
            }
        }
        let mut words: FxHashMap<WordKey, Row> =
            words.iter().map(|(&key, frequencies)| (key, row(frequencies))).collect();
        let (_, romanian) = WORDS[Language::Romanian as usize];
        for word in romanian.split_ascii_whitespace().step_by(2).filter(|word| !CONTENT.contains(word)) {
            if let Some(row) = words.get_mut(&WordKey::of(word.as_bytes())) {
                row[STOP] = 1;
            }
        }
        Tables { words: WordRows::new(&words), letter: letter_table, rows, endings: endings() }
    })
}

/// Words with the same ending often stand together, and a language that was counted on manual pages has other words than
/// its comments. So an ending counts half of what its frequencies say.
fn endings() -> FxHashMap<[u8; 2], Row> {
    /// The frequency of an ending that was counted less than once in a thousand words.
    const RARE: f64 = 0.4;
    let mut all: FxHashMap<[u8; 2], [f64; LANGUAGES]> = FxHashMap::default();
    for (language, list) in ENDINGS {
        let mut fields = list.split_ascii_whitespace();
        while let (Some(ending), Some(frequency)) = (fields.next(), fields.next()) {
            if let [a, b] = *ending.as_bytes() {
                let entry = all.entry([a, b]).or_insert([RARE; LANGUAGES]);
                entry[*language as usize] = frequency.parse().unwrap_or(RARE);
            }
        }
    }
    let counted = |index: usize| ENDINGS.iter().any(|(language, _)| *language as usize == index);
    for frequencies in all.values_mut() {
        // A language without counts has the endings of the others.
        let sum: f64 = (1..LANGUAGES).filter(|&index| counted(index)).map(|index| frequencies[index]).sum();
        let mean = sum / (ENDINGS.len() - 1) as f64;
        (0..LANGUAGES).filter(|&index| !counted(index)).for_each(|index| frequencies[index] = mean);
    }
    all.iter().map(|(&ending, frequencies)| (ending, row(frequencies).map(|value| value / 2))).collect()
}

/// The evidence of a part of the text so far.
#[derive(Debug, Clone, Default)]
struct Evidence {
    /// Sums of the last rows. 32 bits are fast, and overflow after some 700,000 words.
    recent: Row,
    /// Number of rows in `recent`.
    rows: u32,
    /// Sums of all earlier rows: a document has no limit.
    earlier: [i64; 16],
    /// The number of words (runs of letters), and of words that some list has.
    words: u64,
    known: u64,
    bytes: u64,
    /// The paragraph has a letter of Romanian.
    own: bool,
    /// The endings of its other words.
    endings: Vec<[u8; 2]>,
}

/// Rows that 32 bits can add up: a value is at least 256 ln(`FLOOR`), so its size is below 2^13.
const ROWS_IN_32_BITS: u32 = 1 << 17;

impl Evidence {
    #[inline]
    fn add(&mut self, row: &Row) {
        for (sum, value) in self.recent.iter_mut().zip(row) {
            *sum += value;
        }
        self.rows += 1;
        if self.rows == ROWS_IN_32_BITS {
            self.earlier = self.sums();
            (self.recent, self.rows) = (Row::default(), 0);
        }
    }

    fn sums(&self) -> [i64; 16] {
        let mut sums = self.earlier;
        for (sum, &value) in sums.iter_mut().zip(&self.recent) {
            *sum += i64::from(value);
        }
        sums
    }

    fn take_in(&mut self, other: &Self) {
        for (sum, value) in self.earlier.iter_mut().zip(other.sums()) {
            *sum += value;
        }
        self.words += other.words;
        self.known += other.known;
        self.bytes += other.bytes;
    }

    /// The likeliest language, if there is enough evidence: a word of a list in every ten, and at least two nats (7 to 1)
    /// between the two best.
    fn verdict(&self) -> Option<Language> {
        const APART: i64 = 2 * 256;
        let sums = self.sums();
        let best = (0..LANGUAGES).max_by_key(|&i| (sums[i], LANGUAGES - i))?;
        let second = (0..LANGUAGES).filter(|&i| i != best).map(|i| sums[i]).max()?;
        (self.known * 10 >= self.words && self.known > 0 && sums[best] - second >= APART)
            .then_some(WORDS[best].0)
    }
}

/// A paragraph is decided at its end; a long one (or a list of short lines) after every so many words.
const UNIT_WORDS: u64 = 30;

/// Reads a document word by word, paragraph by paragraph.
pub(super) struct Identifier {
    tables: &'static Tables,
    now: Evidence,
    whole: Evidence,
    romanian_bytes: u64,
    judged_bytes: u64,
    /// The buffer of the endings, kept from paragraph to paragraph.
    spare: Vec<[u8; 2]>,
}

impl Identifier {
    pub(super) fn new() -> Self {
        let (now, whole) = (Evidence::default(), Evidence::default());
        Self { tables: tables(), now, whole, romanian_bytes: 0, judged_bytes: 0, spare: Vec::new() }
    }

    /// A run of letters, in lower case.
    #[inline]
    pub(super) fn word(&mut self, lower: &[u8]) {
        self.word_of_key(WordKey::of(lower), lower);
    }

    /// The same for a word whose key is known.
    #[inline]
    pub(super) fn word_of_key(&mut self, key: WordKey, lower: &[u8]) {
        self.now.words += 1;
        self.now.bytes += lower.len() as u64;
        if let Some(row) = self.tables.words.get(key) {
            self.now.known += 1;
            self.now.add(row);
        } else if let [_, _, .., a, b] = *lower
            && !self.now.own
        {
            self.now.endings.push([a, b]);
        }
    }

    /// A letter of two bytes, in lower case.
    #[inline]
    pub(super) fn letter(&mut self, bytes: [u8; 2]) {
        let row = self.tables.letter.get(place(bytes)).map_or(0, |&row| usize::from(row));
        if row > 0 {
            self.now.own |= row <= OWN_LETTERS;
            self.now.add(&self.tables.rows[row - 1]);
        }
    }

    /// The end of a line.
    pub(super) fn line(&mut self) {
        if self.now.words >= UNIT_WORDS {
            self.paragraph();
        }
    }

    /// The end of a paragraph.
    pub(super) fn paragraph(&mut self) {
        if self.now.words == 0 {
            return;
        }
        self.weigh_endings();
        if let Some(language) = self.now.verdict() {
            self.judged_bytes += self.now.bytes;
            if language == Language::Romanian {
                self.romanian_bytes += self.now.bytes;
            }
        }
        self.whole.take_in(&self.now);
        self.now = Evidence { endings: std::mem::take(&mut self.spare), ..Evidence::default() };
    }

    /// A paragraph without the letters of Romanian is judged by the endings of its words too. Each four of them are worth
    /// a word of a list.
    fn weigh_endings(&mut self) {
        const WORTH: u64 = 4;
        let endings = std::mem::take(&mut self.now.endings);
        if !self.now.own {
            let mut found = 0;
            for row in endings.iter().filter_map(|ending| self.tables.endings.get(ending)) {
                self.now.add(row);
                found += 1;
            }
            self.now.known += found / WORTH;
        }
        self.spare = endings;
        self.spare.clear();
    }

    /// The language of the whole document; the share of its decided text that is Romanian (by bytes of letters), `None`
    /// when no paragraph could be decided; and the number of Romanian function words.
    pub(super) fn finish(mut self) -> (Option<Language>, Option<f64>, u64) {
        self.paragraph();
        let share = (self.judged_bytes > 0).then(|| self.romanian_bytes as f64 / self.judged_bytes as f64);
        (self.whole.verdict(), share, self.whole.sums()[STOP] as u64)
    }
}
