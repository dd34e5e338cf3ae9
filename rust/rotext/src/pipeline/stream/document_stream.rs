//! The flow that every verb shares: from files to clean, distinct documents.
//!
//! ```text
//! read a chunk -> process or replay it (parallel) -> gate (in order) -> close (parallel) -> sink (in order)
//! ```

use std::ops::Range;

use super::super::output::DecisionLog;
use super::chunk::{ChunkRecord, OpenedChunk, ProcessedChunk};
use super::gate::{DuplicateCheck, Failures, Gate};
use super::options::Options;
use super::ordered::Workers;
use super::replay::skip;
use super::replay_source::{ReplaySource, ReplayState};
use super::report::{StreamReport, Unread};
use super::worker::Worker;
use crate::dedup;
use crate::document::TextKind;
use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{Chunk, Format, Reader, Source};

/// One pass over the documents of some sources.
pub(in crate::pipeline) struct DocumentStream<'a, 'b> {
    pub sources: &'a [Source],
    /// The units of each source that are read; `None` reads all.
    pub units: Option<&'a [Range<u64>]>,
    pub options: &'a Options,
    /// Where earlier results come from.
    pub replay: ReplaySource<'a>,
    /// How duplicates are removed.
    pub duplicates: DuplicateCheck<'a, 'b>,
    /// Where decisions are written.
    pub decisions: DecisionLog<'a>,
    pub progress: &'a Progress,
}

impl<'a> DocumentStream<'a, '_> {
    /// A pass that processes every chunk, keeps duplicates, and writes no decision down.
    pub(in crate::pipeline) fn new(
        sources: &'a [Source],
        options: &'a Options,
        progress: &'a Progress,
    ) -> Self {
        Self {
            sources,
            units: None,
            options,
            replay: ReplaySource::None,
            duplicates: DuplicateCheck::None,
            decisions: DecisionLog::default(),
            progress,
        }
    }

    /// Sends every kept document through `close` (parallel) to `sink` (in order). `local` makes what one thread needs in `close`.
    ///
    /// # Errors
    /// A source cannot be read, none of its records has the text field, `strict` and a reject, nothing but damaged
    /// sources, or an error of `close` or `sink`.
    pub(in crate::pipeline) fn run<D: Send, L>(
        self,
        local: impl Fn() -> L + Sync,
        close: impl Fn(&mut L, ProcessedChunk) -> Result<D> + Sync,
        mut sink: impl FnMut(D) -> Result<()> + Send,
    ) -> Result<StreamReport> {
        self.run_to(local, close, |done, _| sink(done))
    }

    /// As [`DocumentStream::run`]. `sink` may add documents over which `close` panicked; they become rejects at the end.
    ///
    /// # Errors
    /// As [`DocumentStream::run`].
    pub(in crate::pipeline) fn run_to<D: Send, L>(
        self,
        local: impl Fn() -> L + Sync,
        close: impl Fn(&mut L, ProcessedChunk) -> Result<D> + Sync,
        mut sink: impl FnMut(D, &mut Failures) -> Result<()> + Send,
    ) -> Result<StreamReport> {
        let mut failures = Failures::default();
        let Self { sources, units, options, mut replay, duplicates, decisions, progress } = self;
        let (mut repeated, mut removed) = (None, None);
        if let DuplicateCheck::Planned(removals) = &duplicates {
            repeated = (options.kind == TextKind::Web).then(|| removals.repeated());
            removed = Some(removals.removed());
        }
        let mut gate = Gate {
            sources,
            strict: options.strict,
            duplicates,
            line_limit: repeated.map_or(0, dedup::Repeated::limit),
            decisions,
            progress,
            report: StreamReport::new(sources.len()),
            first_damage: None,
        };
        for source in sources.iter().filter(|source| source.format == Format::Unread) {
            gate.report.unread.push(Unread { source: source.name.clone(), what: source.note.to_owned() });
        }
        let mut files = sources.iter().enumerate();
        let mut reading: Option<(usize, Reader)> = None;
        let workers = Workers { threads: options.threads, progress };
        workers.run(
            || {
                loop {
                    if let Some((index, reader)) = reading.as_mut()
                        && let Some(chunk) = reader.next_chunk()?
                    {
                        let state = replay.state_of(*index, &sources[*index], &chunk)?;
                        return Ok(Some((chunk.bytes, (*index, chunk, state))));
                    }
                    let Some((index, source)) = files.next() else { return Ok(None) };
                    let reader = match units.map(|units| units[index].clone()) {
                        None => Reader::open(source, &options.fields)?,
                        Some(own) if own.is_empty() => continue,
                        Some(own) => Reader::open_units(source, &options.fields, own)?,
                    };
                    reading = Some((index, reader));
                }
            },
            || (Worker::new(sources, options, repeated, removed), local()),
            |(worker, _), (index, chunk, state)| open(worker, index, chunk, state),
            |opened| gate.admit(opened),
            |(_, own), chunk| close(own, chunk),
            |done| sink(done, &mut failures),
        )?;
        gate.reject_late(failures)?;
        // The other shards may have read more.
        if units.is_none() {
            gate.report.check_damage(gate.first_damage)?;
        }
        Ok(gate.report)
    }
}

/// Turns a chunk into documents, with what is known about it already.
fn open(worker: &mut Worker<'_>, source: usize, chunk: Chunk, state: ReplayState) -> Result<OpenedChunk> {
    match state {
        ReplayState::Unknown { record_as } => Ok(worker.process(source, chunk, record_as)),
        ReplayState::Journaled { entry, emit_documents: false } => Ok(skip(source, &chunk, entry)),
        ReplayState::Journaled { entry, emit_documents: true } => {
            let mut opened = worker.replay(source, chunk, &entry.frame, None, false)?;
            opened.chunk.record = Some(ChunkRecord::Journaled(entry));
            Ok(opened)
        }
        ReplayState::Decided { frame, first, encoded } => {
            worker.replay(source, chunk, &frame, Some(first), encoded)
        }
    }
}
