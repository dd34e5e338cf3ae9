//! What a shard notes when it has judged its part: which units it read, and where its chunks are in their files.
//!
//! The note is the proof that the journal beside it is complete, and the only place that knows how many lines a part has: a task
//! that reads a part does not know the lines before it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::output::write_atomic;
use super::super::resume::{Decoder, Encoder, FrameReader, Journal, Shard};
use super::super::stream::SourcePart;
use super::Step;
use super::run::missing;
use crate::error::{Error, Result};
use crate::reader::{Cut, Seams, Source};

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
    pub(super) seams: Seams,
}

/// The meaning of a note. It is the seed of the checksum, so a note of another version is no note.
const VERSION: u64 = 2;

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
            seams: Seams::default(),
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

    /// Notes where the source number `source` was read.
    pub(in crate::pipeline) fn set_seams(&mut self, source: usize, seams: Seams) {
        if let Some(source) = self.sources.get_mut(source) {
            source.seams = seams;
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
        for JudgedSource { size, units, lines, damaged, seams } in &self.sources {
            out.put_u64(*size).put_u64(units.start).put_u64(units.end).put_u64(*lines);
            out.put_u32((*damaged).into()).put_option(seams.start).put_option(seams.end);
        }
        out.put_u64(self.first_lines.len() as u64);
        self.first_lines.iter().for_each(|line| {
            out.put_u64(*line);
        });
        let body = out.finish();
        let mut out = Encoder::default();
        out.put_u64(xxh3_64_with_seed(&body, VERSION));
        let mut bytes = out.finish();
        bytes.extend_from_slice(&body);
        bytes
    }

    fn decode(bytes: &[u8], folder: &Path) -> Option<Self> {
        let (sum, body) = bytes.split_first_chunk()?;
        if u64::from_le_bytes(*sum) != xxh3_64_with_seed(body, VERSION) {
            return None;
        }
        let mut from = Decoder::new(body);
        let (key, digest, count) = (from.u64()?, from.u64()?, from.u32()?);
        let source = |from: &mut Decoder<'_>| {
            let (size, units, lines) = (from.u64()?, from.u64()?..from.u64()?, from.u64()?);
            let (damaged, seams) = (from.u32()? == 1, Seams { start: from.option()?, end: from.option()? });
            Some(JudgedSource { size, units, lines, damaged, seams })
        };
        let sources = (0..count).map(|_| source(&mut from)).collect::<Option<_>>()?;
        let first_lines = (0..from.u64()?).map(|_| from.u64()).collect::<Option<_>>()?;
        from.is_at_end().then(|| Self { key, digest, sources, first_lines, folder: folder.to_owned() })
    }

    /// The frames of the shard, which are compared with the note.
    ///
    /// # Errors
    /// The journal is gone.
    pub(super) fn frames(&self) -> Result<FrameReader> {
        let frames = Journal::of_shard(&self.folder, self.key).read();
        Ok(frames.map_err(|error| self.changed(&error.what))?.prove(self.key, self.digest, self.hint()))
    }

    /// The error of a journal that is not what its shard wrote.
    pub(super) fn changed(&self, why: &str) -> Error {
        Error::data(format!("the journal of the shard is not what its shard wrote ({why})"))
            .at(&self.folder)
            .hint(self.hint())
    }

    fn hint(&self) -> String {
        let name = self.folder.file_name().and_then(|name| Shard::from_name(name.to_str()?));
        let shard = name.map_or_else(|| "I/N".to_owned(), Shard::written);
        format!("run the same command with --step judge --shard {shard}, and then this step again")
    }

    /// Checks that the parts of each source join: that nothing of it is between two parts.
    ///
    /// # Errors
    /// They do not. The error names the file.
    pub(super) fn check_seams<'a>(judged: &[Self], sources: impl Iterator<Item = &'a Source>) -> Result<()> {
        for (number, source) in sources.enumerate() {
            let parts = || judged.iter().map(|judged| &judged.sources[number]);
            // Row groups belong to units by their places, and one shard alone reads what a reader of the whole file reads.
            let is_shared = parts().any(|part| !part.units.is_empty() && part.units != (0..source.units()));
            if !is_shared || source.cut == Cut::RowGroups || parts().any(|part| part.damaged) {
                continue;
            }
            if !Seams::are_joined(parts().map(|part| part.seams)) {
                let what = "only some of the frames or members have marks with their length, so parts of the file do not join";
                return Err(Error::data(what)
                    .at(&source.name)
                    .hint("compress the file again with one program, or run the same command without --step and --shard"));
            }
        }
        Ok(())
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
        let seams = Seams { start: Some(3), end: None };
        let sources = vec![JudgedSource { size: 9, units: 2..5, lines: 70, damaged: true, seams }];
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
