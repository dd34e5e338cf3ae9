//! A worker turns a chunk into documents: parse, normalize, filter, key.

use std::borrow::Cow;

use super::super::resume::{DocumentOutcome, Frame, Status};
use super::chunk::{ChunkRecord, KeptDocument, OpenedChunk};
use super::worker::Worker;
use crate::reader::Chunk;
use crate::{dedup, normalize};

impl Worker<'_> {
    /// Normalizes, filters and keys the documents of a chunk. With `record_as`, the hash of the chunk, it also makes the frame.
    pub(super) fn process(&mut self, index: usize, chunk: Chunk, record_as: Option<u64>) -> OpenedChunk {
        let (source, options) = (&self.sources[index], self.options);
        let mut opened = OpenedChunk::new(index, &chunk);
        let batch = chunk.parse(source, &options.fields);
        let mut outcomes = Vec::new();
        opened.records = (batch.documents.len() + batch.rejects.len()) as u64;
        (opened.rejects, opened.notes, opened.damage) = (batch.rejects, batch.notes, batch.damage);
        opened.chunk.documents.reserve(batch.documents.len());
        for mut document in batch.documents {
            let mut changed = false;
            if let Some(normalizer) = &self.normalizer {
                if let Cow::Owned(text) = normalizer.normalize(&document.text, &mut opened.normalize) {
                    document.text = text;
                    changed = true;
                }
                if document.text.trim().is_empty() {
                    opened.reject_empty(document);
                    outcomes.push(DocumentOutcome { status: Status::Empty, findings: Vec::new() });
                    continue;
                }
            }
            let mut verdict = None;
            let mut findings = Vec::new();
            if let Some(filter) = &options.filter {
                let outcome = filter.apply(&document.text, options.kind, &mut self.scratch);
                findings = outcome.findings;
                opened.add_findings(&document, source, &findings);
                if outcome.dropped {
                    opened.reject_filtered(&document, &findings);
                    outcomes.push(DocumentOutcome { status: Status::Filtered, findings });
                    continue;
                }
                if let Some(text) = outcome.edited {
                    document.text = text;
                    changed = true;
                }
                verdict = outcome.verdict;
                // The text was only boilerplate lines, and the profile has no rule against few words.
                if document.text.trim().is_empty() {
                    opened.reject_empty(document);
                    outcomes.push(DocumentOutcome { status: Status::Empty, findings });
                    continue;
                }
            }
            let compared = if options.keys { self.compared(&document.text) } else { Cow::Borrowed("") };
            let key = if options.keys { self.key.of(&compared) } else { 0 };
            let compared = match compared {
                Cow::Owned(text) => Some(text),
                Cow::Borrowed(_) => None,
            };
            opened.chunk.documents.push(KeptDocument {
                bytes: document.text.len() as u64,
                document,
                compared,
                key,
                changed,
                cut: dedup::Cut::default(),
                verdict,
            });
            outcomes.push(DocumentOutcome { status: Status::Kept, findings });
        }
        if let Some(hash) = record_as {
            let (records, normalize) = (opened.records, opened.normalize.clone());
            let frame = Frame { hash, records, normalize, outcomes, ..Frame::default() };
            opened.chunk.record = Some(ChunkRecord::New(Box::new(frame)));
        }
        opened
    }

    /// The text that deduplication compares: repaired, and in one spelling.
    fn compared<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let clean = match &self.cleaner {
            Some(cleaner) => cleaner.normalize(text, &mut normalize::Report::default()),
            None => Cow::Borrowed(text),
        };
        match clean {
            Cow::Borrowed(text) => dedup::one_spelling(text),
            Cow::Owned(text) => Cow::Owned(dedup::one_spelling(&text).into_owned()),
        }
    }
}
