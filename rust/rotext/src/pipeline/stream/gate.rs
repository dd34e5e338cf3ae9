//! The serial step of a pass, in the order of the input: it removes duplicates, counts, and writes decisions down.

use super::super::output::{
    DecisionLog, duplicate_of_earlier, reader_row, removed_document, repeated_lines_row, unusable_record_row,
};
use super::chunk::{ChunkRecord, KeptDocument, OpenedChunk, ProcessedChunk};
use super::report::{StreamReport, Unread};
use crate::dedup;
use crate::document::{Reason, Reject, TextKind};
use crate::error::{Error, Result};
use crate::ledger::Row;
use crate::progress::Progress;
use crate::reader::{self, Format, Source};

/// The documents over which a step after the gate panicked, in the order of the input.
#[derive(Default)]
pub(in crate::pipeline) struct Failures(Vec<Failure>);

struct Failure {
    source: usize,
    reject: Reject,
    bytes: u64,
}

impl Failures {
    /// Adds a document of `source` that the gate counted with `bytes` bytes.
    pub(in crate::pipeline) fn push(&mut self, source: usize, reject: Reject, bytes: u64) {
        self.0.push(Failure { source, reject, bytes });
    }
}

/// How a pass removes duplicates.
pub(in crate::pipeline) enum DuplicateCheck<'a, 'b> {
    /// It keeps all documents.
    None,
    /// It removes a document whose text equals an earlier one. The table holds one key for each document.
    Exact(&'a mut dedup::Seen),
    /// It applies decisions that were made after a first pass.
    Planned(&'a mut dedup::RemovalReader<'b>),
}

/// The state of the serial step.
pub(super) struct Gate<'a, 'b> {
    pub(super) sources: &'a [Source],
    /// Stop at the first record that cannot be used.
    pub(super) strict: bool,
    pub(super) duplicates: DuplicateCheck<'a, 'b>,
    /// The number of documents that a repeated line may occur in.
    pub(super) line_limit: u32,
    pub(super) decisions: DecisionLog<'a>,
    pub(super) progress: &'a Progress,
    pub(super) report: StreamReport,
    /// The error of the first source that is damaged.
    pub(super) first_damage: Option<Error>,
}

impl<'b> DuplicateCheck<'_, 'b> {
    /// The lines that a pass over texts of this kind cuts, and the documents that it removes, if they are decided.
    pub(super) fn planned(
        &self,
        kind: TextKind,
    ) -> (Option<&'b dedup::Repeated>, Option<dedup::RemovedSet<'b>>) {
        let DuplicateCheck::Planned(removals) = self else { return (None, None) };
        ((kind == TextKind::Web).then(|| removals.repeated()), Some(removals.removed()))
    }
}

impl<'a, 'b> Gate<'a, 'b> {
    /// A gate before the first chunk.
    pub(super) fn new(
        sources: &'a [Source],
        strict: bool,
        duplicates: DuplicateCheck<'a, 'b>,
        repeated: Option<&dedup::Repeated>,
        decisions: DecisionLog<'a>,
        progress: &'a Progress,
    ) -> Self {
        let mut report = StreamReport::new(sources.len());
        for source in sources.iter().filter(|source| source.format == Format::Unread) {
            report.unread.push(Unread { source: source.name.clone(), what: source.note.to_owned() });
        }
        let line_limit = repeated.map_or(0, dedup::Repeated::limit);
        Self { sources, strict, duplicates, line_limit, decisions, progress, report, first_damage: None }
    }
}

impl Gate<'_, '_> {
    /// Takes the next chunk; returns its kept documents.
    ///
    /// # Errors
    /// `strict` and a reject; no record of a source's first chunk has the text field; decisions cannot be read or written.
    pub(super) fn admit(&mut self, opened: OpenedChunk) -> Result<ProcessedChunk> {
        let OpenedChunk {
            mut chunk,
            records,
            mut rejects,
            notes,
            damage,
            rows: filter_rows,
            normalize,
            filter,
            first,
            moved,
            bytes,
        } = opened;
        let source = &self.sources[chunk.source];
        self.report.records += records;
        self.report.normalize.merge(&normalize);
        self.report.filter.merge(&filter);
        if first && chunk.documents.is_empty() {
            check_text_field(source, &rejects)?;
        }
        if let Some(error) = damage {
            if self.strict {
                return Err(error);
            }
            let (source, what) = (source.name.clone(), error.to_string());
            self.report.damaged.push(Unread { source, what });
            self.first_damage.get_or_insert(error);
        }
        for note in &notes {
            *self.report.read.entry(note.rule.clone()).or_default() += 1;
        }
        if self.strict
            && let Some(reject) = rejects.first()
        {
            return Err(strict_error(reject, source));
        }
        let mut rows: Vec<Row> = if self.decisions.ledger.is_some() {
            let unusable = rejects.iter().filter(|reject| reject.reason != Reason::Filtered);
            let unusable = unusable.map(|reject| unusable_record_row(reject, source));
            let notes = notes.into_iter().map(|note| reader_row(note, source));
            unusable.chain(notes).chain(filter_rows).collect()
        } else {
            Vec::new()
        };
        let mut documents = Vec::with_capacity(chunk.documents.len());
        for kept in chunk.documents {
            if let Some((reject, row)) = self.find_duplicate(&kept, source)? {
                rejects.push(reject);
                rows.extend(row);
                continue;
            }
            if let Some(reject) = kept.failure {
                rows.push(unusable_record_row(&reject, source));
                rejects.push(reject);
                continue;
            }
            if kept.cut.lines > 0 {
                self.report.cut.lines += kept.cut.lines;
                self.report.cut.bytes += kept.cut.bytes;
                rows.push(repeated_lines_row(&kept.document, kept.cut, source, self.line_limit));
            }
            if kept.blank {
                let what = format!("{} has nothing but repeated lines", kept.document.id);
                let (line, raw) = (kept.document.line, Vec::new());
                rejects.push(Reject { line, byte: None, reason: Reason::Empty, what, raw });
            } else {
                documents.push(kept);
            }
        }
        chunk.documents = documents;
        if self.strict
            && let Some(reject) = rejects.iter().find(|reject| reject.reason == Reason::InternalError)
        {
            return Err(strict_error(reject, source));
        }
        rejects.sort_by_key(|reject| reject.line);
        for reject in &rejects {
            *self.report.rejected.entry(reject.reason.name()).or_default() += 1;
        }
        self.decisions.write(&rejects, rows, source)?;
        let before = self.report.documents;
        // A journaled chunk carries either its signed documents or the emitted ones.
        if let Some(ChunkRecord::Journaled(entry)) = &chunk.record {
            for signed in &entry.frame.documents {
                self.report.add(chunk.source, signed.key, signed.bytes);
            }
        }
        for kept in &chunk.documents {
            self.report.add(chunk.source, kept.key, kept.bytes);
        }
        self.progress.advance(moved);
        self.progress.add(bytes, self.report.documents - before);
        Ok(chunk)
    }

    /// Rejects documents over which a step after this one panicked, and takes them out of the counts.
    ///
    /// # Errors
    /// `strict`; the decisions cannot be written.
    pub(super) fn reject_late(&mut self, failures: Failures) -> Result<()> {
        for Failure { source: index, reject, bytes } in failures.0 {
            let source = &self.sources[index];
            if self.strict {
                return Err(strict_error(&reject, source));
            }
            self.report.remove(index, bytes);
            *self.report.rejected.entry(reject.reason.name()).or_default() += 1;
            let row = self.decisions.ledger.is_some().then(|| unusable_record_row(&reject, source));
            self.decisions.write(&[reject], row.into_iter().collect(), source)?;
        }
        Ok(())
    }

    /// The reject and the ledger's row of a document that duplicates another. A pass that gives no reasons has no row.
    fn find_duplicate(
        &mut self,
        kept: &KeptDocument,
        source: &Source,
    ) -> Result<Option<(Reject, Option<Row>)>> {
        let line = kept.document.line;
        Ok(match &mut self.duplicates {
            DuplicateCheck::None => None,
            DuplicateCheck::Exact(seen) => seen.insert(kept.key, &source.name, line)?.map(|first| {
                let (reject, row) = duplicate_of_earlier(&kept.document, first, source);
                (reject, Some(row))
            }),
            DuplicateCheck::Planned(removals) => match removals.next()? {
                dedup::Decision::Keep => None,
                dedup::Decision::Drop(None) => {
                    let (reason, what, raw) = (Reason::Duplicate, String::new(), Vec::new());
                    Some((Reject { line, byte: None, reason, what, raw }, None))
                }
                dedup::Decision::Drop(Some(removal)) => {
                    let (reject, row) = removed_document(&kept.document, removal, source);
                    Some((reject, Some(row)))
                }
            },
        })
    }
}

/// The error that ends a strict run.
fn strict_error(reject: &Reject, source: &Source) -> Error {
    let error = Error::data(reject.what.clone()).at_place(reject.place(&source.path));
    error.hint("correct the record, or run without --strict to skip it and keep it in the rejects")
}

/// Err when no record of a source's first chunk has the text field: that is a wrong field name, not bad luck.
fn check_text_field(source: &Source, rejects: &[Reject]) -> Result<()> {
    let missing = |reject: &Reject| reject.reason == Reason::MissingField;
    match rejects.first() {
        Some(reject) if rejects.iter().all(missing) => Err(reader::missing_field_error(source, reject)),
        _ => Ok(()),
    }
}
