//! The shard of a step: the part of the input that it reads, and the decisions that it applies.

use super::super::near_dedup::{FirstPassReplay, ShardReport, whole};
use super::super::resume::Shard;
use super::super::stream::SourcePart;
use super::decide::LinesBefore;
use super::run::{Run, again, not_done};
use super::{Decisions, Judged, Step};
use crate::error::{Error, Result};
use crate::reader::Source;

/// The state that the step `decide` left, for the steps after it.
pub(in crate::pipeline) struct Decided {
    pub(super) judged: Vec<Judged>,
    pub(super) decisions: Decisions,
}

impl Decided {
    /// Reads the notes of the shards and the decisions about their documents.
    ///
    /// # Errors
    /// Shards are missing, or were judged again after the decisions; a loss was accepted that this run does not accept.
    pub(super) fn open(run: &Run<'_>) -> Result<Self> {
        let judged = run.judged()?;
        let path = run.decisions_path();
        let decisions = Decisions::open(&path, run.decisions_key(&judged));
        let decisions = decisions.map_err(|error| again(error, Step::Decide, None))?;
        let decisions = decisions.ok_or_else(|| not_done(Step::Decide, &path))?;
        if let Some(loss) = &decisions.loss
            && !run.near.accept_loss
        {
            return Err(Error::data(loss.clone()).hint(crate::dedup::ACCEPT_LOSS));
        }
        Ok(Self { judged, decisions })
    }

    /// The number of shards.
    pub(super) fn shards(&self) -> u32 {
        self.judged.len() as u32
    }

    /// What shard `shard` reads and applies.
    ///
    /// # Errors
    /// The step `judge` had another number of shards.
    pub(super) fn task<'a>(&'a self, run: &Run<'a>, shard: Shard) -> Result<Task<'a>> {
        if shard.of() != self.shards() {
            let of = self.shards();
            let what = format!("the step judge had {of} shards, so there is no shard {}", shard.written());
            return Err(Error::usage(what).hint(format!("use the same number in all steps: --shard I/{of}")));
        }
        let number = shard.number() as usize - 1;
        let mut lines = LinesBefore::new(run.sources().count());
        for judged in &self.judged[..number] {
            lines.add(judged, run.sources());
        }
        let judged = &self.judged[number];
        let part = |(at, source): (usize, &crate::reader::Source)| SourcePart {
            units: judged.sources[at].units.clone(),
            // A reader of a part that starts with the file counts its lines itself.
            lines_before: if source.units() > 1 { lines.of(at) } else { 0 },
        };
        let parts = run.sources().enumerate().map(part).collect();
        Ok(Task { decided: self, number, parts })
    }
}

/// A shard of a step.
pub(super) struct Task<'a> {
    decided: &'a Decided,
    number: usize,
    /// The part of each source, over all phases.
    pub(super) parts: Vec<SourcePart>,
}

impl<'a> Task<'a> {
    /// For a pass over the part: what was judged and decided about it.
    ///
    /// # Errors
    /// The journal of the shard cannot be read.
    pub(super) fn replay(&self) -> Result<FirstPassReplay<'a>> {
        let Decided { judged, decisions } = self.decided;
        let documents = decisions.documents_of(self.number);
        let frames = judged[self.number].frames()?.count_from(documents.start);
        let removals = decisions.reader(documents)?;
        Ok(FirstPassReplay { removals, frames, encoded: 0, references_from: u32::MAX })
    }

    /// The parts of the sources of each phase.
    pub(super) fn phases(&self, run: &Run<'_>) -> Vec<&[SourcePart]> {
        let mut rest = self.parts.as_slice();
        let mut found = Vec::new();
        for phase in &run.phases {
            let (own, others) = rest.split_at(phase.sources.len());
            found.push(own);
            rest = others;
        }
        found
    }

    /// What the shard reports, with the counts of its documents.
    pub(super) fn report(
        &self,
        run: &Run<'_>,
        (records, documents, bytes): (u64, u64, u64),
        read_before: u64,
        file: std::path::PathBuf,
    ) -> ShardReport {
        ShardReport {
            records,
            documents,
            bytes,
            read: run.volume() - read_before,
            input: run.input_bytes(),
            whole: whole(run.sources()),
            folder: file,
        }
    }
}

/// Bytes of the part of some sources, for progress.
pub(super) fn part_bytes(sources: &[Source], part: &[SourcePart]) -> u64 {
    sources.iter().zip(part).map(|(source, own)| source.bytes_of(&own.units)).sum()
}

/// The error of a shard whose input is not what was judged. Other errors stay as they are.
pub(super) fn since_judged(error: Error, shard: Shard) -> Error {
    let changed = Error::changed();
    if error.what != changed.what {
        return error;
    }
    let place = error.place;
    let hint = format!(
        "run the step judge of this shard again, --step judge --shard {}, and after it all steps from decide on",
        shard.written()
    );
    let error = Error { place, ..Error::data("the input changed since the step judge") };
    error.hint(hint)
}
