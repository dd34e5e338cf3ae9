//! What flows through the stages: documents, and the records that could not become one.

use crate::error::Place;

/// One text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The record's own id, or `file:line` when it has none.
    pub id: String,
    /// The text, valid UTF-8.
    pub text: String,
    /// Line (JSONL) or row (Parquet) in the source, counted from 1.
    pub line: u64,
    /// The JSONL record as it stood, when the caller asked to keep it.
    pub record: Option<Record>,
}

/// A JSONL record as it stood and where in it the text is, so that only the text need be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The whole line without its end.
    pub raw: String,
    /// The text's JSON literal in `raw`, quotes included.
    pub text: std::ops::Range<usize>,
}

/// What a source holds. It selects the profile of the filter, and decides which documents may remove which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    /// Books. Only a book removes a book.
    Books,
    /// Web pages and everything else.
    Web,
}

impl TextKind {
    /// The name: `books` or `web`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Web => "web",
        }
    }

    /// The kind with this name: `books` or `web`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "books" => Some(Self::Books),
            "web" => Some(Self::Web),
            _ => None,
        }
    }
}

/// Why a record was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The line is not one JSON value.
    BrokenJson,
    /// A JSON value, but not an object.
    NotAnObject,
    /// The object has no text field (or not the id field that was asked for).
    MissingField,
    /// The field is there but not a string.
    WrongType,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The line is longer than a document may be.
    TooLong,
    /// No text, or nothing but white space.
    Empty,
    /// A rule of the filter.
    Filtered,
    /// The same text as another document, diacritics aside.
    Duplicate,
    /// Nearly the same words as another document.
    NearDuplicate,
    /// Words of an evaluation text.
    Contaminated,
}

impl Reason {
    /// The name in reports and rejects files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BrokenJson => "broken-json",
            Self::NotAnObject => "not-an-object",
            Self::MissingField => "missing-field",
            Self::WrongType => "wrong-type",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::TooLong => "too-long",
            Self::Empty => "empty",
            Self::Filtered => "filtered",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::Contaminated => "contaminated",
        }
    }
}

/// A record that was skipped, with enough to find it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line or row in the source, counted from 1.
    pub line: u64,
    /// Byte within the line, counted from 0, when one is to blame.
    pub byte: Option<u64>,
    /// The class of the defect.
    pub reason: Reason,
    /// One sentence without the place.
    pub what: String,
    /// The record as it stood; empty when it is kept elsewhere (duplicates) or was too long to hold.
    pub raw: Vec<u8>,
}

impl Reject {
    /// The place of the reject in the file `path`.
    #[must_use]
    pub fn place(&self, path: &std::path::Path) -> Place {
        Place { path: path.to_owned(), line: Some(self.line), byte: self.byte }
    }
}

/// What one chunk of input became: documents and rejects, each in input order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The documents.
    pub documents: Vec<Document>,
    /// The records that were skipped.
    pub rejects: Vec<Reject>,
}
