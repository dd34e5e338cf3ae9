//! A pass that replays: it applies what an earlier pass or run found, and measures nothing again.

use std::borrow::Cow;

use super::super::filter_stage::{FilterStage, Finding};
use super::super::resume::{DocumentOutcome, Frame, JournalEntry, Status};
use super::chunk::{ChunkRecord, KeptDocument, OpenedChunk};
use super::worker::Worker;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fault::{guard, trip};
use crate::reader::Chunk;
use crate::{dedup, normalize};

/// Passes on the record of a journaled chunk, without its documents.
pub(super) fn skip(source: usize, chunk: &Chunk, entry: Box<JournalEntry>) -> OpenedChunk {
    let mut opened = OpenedChunk::new(source, chunk);
    opened.records = entry.frame.records;
    opened.normalize = entry.frame.normalize.clone();
    // The pass still has to know that the file is damaged.
    opened.damage = chunk.damage().cloned();
    opened.chunk.record = Some(ChunkRecord::Journaled(entry));
    opened
}

impl Worker<'_> {
    /// Applies a frame to its chunk: it measures nothing, and repairs only the documents that stay.
    ///
    /// `first`, the number of the first kept document, is there when duplicates were decided too. Nobody needs the texts of an
    /// `encoded` chunk, unless lines are cut from them.
    pub(super) fn replay(
        &mut self,
        index: usize,
        chunk: Chunk,
        frame: &Frame,
        first: Option<u32>,
        encoded: bool,
    ) -> Result<OpenedChunk> {
        let source = &self.sources[index];
        let input_changed = || Error::changed().at(&source.name);
        let mut opened = OpenedChunk::new(index, &chunk);
        (opened.chunk.encoded, opened.chunk.first_document) = (encoded, first.unwrap_or_default());
        let as_read = encoded && self.repeated.is_none();
        let batch = chunk.parse(source, &self.options.fields);
        if batch.documents.len() != frame.outcomes.len() {
            return Err(input_changed());
        }
        opened.records = (batch.documents.len() + batch.rejects.len()) as u64;
        (opened.rejects, opened.notes, opened.damage) = (batch.rejects, batch.notes, batch.damage);
        opened.normalize = frame.normalize.clone();
        let mut failures = frame.failures.iter();
        let mut signed = (first.unwrap_or_default()..).zip(&frame.documents);
        for (mut document, DocumentOutcome { status, repairs, findings }) in
            batch.documents.into_iter().zip(&frame.outcomes)
        {
            opened.add_findings(&document, source, findings);
            match status {
                Status::Empty => opened.reject_empty(document),
                Status::Filtered => opened.reject_filtered(&document, findings),
                Status::Kept => {
                    let (mut changed, mut cut) = (false, dedup::Cut::default());
                    let (mut key, mut removed, mut bytes) = (0, false, 0);
                    if first.is_some() {
                        let (number, signed) = signed.next().ok_or_else(input_changed)?;
                        (key, bytes) = (signed.key, signed.bytes);
                        removed = self.removed.is_some_and(|set| set.contains(number));
                    }
                    let mut failure = None;
                    if !removed && !as_read {
                        match guard(|| self.edit_again(&mut document, repairs, findings)) {
                            Ok(edited) => (changed, cut) = edited,
                            Err(panic) => {
                                self.renew();
                                failure = Some(document.clone().into_internal(&panic));
                            }
                        }
                    }
                    if !as_read {
                        bytes = document.text.len() as u64;
                    }
                    opened.chunk.documents.push(KeptDocument {
                        compared: None,
                        blank: document.text.trim().is_empty(),
                        document,
                        key,
                        bytes,
                        changed,
                        cut,
                        verdict: None,
                        failure,
                    });
                }
                Status::Failed => {
                    let panic = failures.next().ok_or_else(input_changed)?;
                    opened.rejects.push(document.into_internal(panic));
                }
            }
        }
        Ok(opened)
    }

    /// Repairs and cuts a text as the first pass did. Returns whether it differs from the record, and the repeated lines.
    fn edit_again(
        &mut self,
        document: &mut Document,
        repairs: &normalize::Steps,
        findings: &[Finding],
    ) -> (bool, dedup::Cut) {
        let (mut changed, mut cut) = (false, dedup::Cut::default());
        trip("replay", &document.text);
        if let Some(normalizer) = &self.normalizer
            && let Cow::Owned(text) = normalizer.repeat(&document.text, repairs)
        {
            (document.text, changed) = (text, true);
        }
        let text = Cow::Borrowed(document.text.as_str());
        if let Cow::Owned(text) = FilterStage::edit(text, findings, &mut self.scratch) {
            (document.text, changed) = (text, true);
        }
        if let Some((text, lines)) = self.repeated.and_then(|repeated| repeated.cut(&document.text)) {
            (document.text, cut, changed) = (text, lines, true);
        }
        (changed, cut)
    }
}
