//! What the stages work on: documents, and the records that could not become a document.

use std::borrow::Cow;

use crate::error::{Error, Place};

/// One text, and its place in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The record's own id, or `file:line` when it has none.
    pub id: String,
    /// The id was made from the place, because the record has none.
    pub named_by_place: bool,
    /// The text, valid UTF-8.
    pub text: String,
    /// Line (JSONL) or row (Parquet) in the source, counted from 1.
    pub line: u64,
    /// The JSONL record as it was read, if the caller asked for it.
    pub record: Option<Record>,
}

/// A JSONL record as it was read, and the place of its text, so that a writer can replace the text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The whole line, without its line end.
    pub raw: String,
    /// The JSON literal of the text in `raw`, with its quotes.
    pub text: std::ops::Range<usize>,
}

impl Document {
    /// The reject of a document over which a step panicked.
    pub(crate) fn into_internal(self, panic: &str) -> Reject {
        let raw = self.record.map_or(self.text, |record| record.raw).into_bytes();
        Reject::internal(self.line, panic, raw)
    }
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

/// Why a record or a document was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The line is not one JSON value.
    BrokenJson,
    /// A JSON value, but not an object.
    NotAnObject,
    /// The object has no text field, or lacks the id field that the user named.
    MissingField,
    /// The field exists but is not a string.
    WrongType,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The rest of the file cannot be read: it is cut off, damaged or of another format.
    Damaged,
    /// The record is longer than [`MAX_RECORD_BYTES`](crate::reader::MAX_RECORD_BYTES).
    TooLong,
    /// It has no text, or only white space.
    Empty,
    /// A rule of the filter dropped it.
    Filtered,
    /// Another document has the same text, apart from diacritics and white space.
    Duplicate,
    /// Another document has nearly the same words.
    NearDuplicate,
    /// It shares a run of words with an evaluation text.
    Contaminated,
    /// A defect of this program: a step panicked over it.
    InternalError,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::BrokenJson,
        Self::NotAnObject,
        Self::MissingField,
        Self::WrongType,
        Self::InvalidUtf8,
        Self::Damaged,
        Self::TooLong,
        Self::Empty,
        Self::Filtered,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::Contaminated,
        Self::InternalError,
    ];

    /// The reason with this [`Reason::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name in reports and rejects files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BrokenJson => "broken-json",
            Self::NotAnObject => "not-an-object",
            Self::MissingField => "missing-field",
            Self::WrongType => "wrong-type",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::Damaged => "damaged",
            Self::TooLong => "too-long",
            Self::Empty => "empty",
            Self::Filtered => "filtered",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::Contaminated => "contaminated",
            Self::InternalError => "internal-error",
        }
    }
}

/// A rejected record or document, with its place and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line or row in the source, counted from 1.
    pub line: u64,
    /// Byte within the line, counted from 0, if one byte is the cause.
    pub byte: Option<u64>,
    /// The reason.
    pub reason: Reason,
    /// The reason as one sentence, without the place.
    pub what: String,
    /// The record as it was read; empty when it was a document (duplicates, filter) or too long to keep.
    pub raw: Vec<u8>,
}

impl Reject {
    /// The reject of a record over which a step panicked. It keeps the record, so that the defect can be found.
    pub(crate) fn internal(line: u64, panic: &str, raw: Vec<u8>) -> Self {
        let what = format!("internal error: {panic}");
        Self { line, byte: None, reason: Reason::InternalError, what, raw }
    }

    /// Its place in the file `path`.
    #[must_use]
    pub fn place(&self, path: &std::path::Path) -> Place {
        Place { path: path.to_owned(), line: Some(self.line), byte: self.byte }
    }
}

/// What reading a document had to repair or guess.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The document's id.
    pub id: String,
    /// Its line.
    pub line: u64,
    /// What was done: `not-a-number`, `lone-surrogate`, `bad-utf8`, or the name of a charset that was guessed.
    pub rule: Cow<'static, str>,
    /// How many places were repaired, or how sure the guess is (0 to 1).
    pub value: Option<f64>,
}

/// The documents and rejects of one chunk, each in the order of the input.
#[derive(Debug, Default)]
pub struct Batch {
    /// The documents.
    pub documents: Vec<Document>,
    /// The rejects.
    pub rejects: Vec<Reject>,
    /// Repairs and guesses of the reader.
    pub notes: Vec<Note>,
    /// Why the source ends here, if it is damaged. The last reject says it too.
    pub damage: Option<Error>,
}

impl Batch {
    /// Adds what comes next.
    pub(crate) fn append(&mut self, mut next: Self) {
        self.documents.append(&mut next.documents);
        self.rejects.append(&mut next.rejects);
        self.notes.append(&mut next.notes);
        self.damage = self.damage.take().or(next.damage);
    }
}
