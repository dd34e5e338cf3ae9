//! The step `decide`: which documents are removed and which are held out, from what the shards judged.
//!
//! It reads the journals of the shards in the order of the input, and no input.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::super::hold_out::HoldOuts;
use super::super::near_dedup::{FrameWords, push};
use super::super::output::{lock_path, lock_workdir, remove_folder};
use super::super::resume::{Frame, Journal};
use super::record_file::RecordWriter;
use super::run::Run;
use super::{Decisions, Judged};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// Decides; returns the file and the report of deduplication.
///
/// # Errors
/// Shards are missing or were changed, a file that is cut into units is damaged; as `Deduplicator::finish`.
pub(super) fn decide(run: &Run<'_>, progress: &Progress) -> Result<(PathBuf, Value)> {
    let judged = run.judged()?;
    check_damage(&judged, run.sources())?;
    let path = run.decisions_path();
    // Both are locks: the file keeps its old content until the new one is whole.
    let file = RecordWriter::create(&path, run.decisions_key(&judged))?;
    let scratch = run.shards.join("scratch");
    let _lock = lock_workdir(&scratch, "")?;
    let decided = (|| {
        let names: Vec<&str> = run.sources().map(|source| source.name.as_str()).collect();
        let input = run.first_pass();
        let phase_of = input.phase_of();
        let mut deduplicator = input.deduplicator(&scratch, None)?;
        let words = judged.iter().map(|judged| Journal::of_shard(&judged.folder, run.key).words());
        let words: Vec<PathBuf> = words.collect();
        if let Some((lacking, _)) = judged.iter().zip(&words).find(|(_, words)| !words.exists()) {
            return Err(lacking.changed("its file of words is missing"));
        }
        deduplicator.read_words_in(words)?;
        let mut documents = vec![0; run.phases.len()];
        let (mut first_documents, mut lines) = (Vec::new(), LinesBefore::new(names.len()));
        progress.begin("collect", judged.iter().map(|judged| judged.first_lines.len() as u64).sum());
        for (number, judged) in (0u32..).zip(&judged) {
            first_documents.push(documents.iter().sum::<u64>() as u32);
            each_frame(judged, run.key, |frame, first_line, words_at| {
                progress.check()?;
                progress.advance(1);
                progress.add(0, frame.documents.len() as u64);
                let source = frame.source as usize;
                documents[phase_of[source]] += frame.documents.len() as u64;
                let place = (names[source], lines.of(source) + first_line);
                push(&mut deduplicator, &frame, place, FrameWords::In(number, words_at))
            })?;
            lines.add(judged, run.sources());
        }
        let phases = run.phases.iter().map(|phase| phase.name);
        let mut hold_outs = HoldOuts::new(run.options.valid_share, phases, &documents)?;
        let held_out = |key, source: u32| hold_outs.holds_out(key, phase_of[source as usize]);
        let removals = deduplicator.finish(held_out, progress)?;
        let loss = removals.report().loss.clone();
        let report = serde_json::to_value(removals.report()).map_err(|e| Error::data(e.to_string()))?;
        let (removals, reasons) = removals.into_saved()?;
        let head = (&hold_outs.finish()[..], &first_documents[..], &report, loss.as_deref());
        Decisions::write(file, head, &removals, reasons)?;
        Ok((path, report))
    })();
    let _ = remove_folder(&scratch);
    let _ = std::fs::remove_file(lock_path(&scratch));
    decided
}

/// A file that is cut into units and damaged gives its parts other chunks than a reader of the whole file, which stops there.
fn check_damage<'a>(judged: &[Judged], sources: impl Iterator<Item = &'a Source>) -> Result<()> {
    for (number, source) in sources.enumerate() {
        let damaged = |judged: &Judged| {
            let part = &judged.sources[number];
            part.damaged && (part.units.start > 0 || part.units.end < source.units())
        };
        if judged.iter().any(damaged) {
            return Err(Error::data("the file is damaged and shared by shards, which the steps cannot do")
                .at(&source.name)
                .hint("download or write the file again, or run the same command without --step"));
        }
    }
    Ok(())
}

/// The lines of each source before the part of a shard.
pub(super) struct LinesBefore(Vec<u64>);

impl LinesBefore {
    /// Before the first shard.
    pub(super) fn new(sources: usize) -> Self {
        Self(vec![0; sources])
    }

    /// The lines before the part of the source. Rows of Parquet are counted from the start of the file by their reader.
    pub(super) fn of(&self, source: usize) -> u64 {
        self.0[source]
    }

    /// Goes on to the next shard.
    pub(super) fn add<'a>(&mut self, judged: &Judged, sources: impl Iterator<Item = &'a Source>) {
        for ((before, part), source) in self.0.iter_mut().zip(&judged.sources).zip(sources) {
            if source.cut != crate::reader::Cut::RowGroups {
                *before += part.lines;
            }
        }
    }
}

/// Calls `each` with the frames of a shard, the lines before their chunks in the part, and the bytes before their words. The words
/// are compared with their hash.
fn each_frame(judged: &Judged, key: u64, mut each: impl FnMut(Frame, u64, u64) -> Result<()>) -> Result<()> {
    let mut frames = judged.frames()?;
    let path = Journal::of_shard(&judged.folder, key).words();
    let file = File::open(&path).map_err(|e| judged.changed(&format!("its file of words: {e}")))?;
    let mut words = BufReader::with_capacity(1 << 20, file);
    let mut words_at = 0;
    let mut bytes = Vec::new();
    for first_line in &judged.first_lines {
        let (frame, ..) = frames.next()?.ok_or_else(|| judged.changed("frames are missing"))?;
        bytes.clear();
        (&mut words).take(frame.word_bytes()).read_to_end(&mut bytes).map_err(|e| Error::io(&path, &e))?;
        if bytes.len() as u64 != frame.word_bytes() || xxh3_64(&bytes) != frame.words {
            return Err(judged.changed("its words do not match"));
        }
        each(frame, *first_line, words_at)?;
        words_at += bytes.len() as u64;
    }
    if frames.next()?.is_some() { Err(judged.changed("it has more frames")) } else { Ok(()) }
}
