//! Books: from the characters on the pages of a PDF to paragraphs of text.
//!
//! ```text
//! pdfium     characters with boxes and fonts            a page
//! repeats    what is drawn twice, once               a page
//! accents    joined to their letters                 a page
//! gaps       which of them are spaces                a page
//! words      runs of characters without a space      a page
//! letters    fonts with wrong tables repaired           the book
//! measure    is the text layer usable, or is it OCR's?  a page
//! initials   large first letters back to their words    a page
//! furniture  running heads and page numbers off         the book
//! lines      reading order, one or two columns          a page
//! notes      footnotes told apart                       a page
//! paragraphs lines joined, words mended (hyphens)       the book
//! ```
//!
//! [`Book`] calls these in order. The words of a book are in memory while it is read, about 25 MB for 500 pages; its
//! pictures and fonts are not.

mod accents;
mod book;
mod furniture;
mod gaps;
mod hyphens;
mod initials;
mod judge;
mod letters;
mod lexicon;
mod lines;
mod measure;
mod notation;
mod notes;
pub mod ocr;
mod paragraphs;
pub mod pdfium;
mod repeats;
mod signs;
mod words;

pub use book::{Action, Book, LeftOut, Page, Written, is_masked};
pub use judge::Judge;
pub use letters::Repair;
pub use lexicon::Lexicon;
pub use measure::{Fault, GOOD, Measures, NO_DIACRITICS, USABLE, measure};
pub use paragraphs::PAGE;
pub use words::Word;
