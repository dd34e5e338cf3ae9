//! What a shard notes when it has judged its part: which units it read, and where its chunks are in their files.
//!
//! The note is the proof that the journal beside it is complete, and the only place that knows how many lines a part has: a task
//! that reads a part does not know the lines before it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::output::write_atomic;
use super::super::resume::{Decoder, Encoder, Shard};
use super::super::stream::SourcePart;
use super::Step;
use super::run::missing;
use crate::error::{Error, Result};
use crate::reader::Source;

/// The note of one shard.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pipeline) struct Judged {
    key: u64,
    /// The chained hash of the frames.
    pub(super) digest: u64,
    /// What was read of each source, over all phases.
    pub(super) sources: Vec<JudgedSource>,
    /// The lines before each chunk, in the part of its source.
    pub(super) first_lines: Vec<u64>,
    /// The folder of the shard.
    pub(super) folder: PathBuf,
}

/// What a shard read of one source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JudgedSource {
    /// Bytes of the whole source.
    pub(super) size: u64,
    pub(super) units: Range<u64>,
    /// Lines up to the end of the last chunk.
    pub(super) lines: u64,
    /// The source cannot be read on from a place in this part.
    pub(super) damaged: bool,
}

impl Judged {
    /// The name of the note in the folder of the shard.
    const FILE: &str = "judged";

    /// A note without chunks. `key` is that of the journal.
    pub(in crate::pipeline) fn new<'a, 'b>(
        key: u64,
        sources: impl Iterator<Item = (&'a Source, &'b SourcePart)>,
    ) -> Self {
        let source = |(source, part): (&Source, &SourcePart)| JudgedSource {
            size: source.size,
            units: part.units.clone(),
            lines: 0,
            damaged: false,
        };
        let sources = sources.map(source).collect();
        Self { key, digest: 0, sources, first_lines: Vec::new(), folder: PathBuf::new() }
    }

    /// Adds the next chunk, of the source number `source`.
    pub(in crate::pipeline) fn add(&mut self, source: u32, lines: Range<u64>) {
        self.first_lines.push(lines.start);
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.lines = lines.end;
        }
    }

    /// Notes that the source number `source` is damaged.
    pub(in crate::pipeline) fn add_damage(&mut self, source: usize) {
        if let Some(source) = self.sources.get_mut(source) {
            source.damaged = true;
        }
    }

    /// Writes the note into the folder of the shard. `digest` is the chained hash of the frames.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(in crate::pipeline) fn write(mut self, folder: &Path, digest: u64) -> Result<()> {
        self.digest = digest;
        write_atomic(&folder.join(Self::FILE), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.put_u64(self.key).put_u64(self.digest).put_u32(self.sources.len() as u32);
        for JudgedSource { size, units, lines, damaged } in &self.sources {
            out.put_u64(*size).put_u64(units.start).put_u64(units.end).put_u64(*lines);
            out.put_u32((*damaged).into());
        }
        out.put_u64(self.first_lines.len() as u64);
        self.first_lines.iter().for_each(|line| {
            out.put_u64(*line);
        });
        let body = out.finish();
        let mut out = Encoder::default();
        out.put_u64(xxh3_64(&body));
        let mut bytes = out.finish();
        bytes.extend_from_slice(&body);
        bytes
    }

    fn decode(bytes: &[u8], folder: &Path) -> Option<Self> {
        let (sum, body) = bytes.split_first_chunk()?;
        if u64::from_le_bytes(*sum) != xxh3_64(body) {
            return None;
        }
        let mut from = Decoder::new(body);
        let (key, digest, count) = (from.u64()?, from.u64()?, from.u32()?);
        let source = |from: &mut Decoder<'_>| {
            let (size, units, lines) = (from.u64()?, from.u64()?..from.u64()?, from.u64()?);
            Some(JudgedSource { size, units, lines, damaged: from.u32()? == 1 })
        };
        let sources = (0..count).map(|_| source(&mut from)).collect::<Option<_>>()?;
        let first_lines = (0..from.u64()?).map(|_| from.u64()).collect::<Option<_>>()?;
        from.is_at_end().then(|| Self { key, digest, sources, first_lines, folder: folder.to_owned() })
    }

    /// The note of a shard, if it belongs to this run and reads what the run has for it.
    pub(super) fn read<'a>(
        shards: &Path,
        shard: Shard,
        key: u64,
        sources: impl Iterator<Item = &'a Source> + Clone,
    ) -> Option<Self> {
        let folder = shard.folder(shards);
        let judged = Self::decode(&std::fs::read(folder.join(Self::FILE)).ok()?, &folder)?;
        let part = shard.part(sources.clone());
        let now = Self::new(key, sources.zip(&part));
        let same = |(a, b): (&JudgedSource, &JudgedSource)| a.size == b.size && a.units == b.units;
        let all =
            judged.sources.len() == now.sources.len() && judged.sources.iter().zip(&now.sources).all(same);
        (judged.key == key && all).then_some(judged)
    }

    /// The notes of all shards, of the number of shards that is complete.
    ///
    /// # Errors
    /// Shards are missing.
    pub(super) fn all<'a>(
        shards: &Path,
        key: u64,
        sources: impl Iterator<Item = &'a Source> + Clone,
    ) -> Result<Vec<Self>> {
        let entries = shards.read_dir().into_iter().flatten().flatten();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| Some(Shard::from_name(entry.file_name().to_str()?)?.of())).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // The number with the fewest missing shards; of equal ones the largest.
        let mut best: Option<(Vec<u32>, u32)> = None;
        for of in numbers.into_iter().rev() {
            let read = |number| Self::read(shards, Shard::new(number, of).ok()?, key, sources.clone());
            let found: Vec<Option<Self>> = (1..=of).map(read).collect();
            let lacking: Vec<u32> =
                (1..=of).zip(&found).filter(|(_, found)| found.is_none()).map(|(number, _)| number).collect();
            if lacking.is_empty() {
                return Ok(found.into_iter().flatten().collect());
            }
            if lacking.len() < of as usize
                && best.as_ref().is_none_or(|(fewest, _)| lacking.len() < fewest.len())
            {
                best = Some((lacking, of));
            }
        }
        match best {
            Some((lacking, of)) => Err(missing(Step::Judge, &lacking, of)),
            None => Err(Error::data("no shard has judged these inputs with these options")
                .at(shards)
                .hint("run the same command with --step judge --shard I/N, for each I from 1 to N")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_until_it_is_damaged() {
        let sources = vec![JudgedSource { size: 9, units: 2..5, lines: 70, damaged: true }];
        let folder = PathBuf::from("f");
        let note = Judged { key: 1, digest: 2, sources, first_lines: vec![0, 30], folder: folder.clone() };
        let bytes = note.encode();
        assert_eq!(Judged::decode(&bytes, &folder), Some(note));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(Judged::decode(&damaged, &folder), None);
            assert_eq!(Judged::decode(&bytes[..at], &folder), None);
        }
    }
}
