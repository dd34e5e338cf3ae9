//! `rotools books`: the text of a book from its pages, normalized; its record and its decisions.

use std::path::{Path, PathBuf};

use icu_normalizer::ComposingNormalizer;
use serde::Serialize;

use super::output::{RecordWriter, hidden_sibling, with_suffix};
use crate::books::pdfium::{Pdf, Picture};
use crate::books::{Book, Judge, LeftOut, Measures, PAGE, Page, Repair, is_masked, measure, ocr};
use crate::error::{Error, Result};
use crate::ledger::{Row, Writer};
use crate::normalize::{Normalizer, Report};

/// A PDF while it is read.
pub struct PdfBook {
    judge: Judge,
    pdf: Pdf,
    book: Book,
    read: usize,
}

/// The text of a book.
#[derive(Debug, Clone, Serialize)]
pub struct Text {
    /// Normalized paragraphs, one on each line.
    pub text: String,
    /// For each page with text: its number (from 0) and the byte where it begins.
    pub starts: Vec<(usize, usize)>,
    /// The pages.
    pub pages: Vec<Page>,
    /// The letters that were repaired, by font.
    pub repairs: Vec<Repair>,
    /// Footnotes.
    pub notes: u64,
    /// Rows of furniture (running heads, page numbers) that were removed.
    pub furniture: u64,
    /// Characters that were left out.
    pub left_out: LeftOut,
}

impl PdfBook {
    /// Opens `path` with the PDFium at `library`. `judge`: the language of the book.
    ///
    /// # Errors
    /// As [`Pdf::open`].
    pub fn open(path: &Path, library: &Path, judge: Judge) -> Result<Self> {
        let pdf = Pdf::open(path, library)?;
        Ok(Self { pdf, book: Book::new(judge.clone()), judge, read: 0 })
    }

    /// The number of pages.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pdf.pages()
    }

    /// Reads the next page. A damaged page is skipped and counts as read.
    pub fn read_next(&mut self) {
        match self.pdf.read(self.read) {
            Ok(drawn) => self.book.add(&drawn),
            Err(_) => self.book.add_damaged(),
        }
        self.read += 1;
    }

    /// Repairs and assesses the pages. Returns the pages (from 0) that need OCR.
    pub fn assess(&mut self) -> Vec<usize> {
        self.book.assess(&self.pdf.fonts)
    }

    /// As [`Book::text_layer`].
    #[must_use]
    pub fn text_layer(&self) -> String {
        self.book.text_layer()
    }

    /// As [`Book::samples`].
    #[must_use]
    pub fn samples(&self, most: usize) -> Vec<usize> {
        self.book.samples(most)
    }

    /// As [`Book::doubted`].
    #[must_use]
    pub fn doubted(&self) -> Vec<usize> {
        self.book.doubted()
    }

    /// Draws page `page` (from 0).
    ///
    /// # Errors
    /// The page is damaged.
    pub fn render(&self, page: usize, dpi: f32) -> Result<Picture> {
        self.pdf.render(page, dpi)
    }

    /// Gives page `page` (from 0) the output of tesseract for its picture, which has `height` rows at `dpi`. `sample`: the page was
    /// drawn to check its text layer.
    pub fn recognized(&mut self, page: usize, tsv: &str, dpi: f32, height: usize, sample: bool) {
        self.book.recognized(page, ocr::words(tsv, dpi, height), sample);
    }

    /// The book as one text, without the pages `dropped` (from 0).
    #[must_use]
    pub fn finish(self, dropped: &[usize]) -> Text {
        let written = self.book.write(dropped);
        let text = normalized(&written.text, &self.judge);
        let mut plain = String::with_capacity(text.len());
        let mut starts = Vec::with_capacity(written.begins.len());
        let mut begins = written.begins.into_iter();
        for c in text.chars() {
            if c == PAGE {
                starts.extend(begins.next().map(|page| (page, plain.len())));
            } else {
                plain.push(c);
            }
        }
        Text {
            text: plain,
            starts,
            pages: written.pages,
            repairs: written.repairs,
            notes: written.notes,
            furniture: written.furniture,
            left_out: written.left_out,
        }
    }
}

/// The text after normalization, without white space at its ends. In another language only its code points are put in order:
/// the rules of the normalizer are about Romanian.
///
/// # Examples
///
/// ```
/// use rotext::{books::Judge, pipeline::books::normalized};
/// assert_eq!(normalized("Ştiinţă \n", &Judge::default()), "Știință");
/// assert_eq!(normalized("Beşik\u{AD}taş  e\u{301}t\u{A0}!", &Judge::other()), "Beşiktaş ét !");
/// ```
#[must_use]
pub fn normalized(text: &str, judge: &Judge) -> String {
    if judge.is_romanian() {
        return Normalizer::default().normalize(text, &mut Report::default()).trim().to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for c in ComposingNormalizer::new_nfc().normalize_iter(text.chars()) {
        match c {
            '\u{AD}' | '\u{FEFF}' => {}
            ' ' | '\u{A0}' | '\t' if plain.is_empty() || plain.ends_with([' ', '\n']) => {}
            '\u{A0}' | '\t' => plain.push(' '),
            '\n' => {
                plain.truncate(plain.trim_end_matches(' ').len());
                plain.push(c);
            }
            c if c.is_control() && c != PAGE => {}
            c => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

/// Measures a text without pages, in parts of about a page. Returns the measures of each part, its score, and the byte where it
/// begins.
#[must_use]
pub fn stretches(text: &str, judge: &Judge) -> Vec<(Measures, f32, usize)> {
    const LINES: usize = 30;
    let start = |line: &str| line.as_ptr().addr() - text.as_ptr().addr();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let measure_part = |lines: &[&str]| {
        // Where most lines end like a sentence, each is a paragraph, and an empty line ends it. Else lines are rows of a page.
        let closed =
            lines.iter().filter(|line| line.ends_with(['.', '!', '?', ';', ':', '…', '”', '"'])).count();
        let end = (2 * closed > lines.len()).then_some("");
        let (measures, _) =
            measure(lines.iter().copied().flat_map(|line| [Some(line), end]).flatten(), judge);
        // As a page on which letters are lost, it is no text of a book.
        let masked = judge.is_romanian() && is_masked(lines, measures.words);
        let score = if masked { 0.0 } else { measures.score() };
        (measures, score, lines.first().map_or(0, |line| start(line)))
    };
    lines.chunks(LINES).map(measure_part).collect()
}

/// The words of `text` that `judge` does not know: first byte and end of each.
#[must_use]
pub fn doubtful(text: &str, judge: &Judge) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_alphanumeric()
            || !c.is_whitespace() && !c.is_ascii_punctuation() && !"„”“«»—–…’".contains(c)
            || c == '-';
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let word = text[from..at].trim_matches('-');
                let number = word.chars().all(|c| c.is_ascii_digit() || c == '-');
                if word.chars().count() > 1 && !number && !judge.has(word) {
                    found.push((from, at));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// Writes `records` (files of one JSON line each) to `out` in order, and `rows` to the ledger beside it. Both files appear whole or
/// not at all. Returns the path of the ledger.
///
/// # Errors
/// A record is missing, the disk is full.
pub fn assemble(records: &[PathBuf], rows: Vec<Row>, out: &Path) -> Result<PathBuf> {
    let ledger = with_suffix(out, ".ledger.parquet");
    let part = hidden_sibling(out, "ledger.part");
    let mut sink = RecordWriter::create(out)?;
    for record in records {
        let line = std::fs::read(record).map_err(|e| Error::io(record, &e))?;
        sink.write_all(line.trim_ascii_end())
            .and_then(|()| sink.write_all(b"\n"))
            .map_err(|e| Error::io(out, &e))?;
    }
    let mut writer = Writer::create(&part)?;
    let written = rows.into_iter().try_for_each(|row| writer.push(row)).and_then(|()| writer.finish());
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written?;
    std::fs::rename(&part, &ledger).map_err(|e| Error::io(&ledger, &e))?;
    sink.finish(out)?;
    Ok(ledger)
}
