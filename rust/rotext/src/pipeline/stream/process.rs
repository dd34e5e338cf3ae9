//! A worker turns a chunk into documents: parse, normalize, filter, key.

use std::borrow::Cow;

use super::super::filter_stage::Finding;
use super::super::resume::{DocumentOutcome, Frame, Status};
use super::chunk::{ChunkRecord, KeptDocument, OpenedChunk};
use super::worker::Worker;
use crate::document::Document;
use crate::fault::{guard, trip};
use crate::filter::Verdict;
use crate::reader::Chunk;
use crate::{dedup, normalize};

/// What the steps decided about one document.
struct Judged {
    status: Status,
    findings: Vec<Finding>,
    verdict: Option<Box<Verdict>>,
    /// The text that deduplication compares, where it differs.
    compared: Option<String>,
    key: u128,
    /// How the normalizer changed the text, and whether anything did.
    repairs: normalize::Steps,
    changed: bool,
}

impl Worker<'_> {
    /// Normalizes, filters and keys the documents of a chunk. With `record_as`, the hash of the chunk, it also makes the frame.
    pub(super) fn process(&mut self, index: usize, chunk: Chunk, record_as: Option<u64>) -> OpenedChunk {
        let (source, options) = (&self.sources[index], self.options);
        let mut opened = OpenedChunk::new(index, &chunk);
        let batch = chunk.parse(source, &options.fields);
        let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
        opened.records = (batch.documents.len() + batch.rejects.len()) as u64;
        (opened.rejects, opened.notes, opened.damage) = (batch.rejects, batch.notes, batch.damage);
        opened.chunk.documents.reserve(batch.documents.len());
        for mut document in batch.documents {
            let judged = match guard(|| self.judge(&mut document, &mut opened.normalize)) {
                Ok(judged) => judged,
                Err(panic) => {
                    self.renew();
                    opened.rejects.push(document.into_internal(&panic));
                    outcomes.push(DocumentOutcome { status: Status::Failed, ..DocumentOutcome::default() });
                    failures.push(panic);
                    continue;
                }
            };
            let Judged { status, findings, verdict, compared, key, repairs, changed } = judged;
            opened.add_findings(&document, source, &findings);
            match status {
                Status::Empty => opened.reject_empty(document),
                Status::Filtered => opened.reject_filtered(&document, &findings),
                Status::Kept | Status::Failed => opened.chunk.documents.push(KeptDocument {
                    bytes: document.text.len() as u64,
                    blank: document.text.trim().is_empty(),
                    document,
                    compared,
                    key,
                    changed,
                    cut: dedup::Cut::default(),
                    verdict,
                    failure: None,
                }),
            }
            outcomes.push(DocumentOutcome { status, repairs, findings });
        }
        if let Some(hash) = record_as {
            let (records, normalize) = (opened.records, opened.normalize.clone());
            let frame = Frame { hash, records, normalize, outcomes, failures, ..Frame::default() };
            opened.chunk.record = Some(ChunkRecord::New(Box::new(frame)));
        }
        opened
    }

    /// Normalizes, filters and keys one document.
    fn judge(&mut self, document: &mut Document, repairs: &mut normalize::Report) -> Judged {
        let mut judged = Judged {
            status: Status::Kept,
            findings: Vec::new(),
            verdict: None,
            compared: None,
            key: 0,
            repairs: normalize::Steps::default(),
            changed: false,
        };
        if let Some(normalizer) = &self.normalizer {
            trip("normalize", &document.text);
            let (text, steps) = normalizer.repair(&document.text, repairs);
            if let Cow::Owned(text) = text {
                document.text = text;
                (judged.repairs, judged.changed) = (steps, true);
            }
            if document.text.trim().is_empty() {
                judged.status = Status::Empty;
                return judged;
            }
        }
        if let Some(filter) = &self.options.filter {
            trip("filter", &document.text);
            let outcome = filter.apply(&document.text, self.options.kind, &mut self.scratch);
            (judged.findings, judged.verdict) = (outcome.findings, outcome.verdict);
            if outcome.dropped {
                judged.status = Status::Filtered;
                return judged;
            }
            if let Some(text) = outcome.edited {
                document.text = text;
                judged.changed = true;
            }
            // The text was only boilerplate lines, and the profile has no rule against few words.
            if document.text.trim().is_empty() {
                judged.status = Status::Empty;
                return judged;
            }
        }
        if self.options.keys {
            trip("key", &document.text);
            let compared = self.compared(&document.text);
            judged.key = self.key.of(&compared);
            if let Cow::Owned(text) = compared {
                judged.compared = Some(text);
            }
        }
        judged
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
