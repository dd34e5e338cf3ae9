//! What deduplication takes and gives: sources, documents, options, report.

use std::path::PathBuf;

use super::sign::Preset;
use super::store::Hashes;
use crate::document::TextKind;

/// A source as deduplication knows it.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// The name in messages.
    pub name: String,
    /// The phase of the source. The loss of a whole phase is checked too: a book in a file of its own loses all or nothing.
    pub phase: String,
    /// What the source holds.
    pub kind: TextKind,
    /// Others are compared with its documents, and none of them is removed. References come after all other sources.
    pub reference: bool,
}

/// How duplicates are found.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number and size of the bands.
    pub preset: Preset,
    /// Bytes for sorting and tables. Tables need 8 bytes a document and 4 a shared band; sorting uses the rest.
    pub memory: usize,
    /// The folder of scratch files.
    pub folder: PathBuf,
    /// A file that keeps the hashes of words after the process ends. `None`: a scratch file.
    pub words: Option<PathBuf>,
    /// Let a source lose more than half of its distinct documents to near-duplicates.
    pub accept_loss: bool,
    /// The number of documents that a line may occur in before it is cut; `None` cuts no line.
    pub repeated_lines: Option<u32>,
    /// Threads that compare documents. The result does not depend on them.
    pub threads: usize,
}

/// A document, as the first pass saw it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The key, from [`super::Key`].
    pub key: u128,
    /// XXH3-64 of the text.
    pub text: u64,
    /// How good a copy it is, from [`super::worth`].
    pub worth: u64,
    /// The document's id.
    pub id: &'a str,
    /// Index of the source.
    pub source: u32,
    /// The exact hashes of its words, from [`super::Words`].
    pub words: Hashes<'a>,
    /// The band hashes, from [`super::Signer`] and [`super::paragraph_hashes`]; none for a short text.
    pub bands: &'a [u64],
    /// The line hashes, from [`super::line_hashes`], if repeated lines are cut.
    pub lines: &'a [u64],
    /// From [`super::Evaluation::shared`]. A document is removed if this is not 0.
    pub contaminated: u32,
}

/// What deduplication found.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Documents compared.
    pub documents: u64,
    /// Removed because the text equals a kept one.
    pub exact: u64,
    /// Removed because the text is nearly equal to a kept one; verified on the words.
    pub near: u64,
    /// Removed because of a run of words from an evaluation text.
    pub contaminated: u64,
    /// Distinct lines that are cut from web text.
    pub repeated_lines: u64,
    /// Documents that are too short for a shingle: only equal ones can be found.
    pub short: u64,
    /// Documents that share a band with another.
    pub candidates: u64,
    /// Comparisons of two documents.
    pub compared: u64,
    /// Documents with more candidates than are compared; some may have been kept because of that.
    pub capped: u64,
    /// Sources that lost near-duplicates: name, distinct documents, documents lost.
    pub sources: Vec<(String, u64, u64)>,
    /// What a run says that does not accept this loss, if it is too much.
    #[serde(skip)]
    pub loss: Option<String>,
}
