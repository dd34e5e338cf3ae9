//! What travels between the steps of a pass.

use super::super::filter_stage::{DocumentRef, FilterReport, Finding};
use super::super::resume::{Frame, JournalEntry};
use crate::document::{Document, Note, Reason, Reject};
use crate::error::Error;
use crate::ledger::{Action, Row};
use crate::reader::{Chunk, Source};
use crate::{dedup, filter, normalize};

/// A document that was kept, and the key of its text.
pub(in crate::pipeline) struct KeptDocument {
    /// The document, its text repaired.
    pub document: Document,
    /// The text that deduplication compares, where it differs.
    pub compared: Option<String>,
    /// Its 128-bit key; 0 when the pass computes none.
    pub key: u128,
    /// UTF-8 bytes of the repaired text, even where the text itself was left as it was read.
    pub bytes: u64,
    /// The text differs from the record.
    pub changed: bool,
    /// The repeated lines that were cut from it.
    pub cut: dedup::Cut,
    /// What the filter measured, when the filter only annotates.
    pub verdict: Option<Box<filter::Verdict>>,
    /// The text is only white space: repeated lines were all it had.
    pub blank: bool,
    /// Its reject after a panic over it, in a pass that must not lose count of the kept documents. The gate gives it out.
    pub failure: Option<Reject>,
}

/// The kept documents of one chunk, in the order of the input.
#[derive(Default)]
pub(in crate::pipeline) struct ProcessedChunk {
    /// Index of the source.
    pub source: usize,
    /// Lines of the source before the chunk.
    pub first_line: u64,
    /// Lines of the source up to its end.
    pub end_line: u64,
    /// The number of its first kept document, in a pass that applies decisions.
    pub first_document: u32,
    /// The documents.
    pub documents: Vec<KeptDocument>,
    /// An earlier run encoded this chunk, so the texts may be as they were read.
    pub encoded: bool,
    /// What a journal stores about the chunk; `None` when the pass writes no journal.
    pub record: Option<ChunkRecord>,
}

/// What a journal stores about a chunk.
pub(in crate::pipeline) enum ChunkRecord {
    /// Found now: everything but the signatures, which deduplication adds.
    New(Box<Frame>),
    /// Found by an earlier run or a shard.
    Journaled(Box<JournalEntry>),
}

/// A chunk on its way from a worker to the gate.
pub(in crate::pipeline) struct OpenedChunk {
    pub(in crate::pipeline) chunk: ProcessedChunk,
    /// Records in the chunk, good and bad.
    pub(in crate::pipeline) records: u64,
    pub(in crate::pipeline) rejects: Vec<Reject>,
    /// Repairs and guesses of the reader.
    pub(in crate::pipeline) notes: Vec<Note>,
    /// Why the source ends in this chunk, if it is damaged.
    pub(in crate::pipeline) damage: Option<Error>,
    /// Decisions of the filter.
    pub(in crate::pipeline) rows: Vec<Row>,
    pub(in crate::pipeline) normalize: normalize::Report,
    pub(in crate::pipeline) filter: FilterReport,
    /// It is the first chunk of its source.
    pub(in crate::pipeline) first: bool,
    /// Bytes that the file on disk moved on.
    pub(in crate::pipeline) moved: u64,
    pub(in crate::pipeline) bytes: u64,
}

impl OpenedChunk {
    pub(super) fn new(source: usize, chunk: &Chunk) -> Self {
        let (first_line, end_line) = (chunk.first_line(), chunk.end_line());
        let processed = ProcessedChunk { source, first_line, end_line, ..ProcessedChunk::default() };
        Self { first: chunk.first, moved: chunk.moved, bytes: chunk.bytes as u64, ..Self::empty(processed) }
    }

    /// A chunk about which nothing is known but its place.
    pub(in crate::pipeline) fn empty(chunk: ProcessedChunk) -> Self {
        Self {
            chunk,
            records: 0,
            rejects: Vec::new(),
            notes: Vec::new(),
            damage: None,
            rows: Vec::new(),
            normalize: normalize::Report::default(),
            filter: FilterReport::default(),
            first: false,
            moved: 0,
            bytes: 0,
        }
    }

    /// Records the decisions of the filter about a document.
    pub(in crate::pipeline) fn add_findings(
        &mut self,
        document: &Document,
        source: &Source,
        findings: &[Finding],
    ) {
        let document = DocumentRef { id: &document.id, source: &source.name, line: document.line };
        for finding in findings {
            self.filter.add(finding);
            self.rows.push(document.row(finding));
        }
    }

    /// Rejects a document that has no text after repair.
    pub(super) fn reject_empty(&mut self, document: Document) {
        let what = "the document has no text once it is repaired".to_owned();
        let raw = document.id.into_bytes();
        self.rejects.push(Reject { line: document.line, byte: None, reason: Reason::Empty, what, raw });
    }

    /// Rejects a document that the filter dropped.
    pub(super) fn reject_filtered(&mut self, document: &Document, findings: &[Finding]) {
        let dropped = findings.iter().find(|finding| finding.action == Action::Drop);
        let what = dropped.map(|finding| finding.explain(&document.id)).unwrap_or_default();
        let (line, raw) = (document.line, Vec::new());
        self.rejects.push(Reject { line, byte: None, reason: Reason::Filtered, what, raw });
    }
}
