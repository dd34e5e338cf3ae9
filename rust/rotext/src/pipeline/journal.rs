//! What the first pass found, chunk by chunk, in a file. Later passes only apply it, and a run that was killed goes on where
//! it stopped.
//!
//! ```text
//! "ROTOJRN\0"  u32 version  u64 key of the run  u64 XXH3-64 of these 20 bytes
//! then for each chunk of the input, in its order: u32 bytes, u64 XXH3-64 of them, the frame
//! ```
//! (little-endian). A frame names its chunk by the hash of the chunk's bytes. So a resumed run reads the input from its
//! start, which costs little beside judging and signing it, takes a frame for every chunk that is the same, and works from the
//! first one that is not; and a later pass that meets other bytes than the first stops. The words of the documents, which are
//! most of what is found, stand in the planner's file; the frame has their hash.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::frame::Frame;
use super::shard::Shard;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"ROTOJRN\0";
/// Version of the file format, and of what the stages find: it must grow when they find other things of the same text.
const VERSION: u32 = 1;
const HEADER: usize = 28;
/// Bytes of words between two points that also survive a power cut.
const SYNC_BYTES: u64 = 256 << 20;

/// The frame's length in the file and its checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    length: u64,
    sum: u64,
}

fn header(key: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..20].copy_from_slice(&key.to_le_bytes());
    let sum = xxh3_64(&out[..20]);
    out[20..].copy_from_slice(&sum.to_le_bytes());
    out
}

/// The journal of a work folder: the frames, and the words beside them.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    folder: PathBuf,
    key: u64,
}

impl Journal {
    /// The name of its folder in a work folder.
    pub(super) const FOLDER: &str = "journal";
    /// A run that fails leaves its journal when it has this many bytes; less is found again in a second.
    pub(super) const WORTH_KEEPING: u64 = 16 << 20;

    /// The journal in `work` of the run that `description` tells from every other. One of another run is emptied.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn open(work: &Path, description: &str) -> Result<Self> {
        let journal = Self { folder: work.join(Self::FOLDER), key: xxh3_64(description.as_bytes()) };
        if !journal.is_of_this_run() {
            let fail = |e: std::io::Error| Error::io(&journal.folder, &e);
            if journal.folder.exists() {
                std::fs::remove_dir_all(&journal.folder).map_err(fail)?;
            }
            std::fs::create_dir(&journal.folder).map_err(fail)?;
            std::fs::write(journal.frames(), header(journal.key)).map_err(fail)?;
        }
        Ok(journal)
    }

    fn frames(&self) -> PathBuf {
        self.folder.join("frames")
    }

    /// The file of the words.
    pub(super) fn words(&self) -> PathBuf {
        self.folder.join("words")
    }

    /// Of a stage that finds no words: their file is there, for readers, and empty.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn without_words(&self) -> Result<()> {
        File::create(self.words()).map(drop).map_err(|e| Error::io(self.words(), &e))
    }

    /// The frames from the first on.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn read(&self) -> Result<Frames> {
        let path = self.frames();
        let open =
            File::open(&path).and_then(|mut file| file.seek(SeekFrom::Start(HEADER as u64)).map(|_| file));
        let file = open.map_err(|e| Error::io(&path, &e))?;
        Ok(Frames { input: BufReader::with_capacity(1 << 18, file), path, documents: 0, body: Vec::new() })
    }

    /// What earlier runs left: this journal, and those of `shards` that are of the same run. With `only` nothing but the
    /// chunks of that shard is looked at.
    ///
    /// # Errors
    /// The files cannot be opened.
    pub(super) fn recall(&self, shards: &Path, only: Option<Shard>) -> Result<Recall> {
        let mut parts = Vec::new();
        let folders = if only.is_none() { shards.read_dir().ok() } else { None };
        for entry in folders.into_iter().flatten().flatten() {
            let shard = entry.file_name().to_str().and_then(Shard::of_name);
            let journal = Self { folder: entry.path().join(Self::FOLDER), key: self.key };
            if let Some(shard) = shard
                && journal.is_of_this_run()
                && let Some(part) = Part::open(&journal)?
            {
                parts.push((shard, part));
            }
        }
        Ok(Recall { own: Part::open(self)?, shards: parts, first: 0, chunks: 0, only })
    }

    fn is_of_this_run(&self) -> bool {
        let mut found = [0; HEADER];
        let read = File::open(self.frames()).and_then(|mut file| file.read_exact(&mut found));
        read.is_ok() && found == header(self.key)
    }

    /// For writing.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn log(&self) -> Result<Log> {
        let path = self.frames();
        let file = File::options().write(true).open(&path).map_err(|e| Error::io(&path, &e))?;
        Ok(Log { file, path, end: HEADER as u64, ends: false, unsynced: 0, digest: self.key })
    }
}

/// Frames being read, in order.
pub(super) struct Frames {
    input: BufReader<File>,
    path: PathBuf,
    /// Documents that stay in the frames so far.
    documents: u32,
    body: Vec<u8>,
}

impl Frames {
    /// The next frame with its stamp, and the number of its first document; `None` at the end.
    ///
    /// # Errors
    /// The file is damaged or cut off, or cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<(Frame, Stamp, u32)>> {
        let damaged = |what: &str| {
            Error::data(format!("the journal is damaged ({what})"))
                .at(&self.path)
                .hint("remove the folder that it lies in and run the same command again")
        };
        let fail = |e: std::io::Error| match e.kind() {
            ErrorKind::UnexpectedEof => damaged("it was cut off"),
            _ => Error::io(&self.path, &e),
        };
        let mut head = [0; 12];
        let mut got = 0;
        while got < head.len() {
            match self.input.read(&mut head[got..]).map_err(fail)? {
                0 if got == 0 => return Ok(None),
                0 => return Err(damaged("it was cut off")),
                more => got += more,
            }
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let sum = u64::from_le_bytes(head[4..].try_into().unwrap_or_default());
        self.body.clear();
        // Not by `resize`: a damaged length must not ask for 4 GB.
        let got = (&mut self.input).take(length.into()).read_to_end(&mut self.body).map_err(fail)?;
        if got < length as usize {
            return Err(damaged("it was cut off"));
        }
        if xxh3_64(&self.body) != sum {
            return Err(damaged("a checksum does not match"));
        }
        let frame = Frame::decode(&self.body).ok_or_else(|| damaged("a frame makes no sense"))?;
        let first = self.documents;
        self.documents += frame.documents.len() as u32;
        Ok(Some((frame, Stamp { length: 12 + u64::from(length), sum }, first)))
    }
}

/// A journal with its words, read from the start.
struct Part {
    frames: Frames,
    words: BufReader<File>,
}

impl Part {
    fn open(journal: &Journal) -> Result<Option<Self>> {
        let Ok(words) = File::open(journal.words()) else { return Ok(None) };
        Ok(Some(Self { frames: journal.read()?, words: BufReader::with_capacity(1 << 18, words) }))
    }

    /// The next frame, if it is of that chunk and whole, and its words.
    fn next(&mut self, source: u32, hash: u64) -> Option<(Frame, Stamp, Vec<u8>)> {
        let (frame, stamp, _) = self.frames.next().ok().flatten()?;
        if frame.hash != hash || frame.source != source {
            return None;
        }
        let mut bytes = Vec::new();
        let read = (&mut self.words).take(frame.word_bytes()).read_to_end(&mut bytes);
        (read.is_ok() && bytes.len() as u64 == frame.word_bytes() && xxh3_64(&bytes) == frame.words)
            .then_some((frame, stamp, bytes))
    }

    /// Passes over a frame that stands elsewhere as well.
    fn pass(&mut self) -> Option<()> {
        let (frame, ..) = self.frames.next().ok().flatten()?;
        self.words.seek_relative(frame.word_bytes() as i64).ok()
    }
}

/// Where a frame was found.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// In this journal.
    Here(Stamp),
    /// In that of a shard, with these words.
    Shard(Vec<u32>),
}

/// What earlier runs found, as long as it is about the same chunks.
pub(super) struct Recall {
    own: Option<Part>,
    shards: Vec<(Shard, Part)>,
    /// Index of the first source of the phase that is read.
    pub(super) first: u32,
    /// Chunks so far.
    chunks: u64,
    /// The only chunks that are looked at.
    only: Option<Shard>,
}

impl Recall {
    /// Counts the next chunk; whether it is to be looked at.
    pub(super) fn takes(&mut self) -> bool {
        self.chunks += 1;
        self.only.is_none_or(|shard| shard.has(self.chunks - 1))
    }

    /// The frame of the chunk that was counted last, if an earlier run got so far and the chunk is the same.
    pub(super) fn next(&mut self, source: usize, hash: u64) -> Option<(Frame, Known)> {
        let (source, chunk) = (self.first + source as u32, self.chunks - 1);
        let own = self.own.as_mut().and_then(|part| part.next(source, hash));
        if own.is_none() {
            self.own = None;
        }
        let shard = self.shards.iter().position(|(shard, _)| shard.has(chunk));
        if let Some((frame, stamp, _)) = own {
            if let Some(at) = shard
                && self.shards[at].1.pass().is_none()
            {
                self.shards.swap_remove(at);
            }
            return Some((frame, Known::Here(stamp)));
        }
        let at = shard?;
        let Some((frame, _, bytes)) = self.shards[at].1.next(source, hash) else {
            // Of what follows in it no place is sure.
            self.shards.swap_remove(at);
            return None;
        };
        let words = bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
        Some((frame, Known::Shard(words)))
    }
}

/// Frames being written.
pub(super) struct Log {
    file: File,
    path: PathBuf,
    /// Where the frames of this run end.
    end: u64,
    /// The file ends there; not so where an earlier run left more.
    ends: bool,
    unsynced: u64,
    digest: u64,
}

impl Log {
    /// A number that is another one for other frames.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    fn pass(&mut self, stamp: Stamp) {
        self.end += stamp.length;
        let mut link = [0; 16];
        link[..8].copy_from_slice(&self.digest.to_le_bytes());
        link[8..].copy_from_slice(&stamp.sum.to_le_bytes());
        self.digest = xxh3_64(&link);
    }

    /// A frame that stands in the file already.
    pub(super) fn keep(&mut self, stamp: Stamp) {
        self.pass(stamp);
    }

    /// Adds a frame. `flush` hands the words, of which the frame has the hash, to the system (and, asked to, to the disk).
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(super) fn append(&mut self, frame: &Frame, flush: impl FnOnce(bool) -> Result<()>) -> Result<()> {
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
            if !self.ends {
                self.file.set_len(self.end)?;
                self.file.seek(SeekFrom::Start(self.end))?;
            }
            self.file.write_all(&bytes)?;
            if sync { self.file.sync_data() } else { Ok(()) }
        };
        let written: std::io::Result<()> = write();
        written.map_err(|e| Error::io(&self.path, &e))?;
        self.ends = true;
        if sync {
            self.unsynced = 0;
        }
        self.pass(Stamp { length: bytes.len() as u64, sum });
        Ok(())
    }

    /// Cuts off what an earlier run left beyond the frames of this one.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn finish(self) -> Result<u64> {
        self.file.set_len(self.end).map_err(|e| Error::io(&self.path, &e))?;
        Ok(self.digest())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::filtering::Finding;
    use super::super::frame::{Fate, Left, Signed};
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
        let fate = (0..3u8, findings).prop_map(|(left, findings)| {
            let left = [Left::Nowhere, Left::Empty, Left::Filtered][usize::from(left)];
            Fate { left, findings }
        });
        let signed =
            ("[aș]{0,3}", any::<u128>(), any::<u64>(), 0..4u32).prop_map(|(id, key, text, few)| Signed {
                id,
                key,
                text,
                bytes: text / 2,
                words: few,
                bands: few + 1,
                lines: few / 2,
                contaminated: few,
            });
        let hashes = || prop::collection::vec(any::<u64>(), 0..4);
        let numbers = prop::array::uniform2(any::<u64>());
        (prop::collection::vec(fate, 0..4), prop::collection::vec(signed, 0..4), hashes(), hashes(), numbers)
            .prop_map(|(fates, documents, bands, lines, [hash, records])| {
                let mut numbers = [0; normalize::NUMBERS];
                numbers.iter_mut().zip(0..).for_each(|(number, n)| *number = hash.wrapping_mul(n));
                let normalize = normalize::Report::of_numbers(&numbers);
                let words: Vec<u32> = (0..documents.iter().map(|d| d.words).sum()).collect();
                let sum = xxh3_64(&crate::dedup::hash_bytes(&words));
                let source = (hash % 3) as u32;
                (
                    Frame { hash, source, records, normalize, fates, documents, bands, lines, words: sum },
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
        fn goes_on_wherever_it_was_cut(
            frames in prop::collection::vec(frame(), 1..6),
            cut in 0.0..1.0f64,
            cut_words in 0.0..1.0f64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let write = |frames: &[(Frame, Vec<u32>)]| {
                let journal = Journal::open(folder.path(), "a").unwrap();
                let (mut recall, mut log) = (journal.recall(Path::new(""), None).unwrap(), journal.log().unwrap());
                let (mut words, mut known) = (Vec::new(), 0);
                for (frame, mine) in frames {
                    words.extend_from_slice(&crate::dedup::hash_bytes(mine));
                    assert!(recall.takes());
                    match recall.next(frame.source as usize, frame.hash) {
                        Some((again, Known::Here(stamp))) => {
                            assert_eq!(&again, frame);
                            log.keep(stamp);
                            known += 1;
                        }
                        _ => log
                            .append(frame, |_| std::fs::write(journal.words(), &words).map_err(|e| Error::io(journal.words(), &e)))
                            .unwrap(),
                    }
                }
                (journal, log.finish().unwrap(), known)
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
            // A changed chunk is seen, and what follows it is not taken.
            let mut changed = frames.clone();
            changed[0].0.hash ^= 1;
            prop_assert_eq!(write(&changed).2, 0);
        }
    }

    #[test]
    fn a_journal_of_another_run_is_emptied_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        let mut log = journal.log().unwrap();
        let frame = Frame { hash: 7, fates: vec![Fate::default(); 3], ..Frame::default() };
        log.append(&frame, |_| Ok(())).unwrap();
        log.finish().unwrap();
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
