//! A book while it is read: pages are added one by one, assessed together, and written as one text.

use serde::Serialize;

use super::furniture::{self, Sheet};
use super::hyphens::Counts;
use super::initials;
use super::judge::Judge;
use super::letters::{self, Repair};
use super::lines::{Line, lines, main_size, rows};
use super::measure::{Fault, GOOD, Measures, NUMBERS, USABLE, measure};
use super::notes;
use super::paragraphs::{self, Leaf};
use super::pdfium::Drawn;
use super::words::{Word, words};
use crate::romanian::{LostLetters, letter, model};

/// The source of a page's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The text layer, which is good.
    Keep,
    /// The text layer, after letters of its fonts were repaired.
    Repair,
    /// OCR of the page's picture.
    Ocr,
    /// The page has no usable text.
    Drop,
    /// The page is empty.
    Blank,
}

/// A page and what is known about it.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// The source of its text.
    pub action: Action,
    /// The measures of its text.
    pub measures: Measures,
    /// A score to rank pages by, 0 to 1.
    pub score: f32,
    /// What is wrong with its text layer; at the end, why the page was dropped.
    pub fault: Option<Fault>,
    /// Share of the page that pictures cover.
    pub pictures: f32,
    /// Share of the words that text layer and OCR have in common, if both were read.
    pub agreement: Option<f32>,
    /// Rows of furniture that were removed.
    pub furniture: u32,
    #[serde(skip)]
    words: Vec<Word>,
    #[serde(skip)]
    letters: u32,
    /// The text layer is not reliable: too many characters have no table.
    #[serde(skip)]
    unmapped: f32,
    /// Letters that are lost: signs of which nobody knows which letter they are, and words that a space divides.
    #[serde(skip)]
    lost: u32,
    #[serde(skip)]
    read: bool,
}

/// The pages of a book.
#[derive(Default)]
pub struct Book {
    judge: Judge,
    pages: Vec<Page>,
    repairs: Vec<Repair>,
    left_out: LeftOut,
}

/// Characters of the pages that are no text of the book.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct LeftOut {
    /// Outside of the part of the page that is shown.
    pub outside: u64,
    /// Drawn again at their place.
    pub repeated: u64,
    /// In another direction than the text of the page.
    pub turned: u64,
}

/// How much the heights of the same head differ between scanned pages, in points: about one line, because each page lies a little
/// differently on the scanner.
const SCAN_TOLERANCE: f32 = 14.0;

/// Pictures that cover a larger share of a page without text are a scan.
const SCAN: f32 = 0.4;
/// Text layer and OCR of the same page have a larger share of words in common.
const AGREES: f32 = 0.7;
/// They have a smaller share in common if the letters of the layer are wrong.
const DISAGREES: f32 = 0.5;
/// How much better the score of OCR is on a digital page whose words are not known.
const MUCH: f32 = 0.1;
/// With a larger share of characters without a table, the text is a guess.
const UNMAPPED: f32 = 0.2;
/// With a larger share of words that lost a letter, the text layer is doubted.
const LOST: f32 = 0.015;
/// With this share, the page is dropped when OCR gives nothing better.
const LOST_USABLE: f32 = 0.03;
/// Fewer words may be misprints.
const FEW_LOST: u32 = 3;

/// The text of a book.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// Paragraphs, one on each line, with [`paragraphs::PAGE`] where pages begin.
    pub text: String,
    /// The pages.
    pub pages: Vec<Page>,
    /// For each page mark in the text, its page (from 0).
    pub begins: Vec<usize>,
    /// The substitutions that were made.
    pub repairs: Vec<Repair>,
    /// Footnotes.
    pub notes: u64,
    /// Rows of furniture that were removed.
    pub furniture: u64,
    /// Characters that were left out.
    pub left_out: LeftOut,
}

impl Book {
    /// A book without pages.
    #[must_use]
    pub fn new(judge: Judge) -> Self {
        Self { judge, ..Self::default() }
    }

    /// Adds the next page, as its file draws it.
    pub fn add(&mut self, drawn: &Drawn) {
        let glyphs = drawn.glyphs.len().max(1) as f32;
        self.left_out.outside += u64::from(drawn.outside);
        self.left_out.repeated += u64::from(drawn.repeated);
        self.left_out.turned += u64::from(drawn.turned);
        self.pages.push(Page {
            action: Action::Keep,
            measures: Measures::default(),
            score: 0.0,
            fault: None,
            pictures: drawn.pictures,
            agreement: None,
            furniture: 0,
            words: words(&drawn.glyphs),
            letters: 0,
            unmapped: drawn.unmapped as f32 / glyphs,
            lost: 0,
            read: false,
        });
    }

    /// Adds a page that cannot be opened.
    pub fn add_damaged(&mut self) {
        self.add(&Drawn::default());
        if let Some(page) = self.pages.last_mut() {
            page.action = Action::Drop;
            page.fault = Some(Fault { rule: "damaged", value: 1.0, threshold: 0.0 });
        }
    }

    /// Repairs letters by font and assesses every page. Returns the pages (from 0) whose text layer is not usable.
    ///
    /// Call it once, after the last page.
    pub fn assess(&mut self, fonts: &[String]) -> Vec<usize> {
        let mut texts: Vec<Vec<Word>> =
            self.pages.iter_mut().map(|page| std::mem::take(&mut page.words)).collect();
        let before: Vec<f32> = texts.iter().map(|words| known(words, &self.judge)).collect();
        // The letters that are missing are those of Romanian.
        let done = if self.judge.is_romanian() {
            letters::repair(&mut texts, fonts, model())
        } else {
            letters::Repaired::none(texts.len())
        };
        for (at, (page, words)) in self.pages.iter_mut().zip(texts).enumerate() {
            page.words = words;
            page.remeasure(&self.judge);
            page.lost = done.doubted[at];
            if self.judge.is_romanian() {
                let lines = self::texts(&page.words);
                page.lost += torn(&lines) + masked(&lines);
            }
            if page.action == Action::Drop {
                continue;
            }
            if done.changed[at] > 0 && page.measures.known > before[at] {
                page.action = Action::Repair;
            }
            page.fault = page.layer_fault();
            if page.words.is_empty() && page.fault.is_none() {
                page.action = Action::Blank;
            }
        }
        self.repairs = done.repairs;
        (0..self.pages.len()).filter(|page| self.pages[*page].wants_ocr()).collect()
    }

    /// The words of all text layers, usable or not, one page on each line: enough to tell the language of a book.
    #[must_use]
    pub fn text_layer(&self) -> String {
        let mut text = String::new();
        for page in &self.pages {
            for word in &page.words {
                if !word.glued {
                    text.push(' ');
                }
                text.push_str(&word.text);
            }
            text.push('\n');
        }
        text
    }

    /// At most `most` pages (from 0), spread over the book, whose text layer is over a scan and seems usable. Another OCR
    /// program wrote it, maybe of other pages. No lexicon notices that; only a comparison with the picture does.
    #[must_use]
    pub fn samples(&self, most: usize) -> Vec<usize> {
        let scans: Vec<usize> = self.scans().collect();
        (0..most.min(scans.len()))
            .map(|n| scans[(2 * n + 1) * scans.len() / (2 * most.min(scans.len()))])
            .collect()
    }

    /// The pages that need OCR too, when the text layers of the sampled pages differ from their pictures.
    #[must_use]
    pub fn doubted(&self) -> Vec<usize> {
        let sampled = self.pages.iter().filter(|page| page.fault.is_none());
        let read: Vec<f32> = sampled.filter_map(|page| page.agreement).collect();
        let mean = read.iter().sum::<f32>() / read.len().max(1) as f32;
        if read.is_empty() || mean > AGREES { Vec::new() } else { self.scans().collect() }
    }

    fn scans(&self) -> impl Iterator<Item = usize> {
        let over = |page: &Page| page.pictures > SCAN && page.fault.is_none() && page.agreement.is_none();
        let usable = |page: &Page| matches!(page.action, Action::Keep | Action::Repair);
        (0..self.pages.len()).filter(move |page| over(&self.pages[*page]) && usable(&self.pages[*page]))
    }

    /// Gives page `page` (from 0) the words that OCR read. They replace the text layer if they are better than it, or if
    /// they are good and different. On a sample page they replace it only if they are different, and on a page without a
    /// scan whose only fault is unknown words only if they are much better or have little in common with it.
    pub fn recognized(&mut self, page: usize, words: Vec<Word>, sample: bool) {
        let Some(page) = self.pages.get_mut(page) else { return };
        page.agreement = agreement(&page.words, &words);
        let mut other =
            Page { words, unmapped: 0.0, lost: 0, read: true, action: Action::Ocr, ..page.clone() };
        other.remeasure(&self.judge);
        let trusted = page.unmapped <= UNMAPPED && page.measures.words > 0;
        let restored = page.fault.is_some_and(|fault| fault.rule == "diacritics")
            && other.measures.diacritics > page.measures.diacritics;
        let better = other.score > page.score || page.measures.words * 2 < other.measures.words;
        let good = other.measures.fault(other.letters, GOOD).is_none();
        let others = good && page.agreement.is_some_and(|share| share < AGREES);
        // Foreign names are no fault of a digital page. It is replaced if OCR reads other words, and better.
        let names =
            page.pictures <= SCAN && trusted && page.fault.is_some_and(|fault| fault.rule == "known-words");
        let replaces = if names {
            let apart = page.agreement.is_none_or(|share| share < DISAGREES);
            others && other.score > page.score + MUCH || better && apart
        } else {
            others || !sample && (!trusted || restored || better)
        };
        if replaces {
            *page = other;
        }
    }

    /// The book as one text, without pages that have no usable text and without the pages `dropped` (from 0).
    #[must_use]
    pub fn write(mut self, dropped: &[usize]) -> Written {
        for (number, page) in self.pages.iter_mut().enumerate() {
            page.settle(dropped.contains(&number));
        }
        let texts: Vec<(usize, Vec<Vec<Word>>)> = self
            .pages
            .iter_mut()
            .enumerate()
            .filter(|(_, page)| !matches!(page.action, Action::Drop | Action::Blank))
            .map(|(number, page)| {
                let mut words = std::mem::take(&mut page.words);
                initials::join(&mut words);
                (number, rows(words))
            })
            .collect();
        let sheets: Vec<Sheet<'_>> = texts
            .iter()
            .map(|(number, rows)| Sheet {
                rows,
                tolerance: if self.pages[*number].read { SCAN_TOLERANCE } else { 0.0 },
            })
            .collect();
        let gone = furniture::find(&sheets);
        let mut counts = Counts::default();
        let mut leaves = Vec::with_capacity(texts.len());
        for ((number, rows), gone) in texts.into_iter().zip(gone) {
            self.pages[number].furniture = gone.len() as u32;
            let kept = rows.into_iter().enumerate().filter(|(row, _)| !gone.contains(row));
            let lines = lines(kept.flat_map(|(_, row)| row).collect());
            for line in &lines {
                // The last word may be broken.
                let text = line.text();
                let mut whole = text.split(' ');
                whole.next_back();
                whole.for_each(|word| counts.add(word));
            }
            leaves.push(Leaf { page: number, lines, notes: Vec::new() });
        }
        let body = body_size(&leaves);
        for at in 0..leaves.len() {
            let lines = std::mem::take(&mut leaves[at].lines);
            let open = at.checked_sub(1).and_then(|before| leaves[before].notes.last_mut());
            (leaves[at].lines, leaves[at].notes) = notes::split(lines, body, open);
        }
        let text = paragraphs::write(&leaves, &counts, self.judge.is_romanian().then(model));
        Written {
            text,
            begins: leaves.iter().filter(|leaf| !leaf.lines.is_empty()).map(|leaf| leaf.page).collect(),
            notes: leaves.iter().map(|leaf| leaf.notes.len() as u64).sum(),
            furniture: self.pages.iter().map(|page| u64::from(page.furniture)).sum(),
            pages: self.pages,
            repairs: self.repairs,
            left_out: self.left_out,
        }
    }
}

/// The share of the words of the longer text that both have; `None` if either has few words.
fn agreement(layer: &[Word], ocr: &[Word]) -> Option<f32> {
    const ENOUGH: usize = 20;
    let folded = |words: &[Word]| -> Vec<String> {
        let letters = |word: &Word| -> String {
            word.text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
        };
        let mut words: Vec<String> =
            words.iter().map(letters).filter(|word| word.chars().count() > 2).collect();
        words.sort_unstable();
        words
    };
    let (a, b) = (folded(layer), folded(ocr));
    if a.len().min(b.len()) < ENOUGH {
        return None;
    }
    let (mut at, mut common) = (0, 0);
    for word in &a {
        at += b[at..].partition_point(|other| other < word);
        if b.get(at) == Some(word) {
            (at, common) = (at + 1, common + 1);
        }
    }
    Some(common as f32 / a.len().max(b.len()) as f32)
}

/// The size of most characters of the book.
fn body_size(leaves: &[Leaf]) -> f32 {
    let all: Vec<Word> = leaves
        .iter()
        .flat_map(|leaf| &leaf.lines)
        .map(|line| Word {
            text: "x".repeat(line.words.iter().map(|word| word.text.len()).sum::<usize>().min(200)),
            em: line.em,
            x0: 0.0,
            x1: 0.0,
            y: 0.0,
            font: 0,
            glued: false,
            raised: false,
        })
        .collect();
    main_size(&all)
}

/// The lines of a page, for the measures.
fn texts(words: &[Word]) -> Vec<String> {
    lines(words.to_vec()).iter().map(Line::text).collect()
}

fn known(words: &[Word], judge: &Judge) -> f32 {
    measure(texts(words).iter().map(String::as_str), judge).0.known
}

/// Words that a space divides in the place of a letter: neither half may be a word, and both with `ș`, `ț` or `ă`
/// between them are one (`diminea a`). Fonts without these letters draw them as spaces.
fn torn(lines: &[String]) -> u32 {
    let model = model();
    let is_word = |part: &str| {
        let mut letters = part.chars();
        match (letters.next(), letters.next()) {
            (Some(only), None) => matches!(only, 'a' | 'A' | 'e' | 'E' | 'o' | 'O'),
            _ => model.knows(part),
        }
    };
    let is_part = |part: &str| part.chars().all(|c| letter(c) != 0);
    let mut torn = 0;
    for line in lines {
        let mut words = line.split(' ').peekable();
        while let (Some(left), Some(right)) = (words.next(), words.peek()) {
            let left = left.trim_start_matches(|c| letter(c) == 0);
            let right = right.trim_end_matches(|c| letter(c) == 0);
            let halves =
                !left.is_empty() && right.starts_with(char::is_lowercase) && is_part(left) && is_part(right);
            if halves && !(is_word(left) && is_word(right)) {
                torn +=
                    u32::from(["ș", "ț", "ă"].iter().any(|lost| model.knows(&[left, lost, right].concat())));
            }
        }
    }
    torn
}

/// Words with another sign in the place of a letter (`c_nd`, `pNdure`).
fn masked<T: AsRef<str>>(lines: &[T]) -> u32 {
    let mut lost = LostLetters::default();
    for line in lines {
        line.as_ref().split(' ').for_each(|token| lost.add(token, true));
    }
    lost.count()
}

/// Whether so many of the `words` of a text have another sign in the place of a letter that a page of it would be dropped.
#[must_use]
pub fn is_masked(lines: &[&str], words: u32) -> bool {
    let lost = masked(lines);
    lost >= FEW_LOST && lost as f32 > LOST_USABLE * words as f32
}

impl Page {
    fn remeasure(&mut self, judge: &Judge) {
        let texts = texts(&self.words);
        (self.measures, self.letters) = measure(texts.iter().map(String::as_str), judge);
        self.score = self.measures.score();
    }

    fn layer_fault(&self) -> Option<Fault> {
        let fault = |rule, value, threshold| Some(Fault { rule, value, threshold });
        if self.words.is_empty() || self.measures.words < 3 && self.pictures > SCAN {
            return if self.pictures > SCAN { fault("no-text", self.pictures, SCAN) } else { None };
        }
        if self.unmapped > UNMAPPED && self.measures.readable() < GOOD {
            return fault("unmapped", self.unmapped, UNMAPPED);
        }
        self.lost_letters(LOST).or_else(|| self.measures.fault(self.letters, GOOD))
    }

    /// The fault of a page on which a larger share of the words than `limit` has lost a letter.
    fn lost_letters(&self, limit: f32) -> Option<Fault> {
        let share = self.lost as f32 / self.measures.words.max(1) as f32;
        let fault = Fault { rule: "lost-letters", value: share, threshold: limit };
        Some(fault).filter(|_| self.lost >= FEW_LOST && share > limit)
    }

    fn wants_ocr(&self) -> bool {
        self.fault.is_some_and(|fault| fault.rule != "damaged")
    }

    /// The final decision about the page: which faults it may keep, and which remove it.
    fn settle(&mut self, dropped: bool) {
        if dropped {
            self.action = Action::Drop;
            self.fault = Some(Fault { rule: "decided", value: 1.0, threshold: 0.0 });
            return;
        }
        if matches!(self.action, Action::Drop | Action::Blank) {
            return;
        }
        if self.words.is_empty() {
            self.action = if self.read && self.fault.is_none() { Action::Blank } else { Action::Drop };
            // A picture without words (a plate, a cover) loses no text.
            if self.read {
                self.action = Action::Blank;
            }
            return;
        }
        // Tables and indices are not a fault of the text layer, but they are not prose either.
        let numbers = self.measures.numbers;
        let table = Fault { rule: "numbers", value: numbers, threshold: NUMBERS };
        let fault = Some(table).filter(|_| numbers > NUMBERS && self.measures.tokens >= 30);
        let lost = self.lost_letters(LOST_USABLE);
        match fault.or(lost).or_else(|| self.measures.fault(self.letters, USABLE)) {
            // Printed without diacritics: the filter of the corpus decides about that.
            Some(fault) if fault.rule == "diacritics" => self.fault = Some(fault),
            Some(fault) => {
                self.action = Action::Drop;
                self.fault = Some(fault);
            }
            None if self.unmapped > UNMAPPED && self.measures.readable() < USABLE => {
                self.action = Action::Drop
            }
            None => {}
        }
    }
}
