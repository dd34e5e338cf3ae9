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
use super::report::StreamReport;
use super::worker::Worker;
use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{Chunk, Fields, Reader, Seams, Source};

/// The part of a source that a task reads.
#[derive(Debug, Clone, Default)]
pub(in crate::pipeline) struct SourcePart {
    /// The units.
    pub units: Range<u64>,
    /// Lines of the source before them; 0 where no stage knows them yet.
    pub lines_before: u64,
}

/// One pass over the documents of some sources.
pub(in crate::pipeline) struct DocumentStream<'a, 'b> {
    pub sources: &'a [Source],
    /// The part of each source that is read; `None` reads all.
    pub part: Option<&'a [SourcePart]>,
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
            part: None,
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
        let Self { sources, part, options, replay, duplicates, decisions, progress } = self;
        let (repeated, removed) = duplicates.planned(options.kind);
        let mut gate = Gate::new(sources, options.strict, duplicates, repeated, decisions, progress);
        let mut chunks = ChunkSource::new(sources, part, &options.fields, replay);
        let workers = Workers { threads: options.threads, progress };
        workers.run(
            || chunks.next(),
            || (Worker::new(sources, options, repeated, removed), local()),
            |(worker, _), (index, chunk, state)| open(worker, index, chunk, state),
            |opened| gate.admit(opened),
            |(_, own), chunk| close(own, chunk),
            |done| sink(done, &mut failures),
        )?;
        gate.reject_late(failures)?;
        gate.report.seams = chunks.seams;
        // The other shards may have read more.
        if part.is_none() {
            gate.report.check_damage(gate.first_damage)?;
        }
        Ok(gate.report)
    }

    /// Sends every chunk through `close` (parallel) to `sink` (in order), with the documents that the pass is going to remove:
    /// for a task that prepares a chunk and leaves the decisions to another one.
    ///
    /// # Errors
    /// A source cannot be read, or an error of `close` or `sink`.
    pub(in crate::pipeline) fn run_ungated<D: Send, L>(
        self,
        local: impl Fn() -> L + Sync,
        close: impl Fn(&mut L, OpenedChunk) -> Result<D> + Sync,
        sink: impl FnMut(D) -> Result<()> + Send,
    ) -> Result<()> {
        let Self { sources, part, options, replay, duplicates, progress, .. } = self;
        let (repeated, removed) = duplicates.planned(options.kind);
        let mut chunks = ChunkSource::new(sources, part, &options.fields, replay);
        let workers = Workers { threads: options.threads, progress };
        workers.run(
            || chunks.next(),
            || (Worker::new(sources, options, repeated, removed), local()),
            |(worker, _), (index, chunk, state)| open(worker, index, chunk, state),
            |opened| {
                progress.advance(opened.moved);
                progress.add(opened.bytes, opened.chunk.documents.len() as u64);
                Ok(opened)
            },
            |(_, own), opened| close(own, opened),
            sink,
        )
    }

    /// Sends chunks that tasks prepared through the gate to `sink`, in order, and reads no source. `next` returns a chunk and
    /// what belongs to it.
    ///
    /// # Errors
    /// As [`DocumentStream::run_to`], or an error of `next`.
    pub(in crate::pipeline) fn join<T: Send>(
        self,
        mut next: impl FnMut() -> Result<Option<(OpenedChunk, T)>> + Send,
        mut sink: impl FnMut(ProcessedChunk, T, &mut Failures) -> Result<()> + Send,
    ) -> Result<StreamReport> {
        let mut failures = Failures::default();
        let Self { sources, options, duplicates, decisions, progress, .. } = self;
        let (repeated, _) = duplicates.planned(options.kind);
        let mut gate = Gate::new(sources, options.strict, duplicates, repeated, decisions, progress);
        let workers = Workers { threads: options.threads.min(JOINING_THREADS), progress };
        workers.run(
            || Ok(next()?.map(|(opened, own)| (opened.bytes as usize, (opened, own)))),
            || (),
            |(), chunk| Ok(chunk),
            |(opened, own)| Ok((gate.admit(opened)?, own)),
            |(), chunk| Ok(chunk),
            |(chunk, own)| sink(chunk, own, &mut failures),
        )?;
        gate.reject_late(failures)?;
        gate.report.check_damage(gate.first_damage)?;
        Ok(gate.report)
    }
}

/// Reading, the gate and the sink: a join has no more to do at once.
const JOINING_THREADS: usize = 3;

/// Reads the chunks of a pass, each with what is known about it.
struct ChunkSource<'a> {
    sources: &'a [Source],
    part: Option<&'a [SourcePart]>,
    fields: &'a Fields,
    replay: ReplaySource<'a>,
    /// The next source.
    at: usize,
    reading: Option<(usize, Reader)>,
    /// Where each source was read.
    seams: Vec<Seams>,
}

/// A chunk, its source, and what is known about it.
type KnownChunk = (usize, Chunk, ReplayState);

impl<'a> ChunkSource<'a> {
    fn new(
        sources: &'a [Source],
        part: Option<&'a [SourcePart]>,
        fields: &'a Fields,
        replay: ReplaySource<'a>,
    ) -> Self {
        let seams = vec![Seams::default(); sources.len()];
        Self { sources, part, fields, replay, at: 0, reading: None, seams }
    }

    /// The next chunk and its bytes in memory; `None` at the end.
    fn next(&mut self) -> Result<Option<(usize, KnownChunk)>> {
        loop {
            if let Some((index, reader)) = self.reading.as_mut() {
                if let Some(chunk) = reader.next_chunk()? {
                    let state = self.replay.state_of(*index, &self.sources[*index], &chunk)?;
                    return Ok(Some((chunk.bytes, (*index, chunk, state))));
                }
                self.seams[*index] = reader.seams();
            }
            let (index, Some(source)) = (self.at, self.sources.get(self.at)) else { return Ok(None) };
            self.at += 1;
            let reader = match self.part.map(|part| &part[index]) {
                None => Reader::open(source, self.fields)?,
                Some(own) if own.units.is_empty() => continue,
                Some(own) => {
                    let mut reader = Reader::open_units(source, self.fields, own.units.clone())?;
                    reader.count_from(own.lines_before);
                    reader
                }
            };
            self.reading = Some((index, reader));
        }
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
