//! Work units: parts of a source that can be read alone, so that a task of a cluster reads its own and no others.
//!
//! | source | a unit is |
//! |---|---|
//! | plain JSON lines | [`UNIT_BYTES`] of the file, cut at line ends |
//! | zstd of many frames with marks (pzstd) or a table (the seekable format) | the frames that begin in [`UNIT_BYTES`] of the file |
//! | gzip of many members with marks (bgzip) | the members that begin there |
//! | Parquet | the row groups that begin there |
//! | everything else | the whole source |
//!
//! Unit u has what begins in bytes u · `UNIT_BYTES` to (u + 1) · `UNIT_BYTES` of the file. So the number of units follows from the
//! size alone, and units need no list. A frame ends within a line: the line belongs to the unit where it begins, and the first
//! line end of a unit belongs to the unit before. A reader of the whole source cuts its chunks at the same places, so both see
//! the same chunks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::marks;
use super::source::{Format, Source};
use crate::error::Result;

/// Bytes of a file between two units. Less would make the parts that are read twice (to the next line end, to the next mark) more
/// than a few percent.
pub const UNIT_BYTES: u64 = 8 << 20;

/// How a source is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Not at all.
    Whole,
    /// Between any two lines.
    Lines,
    /// Between frames that follow a mark with their length, as `pzstd` writes them.
    MarkedFrames,
    /// Between frames that a table at the end lists: the seekable format of zstd.
    ListedFrames,
    /// Between members whose header has their length, as `bgzip` writes them.
    Members,
    /// Between row groups.
    RowGroups,
}

impl Source {
    /// The number of units.
    #[must_use]
    pub fn units(&self) -> u64 {
        match self.cut {
            _ if self.format == Format::Unread => 0,
            Cut::Whole => 1,
            _ => self.size.div_ceil(UNIT_BYTES).max(1),
        }
    }

    /// Bytes of the file that belong to some units.
    #[must_use]
    pub fn bytes_of(&self, units: &Range<u64>) -> u64 {
        match self.cut {
            Cut::Whole => self.size * (units.end - units.start).min(1),
            _ => (units.end * UNIT_BYTES).min(self.size) - (units.start * UNIT_BYTES).min(self.size),
        }
    }

    /// Where in the file a unit begins. `None`: nothing begins in it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn unit_start(&self, unit: u64) -> Result<Option<u64>> {
        let window = unit * UNIT_BYTES..((unit + 1) * UNIT_BYTES).min(self.size);
        Ok(match self.cut {
            Cut::Whole => (unit == 0).then_some(0),
            _ if unit == 0 => Some(0),
            Cut::Lines | Cut::RowGroups => Some(window.start).filter(|start| *start < self.size),
            Cut::ListedFrames => marks::listed(self)?.into_iter().find(|start| window.contains(start)),
            Cut::MarkedFrames => marks::find(self, window, marks::is_pzstd)?,
            Cut::Members => marks::find(self, window, marks::is_bgzip)?,
        })
    }
}

/// The units of each source that part `rest` of `of` reads: consecutive ones, with about the same bytes in each part.
///
/// Consecutive units are one stream, so a part looks for the begin and the end of its own only once.
pub(crate) fn parts<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    rest: u32,
    of: u32,
) -> Vec<Range<u64>> {
    let sources: Vec<&Source> = sources.into_iter().collect();
    let weight = |source: &Source, unit: u64| match source.cut {
        Cut::Whole => source.size.max(1),
        _ => source.size.saturating_sub(unit * UNIT_BYTES).clamp(1, UNIT_BYTES),
    };
    let all: u128 =
        sources.iter().flat_map(|s| (0..s.units()).map(move |unit| u128::from(weight(s, unit)))).sum();
    let mut before: u128 = 0;
    let mut found = Vec::with_capacity(sources.len());
    for source in sources {
        let mut own: Option<Range<u64>> = None;
        for unit in 0..source.units() {
            // The middle of a unit decides.
            let weight = u128::from(weight(source, unit));
            if (2 * before + weight) * u128::from(of) / (2 * all) == u128::from(rest) {
                own = Some(own.map_or(unit, |range| range.start)..unit + 1);
            }
            before += weight;
        }
        found.push(own.unwrap_or(0..0));
    }
    found
}

/// The place of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// The unit that begins there.
    pub(super) unit: u64,
    /// The byte of the file.
    pub(super) offset: u64,
}

/// Where in its file a part of a source was read: the seams to the parts before and after it.
///
/// The begin of a part is looked for by marks, and its end is found by reading. In a file that is only partly marked (`cat` of
/// files from two programs) the two places differ, and nobody would read what is between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seams {
    /// The byte of the file where the part began. `None`: nothing begins in its units.
    pub start: Option<u64>,
    /// The byte where the next part begins. `None`: the file ended.
    pub end: Option<u64>,
}

impl Seams {
    /// Whether these parts of a source, in order, are all of it: each begins where the one before ended.
    pub fn are_joined(parts: impl IntoIterator<Item = Self>) -> bool {
        let mut at = Some(0);
        for part in parts.into_iter().filter(|part| part.start.is_some()) {
            if part.start != at {
                return false;
            }
            at = part.end;
        }
        at.is_none()
    }
}

/// Stops a stream where a unit begins, until the reader of lines says that it goes on.
///
/// A decompressor asks at each frame, and reports the end of the stream while it is stopped. Other readers of a stream never
/// switch it on, so they see no ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Border(Arc<State>);

#[derive(Debug, Default)]
struct State {
    on: AtomicBool,
    stopped: AtomicBool,
    /// The unit of what is read.
    unit: AtomicU64,
    /// Where in the file it stopped last.
    offset: AtomicU64,
    /// Bytes between two units; 0 is [`UNIT_BYTES`]. Tests take less.
    step: AtomicU64,
}

impl Border {
    /// For a stream that begins with unit `unit`.
    pub(super) fn new(unit: u64) -> Self {
        let border = Self::default();
        border.0.unit.store(unit, Relaxed);
        border
    }

    #[cfg(test)]
    pub(super) fn with_step(unit: u64, step: u64) -> Self {
        let border = Self::new(unit);
        border.0.step.store(step, Relaxed);
        border
    }

    /// Switches it on.
    pub(super) fn watch(&self) {
        self.0.on.store(true, Relaxed);
    }

    fn step(&self) -> u64 {
        match self.0.step.load(Relaxed) {
            0 => UNIT_BYTES,
            step => step,
        }
    }

    /// True when the stream must stop at byte `offset` of the file, where something begins.
    pub(super) fn stops(&self, offset: u64) -> bool {
        if !self.0.on.load(Relaxed) {
            return false;
        }
        let unit = offset / self.step();
        if unit > self.0.unit.load(Relaxed) {
            self.0.unit.store(unit, Relaxed);
            self.0.offset.store(offset, Relaxed);
            self.0.stopped.store(true, Relaxed);
        }
        self.0.stopped.load(Relaxed)
    }

    /// The bytes from `offset` to the next possible stop, for streams that can stop anywhere.
    fn ahead(&self, offset: u64) -> u64 {
        self.step() - offset % self.step()
    }

    /// Where the stream stopped, and lets it go on. `None`: it is at its end.
    pub(super) fn next(&self) -> Option<Stop> {
        let stop = || Stop { unit: self.0.unit.load(Relaxed), offset: self.0.offset.load(Relaxed) };
        self.0.stopped.swap(false, Relaxed).then(stop)
    }
}

/// A plain stream that stops where units begin.
pub(super) struct Stepped<R> {
    inner: R,
    offset: u64,
    border: Border,
}

impl<R> Stepped<R> {
    /// `offset`: the place of the first byte in the file.
    pub(super) fn new(inner: R, offset: u64, border: Border) -> Self {
        Self { inner, offset, border }
    }
}

impl<R: std::io::Read> std::io::Read for Stepped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.border.stops(self.offset) {
            return Ok(0);
        }
        let limit = buffer.len().min(self.border.ahead(self.offset) as usize);
        let read = self.inner.read(&mut buffer[..limit])?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn joined_parts_leave_nothing_between_them() {
        let part = |start, end| Seams { start, end };
        let (first, none) = (part(Some(0), Some(90)), part(None, None));
        assert!(Seams::are_joined([first, none, part(Some(90), None), none]));
        assert!(Seams::are_joined([part(Some(0), None)]));
        for wrong in [vec![], vec![none], vec![first], vec![first, none], vec![first, part(Some(95), None)]] {
            assert!(!Seams::are_joined(wrong));
        }
        assert!(!Seams::are_joined([part(Some(0), None), part(Some(90), None)]));
    }

    proptest! {
        /// Each unit is in exactly one part, whatever the sizes are; parts have about the same bytes.
        #[test]
        fn parts_are_a_partition(sizes in prop::collection::vec((0..200_000_000u64, any::<bool>()), 1..8), of in 1..40u32) {
            let sources: Vec<Source> = sizes
                .iter()
                .map(|(size, whole)| Source::for_test(*size, if *whole { Cut::Whole } else { Cut::Lines }))
                .collect();
            let mut next = vec![0; sources.len()];
            for rest in 0..of {
                for (at, units) in parts(&sources, rest, of).into_iter().enumerate() {
                    if !units.is_empty() {
                        prop_assert_eq!(units.start, next[at]);
                        next[at] = units.end;
                    }
                }
            }
            prop_assert_eq!(next, sources.iter().map(Source::units).collect::<Vec<_>>());
        }
    }
}
