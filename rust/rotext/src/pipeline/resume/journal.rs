//! The journal: what the first pass found, chunk by chunk, in a file. Later passes apply it, and a killed run continues from it.
//!
//! ```text
//! "ROTOJRN\0"  u32 version  u64 key of the run  u64 XXH3-64 of these 20 bytes
//! then for each chunk of the input, in its order: u32 bytes, u64 XXH3-64 of them, the frame
//! ```
//! Numbers are little-endian. A frame names its chunk by the hash of the chunk's bytes. A resumed run reads the input from its
//! start, which costs little beside filtering and signing it. It takes the frame of every chunk that is unchanged, and
//! processes the rest from the first chunk that changed. A later pass that reads other bytes than the first pass stops with an
//! error. The words of the documents are most of the data. They are in a file of their own, and the frame has their hash.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::codec::{self, HEADER};
use super::found::Found;
use super::frame::Frame;
use super::shard::Shard;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"ROTOJRN\0";
/// Version of the file format, and of what the stages find: increase it when they find something else in the same text.
const VERSION: u32 = 9;
/// Bytes of words between two syncs. After a power cut at most this much work is done again.
const SYNC_BYTES: u64 = 256 << 20;

/// A frame that is in the file: its length there, and its checksum.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct FrameRef {
    length: u64,
    sum: u64,
}

impl FrameRef {
    /// The chained hash of the frames up to this one. `before`: that of the frames before; for the first, the key of the run.
    pub(in crate::pipeline) fn chain(self, before: u64) -> u64 {
        let mut link = [0; 16];
        link[..8].copy_from_slice(&before.to_le_bytes());
        link[8..].copy_from_slice(&self.sum.to_le_bytes());
        xxh3_64(&link)
    }
}

fn header(key: u64) -> [u8; HEADER] {
    codec::header(*MAGIC, VERSION, key)
}

/// The journal of a work folder: the file of frames, and the file of words beside it.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Journal {
    folder: PathBuf,
    key: u64,
}

impl Journal {
    /// The name of the journal's folder in a work folder.
    pub(in crate::pipeline) const FOLDER: &str = "journal";
    /// A run that fails keeps its journal if it has this many bytes. Less than that is found again in a second.
    pub(in crate::pipeline) const KEEP_BYTES: u64 = 16 << 20;

    /// Opens the journal in `work`. `description` identifies the run: a journal with another description is emptied.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(in crate::pipeline) fn open(work: &Path, description: &str) -> Result<Self> {
        let journal = Self { folder: work.join(Self::FOLDER), key: xxh3_64(description.as_bytes()) };
        if !journal.belongs_to_this_run() {
            let fail = |e: std::io::Error| Error::io(&journal.folder, &e);
            if journal.folder.exists() {
                std::fs::remove_dir_all(&journal.folder).map_err(fail)?;
            }
            std::fs::create_dir(&journal.folder).map_err(fail)?;
            std::fs::write(journal.frames(), header(journal.key)).map_err(fail)?;
        }
        Ok(journal)
    }

    /// The journal of a finished shard in `work`, for reading.
    pub(in crate::pipeline) fn of_shard(work: &Path, key: u64) -> Self {
        Self { folder: work.join(Self::FOLDER), key }
    }

    /// The hash of the description of its run.
    pub(in crate::pipeline) fn key(&self) -> u64 {
        self.key
    }

    fn frames(&self) -> PathBuf {
        self.folder.join("frames")
    }

    /// The file of the words.
    pub(in crate::pipeline) fn words(&self) -> PathBuf {
        self.folder.join("words")
    }

    /// Makes an empty file of words, for a stage that has none: readers expect the file.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(in crate::pipeline) fn create_empty_words(&self) -> Result<()> {
        File::create(self.words()).map(drop).map_err(|e| Error::io(self.words(), &e))
    }

    /// The key of the run whose journal is in `work`. `None`: there is none, or one of another version.
    pub(in crate::pipeline) fn key_in(work: &Path) -> Option<u64> {
        let journal = Self { folder: work.join(Self::FOLDER), key: 0 };
        let mut found = [0; HEADER];
        File::open(journal.frames()).and_then(|mut file| file.read_exact(&mut found)).ok()?;
        let key = u64::from_le_bytes(found[12..20].try_into().ok()?);
        (found == header(key)).then_some(key)
    }

    /// Reads the frames from the first on.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(in crate::pipeline) fn read(&self) -> Result<FrameReader> {
        let path = self.frames();
        let open =
            File::open(&path).and_then(|mut file| file.seek(SeekFrom::Start(HEADER as u64)).map(|_| file));
        let file = open.map_err(|e| Error::io(&path, &e))?;
        Ok(FrameReader {
            input: BufReader::with_capacity(1 << 18, file),
            proof: None,
            path,
            documents: 0,
            body: Vec::new(),
        })
    }

    /// Reads what earlier runs left: this journal, and the journals in the folder `shards` that belong to the same run.
    ///
    /// # Errors
    /// The files cannot be opened.
    pub(in crate::pipeline) fn reader(&self, shards: Option<&Path>) -> Result<JournalReader> {
        let mut found = Found::default();
        let folders = shards.and_then(|shards| shards.read_dir().ok());
        let mut names: Vec<PathBuf> =
            folders.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        names.sort();
        let (mut own, mut other) = (false, false);
        for folder in names {
            let shard = folder.file_name().and_then(|name| Shard::from_name(name.to_str()?));
            let journal = Self { folder: folder.join(Self::FOLDER), key: self.key };
            if shard.is_some() && journal.belongs_to_this_run() {
                found.add(&journal.frames(), &journal.words());
                own = true;
            } else if shard.is_some() {
                other |= Self::key_in(&folder).is_some();
            }
        }
        if let Some(shards) = shards.filter(|_| other && !own) {
            return Err(Error::usage(
                "the shards were made with other inputs or options, and none with these",
            )
            .at(shards)
            .hint("give this run the inputs and options of the shards, or remove the folder"));
        }
        Ok(JournalReader { own: Part::open(self)?, shards: found, first_source: 0 })
    }

    fn belongs_to_this_run(&self) -> bool {
        let mut found = [0; HEADER];
        let read = File::open(self.frames()).and_then(|mut file| file.read_exact(&mut found));
        read.is_ok() && found == header(self.key)
    }

    /// Opens the file of frames for writing, at its start.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(in crate::pipeline) fn writer(&self) -> Result<FrameWriter> {
        let path = self.frames();
        let file = File::options().write(true).open(&path).map_err(|e| Error::io(&path, &e))?;
        Ok(FrameWriter { file, path, end: HEADER as u64, at_end: false, unsynced: 0, digest: self.key })
    }
}

/// What the frames of a finished shard must be.
struct Proof {
    /// The chained hash of the frames so far.
    chain: u64,
    /// That of all frames.
    digest: u64,
    /// What to do about other frames.
    hint: String,
}

/// Reads frames, in order.
pub(in crate::pipeline) struct FrameReader {
    input: BufReader<File>,
    proof: Option<Proof>,
    path: PathBuf,
    /// Kept documents in the frames so far.
    documents: u32,
    body: Vec<u8>,
}

impl FrameReader {
    /// Numbers the kept documents from `documents`, for the journal of a shard.
    pub(in crate::pipeline) fn count_from(mut self, documents: u32) -> Self {
        self.documents = documents;
        self
    }

    /// Expects frames whose chained hash, from `key` on, is `digest`. Errors have this hint.
    pub(in crate::pipeline) fn prove(mut self, key: u64, digest: u64, hint: String) -> Self {
        self.proof = Some(Proof { chain: key, digest, hint });
        self
    }

    /// The next frame, its place in the file, and the number of its first kept document. `None` at the end.
    ///
    /// # Errors
    /// The file is damaged or cut off, or cannot be read. At the end: the frames are not those that were expected.
    pub(in crate::pipeline) fn next(&mut self) -> Result<Option<(Frame, FrameRef, u32)>> {
        let damaged = |what: &str| {
            let hint = self.proof.as_ref().map(|proof| proof.hint.as_str());
            Error::data(format!("the journal is damaged ({what})"))
                .at(&self.path)
                .hint(hint.unwrap_or("remove its folder and run the same command again"))
        };
        let fail = |e: std::io::Error| match e.kind() {
            ErrorKind::UnexpectedEof => damaged("it was cut off"),
            _ => Error::io(&self.path, &e),
        };
        let mut head = [0; 12];
        let mut got = 0;
        while got < head.len() {
            match self.input.read(&mut head[got..]) {
                Ok(0) if got == 0 => {
                    return match &self.proof {
                        Some(Proof { chain, digest, .. }) if chain != digest => {
                            Err(damaged("its frames are not those that the shard noted"))
                        }
                        _ => Ok(None),
                    };
                }
                Ok(0) => return Err(damaged("it was cut off")),
                Ok(more) => got += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(fail(e)),
            }
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let sum = u64::from_le_bytes(head[4..].try_into().unwrap_or_default());
        self.body.clear();
        // Without `resize`: a damaged length must not allocate 4 GB.
        let got = (&mut self.input).take(length.into()).read_to_end(&mut self.body).map_err(fail)?;
        if got < length as usize {
            return Err(damaged("it was cut off"));
        }
        if xxh3_64(&self.body) != sum {
            return Err(damaged("a checksum does not match"));
        }
        let frame = Frame::decode(&self.body).ok_or_else(|| damaged("a frame cannot be decoded"))?;
        let frame_ref = FrameRef { length: 12 + u64::from(length), sum };
        if let Some(proof) = &mut self.proof {
            proof.chain = frame_ref.chain(proof.chain);
        }
        let first = self.documents;
        self.documents += frame.documents.len() as u32;
        Ok(Some((frame, frame_ref, first)))
    }
}

/// One journal, read from its start with its words.
struct Part {
    frames: FrameReader,
    words: BufReader<File>,
}

impl Part {
    fn open(journal: &Journal) -> Result<Option<Self>> {
        let Ok(words) = File::open(journal.words()) else { return Ok(None) };
        Ok(Some(Self { frames: journal.read()?, words: BufReader::with_capacity(1 << 18, words) }))
    }

    /// The next frame and its words, if the frame is about this chunk and nothing is damaged.
    fn next(&mut self, source: u32, hash: u64) -> Option<(Frame, FrameRef, Vec<u8>)> {
        let (frame, frame_ref, _) = self.frames.next().ok().flatten()?;
        if frame.hash != hash || frame.source != source {
            return None;
        }
        let mut bytes = Vec::new();
        let read = (&mut self.words).take(frame.word_bytes()).read_to_end(&mut bytes);
        (read.is_ok() && bytes.len() as u64 == frame.word_bytes() && xxh3_64(&bytes) == frame.words)
            .then_some((frame, frame_ref, bytes))
    }
}

/// What an earlier run or a shard found in a chunk.
pub(in crate::pipeline) struct JournalEntry {
    pub(in crate::pipeline) frame: Frame,
    pub(in crate::pipeline) origin: Origin,
}

/// The journal that has a frame.
#[derive(Debug, Clone)]
pub(in crate::pipeline) enum Origin {
    /// The journal of this run, which has the words too.
    Own(FrameRef),
    /// The journal of a shard. These are the words, which this run must still write.
    Shard(Vec<u32>),
}

/// Reads what earlier runs and shards found. This run's own frames are used as long as they are about the same chunks; those of
/// shards are found by the hash of the chunk.
pub(in crate::pipeline) struct JournalReader {
    own: Option<Part>,
    shards: Found,
    /// Index, over all phases, of the first source of the phase that is read.
    pub(in crate::pipeline) first_source: u32,
}

impl JournalReader {
    /// The entry of the next chunk, if an earlier run or a shard has it.
    pub(in crate::pipeline) fn next(&mut self, source: usize, hash: u64) -> Option<JournalEntry> {
        let source = self.first_source + source as u32;
        let own = self.own.as_mut().and_then(|part| part.next(source, hash));
        if let Some((frame, frame_ref, _)) = own {
            return Some(JournalEntry { frame, origin: Origin::Own(frame_ref) });
        }
        self.own = None;
        let (frame, words) = self.shards.get(source, hash)?;
        Some(JournalEntry { frame, origin: Origin::Shard(words) })
    }
}

/// Writes frames, in order.
pub(in crate::pipeline) struct FrameWriter {
    file: File,
    path: PathBuf,
    /// Where the frames of this run end.
    end: u64,
    /// The file ends at `end`. False while frames of an earlier run may follow.
    at_end: bool,
    unsynced: u64,
    digest: u64,
}

impl FrameWriter {
    /// A chained hash of the frames so far.
    pub(in crate::pipeline) fn digest(&self) -> u64 {
        self.digest
    }

    fn advance(&mut self, frame_ref: FrameRef) {
        self.end += frame_ref.length;
        self.digest = frame_ref.chain(self.digest);
    }

    /// Keeps a frame that the file has already.
    pub(in crate::pipeline) fn keep(&mut self, frame_ref: FrameRef) {
        self.advance(frame_ref);
    }

    /// Appends a frame. `flush` writes the words, of which the frame has the hash, to the file; with `true` it also syncs them.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(in crate::pipeline) fn append(
        &mut self,
        frame: &Frame,
        flush: impl FnOnce(bool) -> Result<()>,
    ) -> Result<()> {
        self.unsynced += frame.word_bytes();
        let sync = self.unsynced > SYNC_BYTES;
        flush(sync)?;
        let body = frame.encode();
        let sum = xxh3_64(&body);
        let mut bytes = Vec::with_capacity(12 + body.len());
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(&body);
        let mut write = || {
            if !self.at_end {
                self.file.set_len(self.end)?;
                self.file.seek(SeekFrom::Start(self.end))?;
            }
            self.file.write_all(&bytes)?;
            if sync { self.file.sync_data() } else { Ok(()) }
        };
        let written: std::io::Result<()> = write();
        written.map_err(|e| Error::io(&self.path, &e))?;
        self.at_end = true;
        if sync {
            self.unsynced = 0;
        }
        self.advance(FrameRef { length: bytes.len() as u64, sum });
        Ok(())
    }

    /// Removes the frames of an earlier run that follow; returns the digest.
    ///
    /// # Errors
    /// The disk fails.
    pub(in crate::pipeline) fn finish(self) -> Result<u64> {
        self.file.set_len(self.end).map_err(|e| Error::io(&self.path, &e))?;
        Ok(self.digest())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::filter_stage::Finding;
    use super::super::frame::{DocumentOutcome, SignedDocument, Status};
    use super::*;
    use crate::ledger::Action;
    use crate::normalize;
    use proptest::prelude::*;

    fn frame() -> impl Strategy<Value = (Frame, Vec<u32>)> {
        let finding = |(value, known): (f64, bool)| Finding {
            action: if known { Action::Drop } else { Action::Edit },
            rule: if known { "top-2-gram" } else { "personal-iban" },
            value,
            threshold: known.then_some(value + 1.0),
        };
        let findings = prop::collection::vec((-1e9..1e9f64, any::<bool>()).prop_map(finding), 0..3);
        let outcome = (0..4u8, findings).prop_map(|(status, findings)| {
            let status = [Status::Kept, Status::Empty, Status::Filtered, Status::Failed][usize::from(status)];
            let repairs =
                normalize::Steps::from_numbers(&[0, 3][..findings.len().min(2)]).unwrap_or_default();
            DocumentOutcome { status, repairs, findings }
        });
        let signed = ("[aș]{0,3}", any::<u128>(), any::<u64>(), 0..4u32).prop_map(|(id, key, text, few)| {
            SignedDocument {
                id,
                place: few / 2,
                key,
                text,
                bytes: text / 2,
                worth: text / 3,
                words: few,
                bands: few + 1,
                lines: few / 2,
                contaminated: few,
            }
        });
        let hashes = || prop::collection::vec(any::<u64>(), 0..4);
        let numbers = prop::array::uniform2(any::<u64>());
        (
            prop::collection::vec(outcome, 0..4),
            prop::collection::vec(signed, 0..4),
            hashes(),
            hashes(),
            numbers,
        )
            .prop_map(|(outcomes, documents, bands, lines, [hash, records])| {
                let mut numbers = [0; normalize::NUMBERS];
                numbers.iter_mut().zip(0..).for_each(|(number, n)| *number = hash.wrapping_mul(n));
                let normalize = normalize::Report::from_numbers(&numbers);
                let words: Vec<u32> = (0..documents.iter().map(|d| d.words).sum()).collect();
                let sum = xxh3_64(&crate::dedup::hash_bytes(&words));
                let source = (hash % 3) as u32;
                (
                    Frame {
                        hash,
                        source,
                        records,
                        normalize,
                        failures: vec!["a panic".to_owned(); outcomes.len() % 2],
                        outcomes,
                        documents,
                        bands,
                        lines,
                        words: sum,
                    },
                    words,
                )
            })
    }

    fn all(journal: &Journal) -> Result<Vec<Frame>> {
        let mut frames = journal.read()?;
        std::iter::from_fn(|| frames.next().transpose()).map(|next| Ok(next?.0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn continues_wherever_it_was_cut(
            frames in prop::collection::vec(frame(), 1..6),
            cut in 0.0..1.0f64,
            cut_words in 0.0..1.0f64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let write = |frames: &[(Frame, Vec<u32>)]| {
                let journal = Journal::open(folder.path(), "a").unwrap();
                let mut reader = journal.reader(None).unwrap();
                let mut writer = journal.writer().unwrap();
                let (mut words, mut known) = (Vec::new(), 0);
                for (frame, mine) in frames {
                    words.extend_from_slice(&crate::dedup::hash_bytes(mine));
                    match reader.next(frame.source as usize, frame.hash) {
                        Some(JournalEntry { frame: again, origin: Origin::Own(frame_ref) }) => {
                            assert_eq!(&again, frame);
                            writer.keep(frame_ref);
                            known += 1;
                        }
                        _ => writer
                            .append(frame, |_| std::fs::write(journal.words(), &words).map_err(|e| Error::io(journal.words(), &e)))
                            .unwrap(),
                    }
                }
                (journal, writer.finish().unwrap(), known)
            };
            let (journal, digest, known) = write(&frames);
            prop_assert_eq!(known, 0);
            prop_assert_eq!(all(&journal).unwrap(), frames.iter().map(|(f, _)| f.clone()).collect::<Vec<_>>());
            for (path, share) in [(journal.frames(), cut), (journal.words(), cut_words)] {
                let whole = std::fs::read(&path).unwrap_or_default();
                std::fs::write(&path, &whole[..(whole.len() as f64 * share) as usize]).unwrap();
            }
            let before = std::fs::read(journal.frames()).unwrap();
            let (journal, again, known) = write(&frames);
            prop_assert_eq!(again, digest);
            prop_assert!(before.len() >= HEADER || known == 0);
            prop_assert_eq!(all(&journal).unwrap().len(), frames.len());
            // A changed chunk is noticed, and the frames after it are not used.
            let mut changed = frames.clone();
            changed[0].0.hash ^= 1;
            prop_assert_eq!(write(&changed).2, 0);
        }
    }

    #[test]
    fn a_journal_of_another_run_is_emptied_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        let mut writer = journal.writer().unwrap();
        let frame = Frame { hash: 7, outcomes: vec![DocumentOutcome::default(); 3], ..Frame::default() };
        writer.append(&frame, |_| Ok(())).unwrap();
        writer.finish().unwrap();
        assert_eq!(all(&Journal::open(folder.path(), "a").unwrap()).unwrap(), vec![frame]);
        let whole = std::fs::read(journal.frames()).unwrap();
        for (at, says) in [(HEADER, ""), (HEADER + 5, "checksum"), (whole.len() - 1, "checksum")] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(journal.frames(), bytes).unwrap();
            let what = all(&journal).unwrap_err().to_string();
            assert!(what.contains("damaged") && what.contains(says), "{what}");
        }
        std::fs::write(journal.frames(), &whole[..whole.len() - 1]).unwrap();
        assert!(all(&journal).unwrap_err().to_string().contains("cut off"));
        assert_eq!(all(&Journal::open(folder.path(), "b").unwrap()).unwrap(), vec![]);
    }
}
