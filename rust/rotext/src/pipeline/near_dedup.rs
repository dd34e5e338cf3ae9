//! The first pass of deduplication: it signs every document, then decides which documents are removed.

use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::decontaminate;
use super::memory::{table_bytes, window_bytes};
use super::output::{lock_path, lock_workdir};
use super::parts::Judged;
use super::resume::{
    Frame, FrameReader, Journal, JournalEntry, JournalReader, Origin, Shard, SignedDocument, Status,
    shards_folder,
};
use super::stream::{
    ChunkRecord, DocumentStream, DuplicateCheck, KeptDocument, Options as StreamOptions, ProcessedChunk,
    ReplaySource, SourcePart, StreamReport,
};
use crate::dedup::{
    self, Deduplicator, Evaluation, Hashes, Preset, RemovalReader, Removals, Signer, SourceInfo, WordFile,
    Words, hash_bytes, line_hashes, paragraph_hashes, worth,
};
use crate::document::{Document, TextKind};
use crate::error::{Error, Result};
use crate::fault::{guard, trip};
use crate::progress::Progress;
use crate::reader::{Cut, Source, UNIT_BYTES};

/// How near-duplicates are removed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number and size of the bands.
    pub preset: Preset,
    /// Memory of the whole process, in bytes.
    pub max_ram: u64,
    /// Let a source lose any share of its documents.
    pub accept_loss: bool,
    /// The number of web documents that a line may occur in; a line that occurs in more is cut. `None` cuts no line.
    pub repeated_lines: Option<u32>,
    /// Evaluation files. A document that shares 13 consecutive words with one is removed.
    pub evaluation: Vec<Source>,
    /// Texts that are there already: a copy of one is removed, and they stay what and where they are.
    pub references: Vec<Source>,
}

impl Options {
    /// Bytes for sorting and tables.
    ///
    /// # Errors
    /// The limit leaves too little.
    pub(super) fn table_bytes<'a>(
        &self,
        threads: usize,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<usize> {
        table_bytes(self.max_ram, threads, window_bytes(sources))
    }
}

/// The sources of one phase.
pub(super) struct Phase<'a> {
    pub(super) name: &'a str,
    pub(super) kind: TextKind,
    pub(super) sources: &'a [Source],
    /// Its documents are compared with, and stand in no output. Such a phase is the last.
    pub(super) reference: bool,
}

/// What the first pass reads, and how.
pub(super) struct FirstPassInput<'a> {
    pub(super) phases: &'a [Phase<'a>],
    pub(super) stream: &'a StreamOptions,
    pub(super) near: &'a Options,
}

/// What the first pass found and decided.
pub(super) struct FirstPass {
    pub(super) removals: Removals,
    journal: Journal,
    /// A hash of everything that was found: it differs for other documents.
    pub(super) digest: u64,
    /// The index of the first source of references.
    references_from: u32,
}

/// Reads all phases and decides which documents are removed.
///
/// `workdir` takes the journal; the entries of shards of `out` are used. `held_out` gets the documents of the phases and returns a
/// function. That function is asked once for each key, in ascending order, whether the document is held out of its phase.
///
/// # Errors
/// As [`DocumentStream::run`] and [`Deduplicator::finish`].
pub(super) fn first_pass<H: FnMut(u128, usize) -> bool>(
    input: &FirstPassInput<'_>,
    (workdir, out): (&Path, &Path),
    held_out: impl FnOnce(&[u64]) -> Result<H>,
    progress: &Progress,
) -> Result<FirstPass> {
    let FirstPassInput { phases, stream, near } = *input;
    let names: Vec<&str> =
        phases.iter().flat_map(|phase| phase.sources).map(|source| source.name.as_str()).collect();
    let evaluation = decontaminate::read(&near.evaluation, &stream.fields, progress)?;
    let journal = Journal::open(workdir, &input.description(&evaluation))?;
    let (reader, mut writer) = (journal.reader(Some(&shards_folder(out)))?, journal.writer()?);
    let mut deduplicator = input.deduplicator(workdir, Some(journal.words()))?;
    let reports = input.sign(&evaluation, reader, None, progress, |signed, lines| {
        let first_line = lines.start;
        let name = |frame: &Frame| names.get(frame.source as usize).copied().unwrap_or_default();
        match signed {
            SignedChunk::Kept(frame, frame_ref) => {
                writer.keep(frame_ref);
                push(&mut deduplicator, &frame, (name(&frame), first_line), FrameWords::Kept)
            }
            SignedChunk::New(frame, words) => {
                push(&mut deduplicator, &frame, (name(&frame), first_line), FrameWords::New(&words))?;
                writer.append(&frame, |sync| deduplicator.flush(sync))
            }
        }
    })?;
    let digest = writer.finish()?;
    let documents: Vec<u64> = reports.iter().map(|report| report.documents).collect();
    let mut held_out = held_out(&documents)?;
    let phase_of = input.phase_of();
    let removals = deduplicator.finish(|key, source| held_out(key, phase_of[source as usize]), progress)?;
    let inputs = phases.iter().filter(|phase| !phase.reference);
    let references_from = inputs.map(|phase| phase.sources.len() as u32).sum();
    Ok(FirstPass { removals, journal, digest, references_from })
}

/// What one shard found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ShardReport {
    /// Records in the shard, good and bad.
    pub records: u64,
    /// Documents of the shard that passed the filter.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Bytes that were read from files or servers.
    pub read: u64,
    /// Bytes of all input, of which the shard reads its part.
    pub input: u64,
    /// Files that are cut into no units, and hold more than a unit: one task reads all of such a file.
    pub whole: Vec<String>,
    /// The folder of its journal.
    pub folder: PathBuf,
}

/// The first pass over the chunks of one shard. The run that writes `out` takes them from the shard's journal.
///
/// # Errors
/// As [`DocumentStream::run`]; a source is a stream; another run works on the same shard.
pub(super) fn sign_shard(
    input: &FirstPassInput<'_>,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<ShardReport> {
    Shard::check_sources(input.phases.iter().flat_map(|phase| phase.sources))?;
    let folder = shard.folder(&shards_folder(out));
    let _lock = lock_workdir(&folder, Journal::FOLDER)?;
    let found = sign_part(input, &folder, shard, progress);
    let _ = std::fs::remove_file(lock_path(&folder));
    found
}

/// As [`sign_shard`], in its locked folder.
fn sign_part(
    input: &FirstPassInput<'_>,
    folder: &Path,
    shard: Shard,
    progress: &Progress,
) -> Result<ShardReport> {
    let FirstPassInput { phases, stream, near } = *input;
    let sources = || phases.iter().flat_map(|phase| phase.sources);
    let part = shard.part(sources());
    let before = volume(sources());
    let evaluation = decontaminate::read(&near.evaluation, &stream.fields, progress)?;
    let journal = Journal::open(folder, &input.description(&evaluation))?;
    let mut judged = Judged::new(journal.key(), sources().zip(&part));
    let (reader, mut writer) = (journal.reader(None)?, journal.writer()?);
    let mut file = WordFile::open(&journal.words())?;
    let reports = input.sign(&evaluation, reader, Some(&part), progress, |signed, lines| match signed {
        SignedChunk::Kept(frame, frame_ref) => {
            judged.add(frame.source, lines);
            writer.keep(frame_ref);
            frame.documents.iter().try_for_each(|signed| file.push(Hashes::Kept(signed.words)))
        }
        SignedChunk::New(frame, words) => {
            judged.add(frame.source, lines);
            file.push(Hashes::New(&words))?;
            writer.append(&frame, |sync| file.flush(sync))
        }
    })?;
    file.flush(true)?;
    let mut first_source = 0;
    for (phase, report) in phases.iter().zip(&reports) {
        for ((number, source), seams) in (first_source..).zip(phase.sources).zip(&report.seams) {
            judged.set_seams(number, *seams);
            if report.damaged.iter().any(|damaged| damaged.source == source.name) {
                judged.add_damage(number);
            }
        }
        first_source += phase.sources.len();
    }
    judged.write(folder, writer.finish()?)?;
    let sum = |of: fn(&StreamReport) -> u64| reports.iter().map(of).sum();
    Ok(ShardReport {
        records: sum(|report| report.records),
        documents: sum(|report| report.documents),
        bytes: sum(|report| report.bytes),
        read: volume(sources()) - before,
        input: sources().map(|source| source.size).sum(),
        whole: whole(sources()),
        folder: folder.to_owned(),
    })
}

/// Bytes that were read of `sources` so far.
pub(super) fn volume<'a>(sources: impl IntoIterator<Item = &'a Source>) -> u64 {
    sources.into_iter().map(|source| source.volume.bytes()).sum()
}

/// The sources that one task must read alone.
pub(super) fn whole<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Vec<String> {
    let large = sources.into_iter().filter(|source| source.cut == Cut::Whole && source.size > UNIT_BYTES);
    large.map(|source| source.name.clone()).collect()
}

impl FirstPassInput<'_> {
    /// A deduplicator for the documents of all phases, which keeps its scratch files in `folder`, and the words in `words`.
    pub(super) fn deduplicator(&self, folder: &Path, words: Option<PathBuf>) -> Result<Deduplicator> {
        let Self { phases, stream, near } = *self;
        let options = dedup::Options {
            preset: near.preset,
            memory: near.table_bytes(stream.threads, phases.iter().flat_map(|phase| phase.sources))?,
            folder: folder.to_owned(),
            words,
            accept_loss: near.accept_loss,
            repeated_lines: near.repeated_lines,
            threads: stream.threads,
        };
        let infos = phases.iter().flat_map(|phase| {
            phase.sources.iter().map(|source| SourceInfo {
                name: source.name.clone(),
                phase: phase.name.to_owned(),
                kind: phase.kind,
                reference: phase.reference,
            })
        });
        Deduplicator::new(options, infos.collect())
    }

    /// The number of the phase of each source.
    pub(super) fn phase_of(&self) -> Vec<usize> {
        (0..).zip(self.phases).flat_map(|(number, phase)| vec![number; phase.sources.len()]).collect()
    }

    /// Reads, filters and signs all phases, or a part of each source; hands each chunk to `sink`, in order, with its lines.
    fn sign(
        &self,
        evaluation: &Evaluation,
        mut reader: JournalReader,
        part: Option<&[SourcePart]>,
        progress: &Progress,
        mut sink: impl FnMut(SignedChunk, Range<u64>) -> Result<()> + Send,
    ) -> Result<Vec<StreamReport>> {
        let cuts_lines = self.near.repeated_lines.is_some();
        let mut reports = Vec::new();
        let mut first_source = 0;
        for phase in self.phases {
            let own = first_source as usize..first_source as usize + phase.sources.len();
            let part = part.map(|part| &part[own]);
            let bytes = match part {
                None => phase.sources.iter().map(|source| source.size).sum(),
                Some(part) => phase.sources.iter().zip(part).map(|(s, own)| s.bytes_of(&own.units)).sum(),
            };
            progress.begin(&format!("sign {}", phase.name), bytes);
            reader.first_source = first_source;
            let options = StreamOptions { keys: true, kind: phase.kind, ..self.stream.clone() };
            let stream = DocumentStream {
                part,
                replay: ReplaySource::Journal { reader: &mut reader, emit_documents: false },
                ..DocumentStream::new(phase.sources, &options, progress)
            };
            let hash_lines = cuts_lines && phase.kind == TextKind::Web;
            reports.push(stream.run(
                || ChunkSigner {
                    preset: self.near.preset,
                    words: Words::default(),
                    signer: Signer::new(self.near.preset),
                    hash_lines,
                    evaluation,
                },
                |signer, chunk| {
                    let source = &phase.sources[chunk.source].name;
                    let lines = chunk.first_line..chunk.end_line;
                    Ok((signer.sign(first_source, source, chunk), lines))
                },
                |(signed, lines)| sink(signed, lines),
            )?);
            first_source += phase.sources.len() as u32;
        }
        Ok(reports)
    }

    /// Everything that determines what the first pass finds in the same input.
    pub(super) fn description(&self, evaluation: &Evaluation) -> String {
        let names = |phase: &Phase<'_>| -> Vec<String> {
            phase.sources.iter().map(|source| format!("{} {:?}", source.name, source.format)).collect()
        };
        let phases: Vec<_> = self.phases.iter().map(|phase| (phase.name, phase.kind, names(phase))).collect();
        let StreamOptions { fields, strict, normalize, filter, .. } = self.stream;
        let (lines, evaluation) = (self.near.repeated_lines.is_some(), evaluation.digest());
        format!(
            "{} {phases:?} {fields:?} {strict} {normalize:?} {filter:?} {:?} {lines} {evaluation}",
            env!("CARGO_PKG_VERSION"),
            self.near.preset
        )
    }
}

impl FirstPass {
    /// For a pass that must know which documents are removed, but not why.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn replay(&self) -> Result<FirstPassReplay<'_>> {
        let (removals, frames) = (self.removals.reader(), self.journal.read()?);
        Ok(FirstPassReplay { removals, frames, encoded: 0, references_from: self.references_from })
    }

    /// For a pass that also says why documents are removed. This works once.
    ///
    /// # Errors
    /// The journal or the decisions cannot be read.
    pub(super) fn replay_with_reasons(&mut self) -> Result<FirstPassReplay<'_>> {
        let frames = self.journal.read()?;
        let references_from = self.references_from;
        Ok(FirstPassReplay {
            frames,
            removals: self.removals.reader_with_reasons()?,
            encoded: 0,
            references_from,
        })
    }
}

/// The first pass, being applied by a later one.
pub(super) struct FirstPassReplay<'b> {
    pub(super) removals: RemovalReader<'b>,
    pub(super) frames: FrameReader,
    /// Chunks to come that an earlier run encoded, so that nobody needs their texts.
    pub(super) encoded: u64,
    /// The index of the first source of references.
    pub(super) references_from: u32,
}

impl<'b> FirstPassReplay<'b> {
    /// What a pass over the next sources applies.
    pub(super) fn parts(&mut self) -> (ReplaySource<'_>, DuplicateCheck<'_, 'b>) {
        let Self { removals, frames, encoded, .. } = self;
        (ReplaySource::FirstPass { frames, encoded }, DuplicateCheck::Planned(removals))
    }

    /// A pass over a part of some sources, which applies this.
    pub(super) fn stream<'a>(
        &'a mut self,
        sources: &'a [Source],
        part: &'a [SourcePart],
        options: &'a StreamOptions,
        progress: &'a Progress,
    ) -> DocumentStream<'a, 'b> {
        let (replay, duplicates) = self.parts();
        let whole = DocumentStream::new(sources, options, progress);
        DocumentStream { part: Some(part), replay, duplicates, ..whole }
    }

    /// Checks, after the last source, that the first pass found no more.
    ///
    /// # Errors
    /// It did, so the input changed.
    pub(super) fn finish(mut self) -> Result<()> {
        self.removals.finish()?;
        match self.frames.next()? {
            Some((frame, ..)) if frame.source < self.references_from => Err(Error::changed()),
            _ => Ok(()),
        }
    }
}

/// A signed chunk, for the journal and the deduplicator.
enum SignedChunk {
    /// The journal of this run has the frame and its words.
    Kept(Frame, super::resume::FrameRef),
    /// The journal lacks them; the words of all documents, one after another.
    New(Frame, Vec<u32>),
}

/// Signs the documents of chunks; one for each thread.
struct ChunkSigner<'a> {
    preset: Preset,
    words: Words,
    signer: Signer,
    hash_lines: bool,
    evaluation: &'a Evaluation,
}

impl ChunkSigner<'_> {
    /// `first_source`: the index, over all phases, of the first source of this phase.
    /// `name`: the source.
    fn sign(&mut self, first_source: u32, name: &str, chunk: ProcessedChunk) -> SignedChunk {
        let first_line = chunk.first_line;
        let mut frame = match chunk.record {
            Some(ChunkRecord::Journaled(entry)) => {
                let JournalEntry { frame, origin } = *entry;
                return match origin {
                    Origin::Own(frame_ref) => SignedChunk::Kept(frame, frame_ref),
                    Origin::Shard(words) => SignedChunk::New(frame, words),
                };
            }
            Some(ChunkRecord::New(frame)) => *frame,
            None => Frame::default(),
        };
        frame.source = first_source + chunk.source as u32;
        let mut all = Vec::new();
        // The outcomes of the kept documents, which are in the same order.
        let mut outcome = 0;
        for kept in chunk.documents {
            while frame.outcomes.get(outcome).is_some_and(|found| found.status != Status::Kept) {
                outcome += 1;
            }
            let (bands, lines) = (frame.bands.len(), frame.lines.len());
            match guard(|| self.sign_document(&kept, (name, first_line), &mut frame)) {
                Ok(signed) => {
                    all.extend_from_slice(&self.words.exact);
                    frame.documents.push(signed);
                }
                Err(panic) => {
                    (self.words, self.signer) = (Words::default(), Signer::new(self.preset));
                    frame.bands.truncate(bands);
                    frame.lines.truncate(lines);
                    frame.fail(outcome, panic);
                }
            }
            outcome += 1;
        }
        frame.words = xxh3_64(&hash_bytes(&all));
        SignedChunk::New(frame, all)
    }

    /// Signs one document. Its bands and lines go into the frame, its words into `self.words`.
    fn sign_document(
        &mut self,
        kept: &KeptDocument,
        (name, first_line): (&str, u64),
        frame: &mut Frame,
    ) -> SignedDocument {
        let text = &kept.document.text;
        trip("sign", text);
        let compared = kept.compared.as_deref().unwrap_or(text);
        self.words.read(compared);
        let (bands_before, lines_before) = (frame.bands.len(), frame.lines.len());
        if self.hash_lines {
            line_hashes(text, &mut frame.lines);
        }
        if self.signer.sign(&self.words.folded, &mut frame.bands) {
            paragraph_hashes(compared, &mut frame.bands);
        }
        let Document { id, named_by_place, line, .. } = &kept.document;
        let (mut id, mut place) = (id.as_str(), 0);
        if *named_by_place {
            // `name:line`, and a number if the line has several records.
            id = id
                .strip_prefix(name)
                .map_or("", |rest| &rest[1..])
                .trim_start_matches(|c: char| c.is_ascii_digit());
            place = (line - first_line) as u32;
        }
        SignedDocument {
            key: kept.key,
            text: xxh3_64(text.as_bytes()),
            bytes: text.len() as u64,
            worth: worth(text),
            words: self.words.exact.len() as u32,
            bands: (frame.bands.len() - bands_before) as u32,
            lines: (frame.lines.len() - lines_before) as u32,
            contaminated: self.evaluation.shared(&self.words.folded),
            id: id.to_owned(),
            place,
        }
    }
}

/// Where the words of the documents of a frame are, one after another.
pub(super) enum FrameWords<'a> {
    /// In the file of an earlier run.
    Kept,
    /// Here.
    New(&'a [u32]),
    /// In the file of a shard: its number, and the byte where they begin.
    In(u32, u64),
}

/// Gives the documents of a frame and their words to the deduplicator.
/// `place`: the name of the source, and the lines before the chunk.
pub(super) fn push(
    deduplicator: &mut Deduplicator,
    frame: &Frame,
    (name, first_line): (&str, u64),
    mut words: FrameWords<'_>,
) -> Result<()> {
    let (mut bands, mut lines) = (frame.bands.as_slice(), frame.lines.as_slice());
    for signed in &frame.documents {
        let (own_bands, other_bands) = bands.split_at(signed.bands as usize);
        let (own_lines, other_lines) = lines.split_at(signed.lines as usize);
        (bands, lines) = (other_bands, other_lines);
        let hashes = match &mut words {
            FrameWords::Kept => Hashes::Kept(signed.words),
            FrameWords::New(left) => {
                let (own, others) = left.split_at(signed.words as usize);
                *left = others;
                Hashes::New(own)
            }
            FrameWords::In(file, at) => {
                let (file, start, count) = (*file, *at, signed.words);
                *at += u64::from(count) * 4;
                Hashes::In { file, at: start, count }
            }
        };
        deduplicator.push(dedup::Entry {
            key: signed.key,
            text: signed.text,
            worth: signed.worth,
            id: &signed.id(name, first_line),
            source: frame.source,
            words: hashes,
            bands: own_bands,
            lines: own_lines,
            contaminated: signed.contaminated,
        })?;
    }
    Ok(())
}
