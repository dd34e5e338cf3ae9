//! What is needed about single documents later: their words (to verify) and their names (to explain).
//!
//! There are two scratch files that only grow, and a third with a table of places, 24 bytes for each document. A document is read
//! back only if it has a candidate. The words are most of the data; they may be in a named file, so that a killed run does not
//! have to compute them again.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::runs::scratch_file;
use crate::error::{Error, Result};

/// Stores documents, one after another.
pub(super) struct StoreWriter {
    words: Growing,
    files: WordFiles,
    names: Growing,
    places: Growing,
    documents: u32,
}

/// The hashes of a document's words.
#[derive(Debug, Clone, Copy)]
pub enum Hashes<'a> {
    /// New hashes, to be written.
    New(&'a [u32]),
    /// The next hashes of the file that an earlier run kept; this is their number.
    Kept(u32),
    /// Hashes in a file of another process: see [`Deduplicator::read_words_in`](super::Deduplicator::read_words_in).
    In {
        /// The number of the file.
        file: u32,
        /// The byte where they begin.
        at: u64,
        /// Their number.
        count: u32,
    },
}

impl Hashes<'_> {
    fn len(&self) -> u32 {
        match self {
            Self::New(words) => words.len() as u32,
            Self::Kept(count) | Self::In { count, .. } => *count,
        }
    }
}

/// Hashes as the bytes of the file.
#[must_use]
pub fn bytes(words: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0; words.len() * 4];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *four = word.to_le_bytes();
    }
    bytes
}

/// The file of words alone, for a shard, which decides nothing.
pub struct WordFile(Growing);

impl WordFile {
    /// Opens or makes the file. The words of an earlier run stay until others are written.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn open(path: &Path) -> Result<Self> {
        Growing::open(path).map(Self)
    }

    /// Adds the words of the next document.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn push(&mut self, words: Hashes<'_>) -> Result<()> {
        self.0.push(words)
    }

    /// Writes the buffer to the file, and with `sync` to the disk.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn flush(&mut self, sync: bool) -> Result<()> {
        self.0.flush(sync)
    }
}

/// Reads stored documents.
pub(super) struct Store {
    words: Growing,
    files: WordFiles,
    names: Growing,
    places: Growing,
}

/// A document's id and source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) id: String,
    pub(super) source: u32,
}

/// Bytes of the place of one document in the files.
pub(super) const PLACE: usize = 24;

impl StoreWriter {
    /// Makes scratch files in `folder`. The words go to the file `kept` if there is one; it keeps its content.
    pub(super) fn create(folder: &Path, kept: Option<&Path>) -> Result<Self> {
        let growing = |kind| Growing::create(folder, kind);
        Ok(Self {
            words: kept.map_or_else(|| growing("words"), Growing::open)?,
            files: WordFiles::default(),
            names: growing("names")?,
            places: growing("places")?,
            documents: 0,
        })
    }

    /// Adds a document; returns its number, counted from 0.
    pub(super) fn push(&mut self, words: Hashes<'_>, id: &str, source: u32) -> Result<u32> {
        let number = self.documents;
        self.documents = number.checked_add(1).ok_or_else(|| {
            Error::data("more than 4,294,967,295 documents")
                .hint("deduplicate parts of the corpus, one after another")
        })?;
        let mut place = [0; PLACE];
        let at = match words {
            Hashes::In { file, at, .. } => WordFiles::place(file, at),
            Hashes::New(_) | Hashes::Kept(_) => self.words.at,
        };
        place[..8].copy_from_slice(&at.to_le_bytes());
        place[8..16].copy_from_slice(&self.names.at.to_le_bytes());
        place[16..20].copy_from_slice(&words.len().to_le_bytes());
        place[20..].copy_from_slice(&(id.len() as u32).to_le_bytes());
        self.words.push(words)?;
        self.names.write(&source.to_le_bytes())?;
        self.names.write(id.as_bytes())?;
        self.places.write(&place)?;
        Ok(number)
    }

    /// Names the files of [`Hashes::In`]. Then all words are in these files.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub(super) fn read_words_in(&mut self, files: Vec<PathBuf>) -> Result<()> {
        self.files = WordFiles::open(files)?;
        Ok(())
    }

    /// Writes the buffered words to the file, and with `sync` to the disk.
    pub(super) fn flush(&mut self, sync: bool) -> Result<()> {
        self.words.flush(sync)
    }

    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    pub(super) fn finish(mut self) -> Result<Store> {
        for file in [&mut self.words, &mut self.names, &mut self.places] {
            file.out.flush().map_err(|e| Error::io(&file.path, &e))?;
        }
        Ok(Store { words: self.words, files: self.files, names: self.names, places: self.places })
    }
}

impl Store {
    fn place(&self, document: u32) -> Result<(u64, u64, usize, usize)> {
        let bytes = self.places.read(u64::from(document) * PLACE as u64, PLACE)?;
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default()) as usize;
        Ok((long(0), long(8), short(16), short(20)))
    }

    /// The exact hashes of a document's words.
    pub(super) fn words(&self, document: u32) -> Result<Vec<u32>> {
        let (at, _, words, _) = self.place(document)?;
        let bytes = match self.files.is_empty() {
            true => self.words.read(at, words * 4)?,
            false => self.files.read(at, words * 4)?,
        };
        Ok(bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect())
    }

    /// A document's id and source.
    pub(super) fn name(&self, document: u32) -> Result<Name> {
        let (_, at, _, id) = self.place(document)?;
        let bytes = self.names.read(at, 4 + id)?;
        let source = u32::from_le_bytes(bytes[..4].try_into().unwrap_or_default());
        Ok(Name { id: String::from_utf8_lossy(&bytes[4..]).into_owned(), source })
    }
}

/// Files of words that other processes wrote.
#[derive(Default)]
struct WordFiles {
    paths: Vec<PathBuf>,
    /// The first of them, open. A process may not hold hundreds of files open.
    open: Vec<File>,
}

impl WordFiles {
    /// The most files that stay open; each read of another one opens it.
    const MOST_OPEN: usize = 256;
    /// Bits of a place that are the byte in the file: up to 16 TiB. The others are the number of the file.
    const AT_BITS: u32 = 44;

    fn open(paths: Vec<PathBuf>) -> Result<Self> {
        let most = 1 << (64 - Self::AT_BITS);
        if paths.len() > most {
            let what = format!("{} files of words are more than {most}", paths.len());
            return Err(Error::data(what).hint("use fewer shards"));
        }
        let open = |path: &PathBuf| File::open(path).map_err(|e| Error::io(path, &e));
        let open = paths.iter().take(Self::MOST_OPEN).map(open).collect::<Result<_>>()?;
        Ok(Self { paths, open })
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn place(file: u32, at: u64) -> u64 {
        u64::from(file) << Self::AT_BITS | at
    }

    fn read(&self, place: u64, length: usize) -> Result<Vec<u8>> {
        let (file, at) = ((place >> Self::AT_BITS) as usize, place & ((1 << Self::AT_BITS) - 1));
        let path = &self.paths[file];
        let mut bytes = vec![0; length];
        let read = match self.open.get(file) {
            Some(open) => read_exact_at(open, &mut bytes, at),
            None => File::open(path).and_then(|open| read_exact_at(&open, &mut bytes, at)),
        };
        read.map_err(|e| Error::io(path, &e))?;
        Ok(bytes)
    }
}

/// A file that is appended to, then read at any place.
struct Growing {
    out: BufWriter<File>,
    path: PathBuf,
    at: u64,
    /// The file ends at `at`. False while data of an earlier run may follow.
    at_end: bool,
}

impl Growing {
    fn create(folder: &Path, kind: &str) -> Result<Self> {
        let (file, path) = scratch_file(folder, kind)?;
        Ok(Self { out: BufWriter::with_capacity(1 << 20, file), path, at: 0, at_end: true })
    }

    fn open(path: &Path) -> Result<Self> {
        let open = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = open.map_err(|e| Error::io(path, &e))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 20, file), path: path.to_owned(), at: 0, at_end: false })
    }

    fn push(&mut self, words: Hashes<'_>) -> Result<()> {
        match words {
            Hashes::New(words) => self.write(&bytes(words)),
            Hashes::Kept(count) => {
                self.at += u64::from(count) * 4;
                Ok(())
            }
            Hashes::In { .. } => Ok(()),
        }
    }

    fn flush(&mut self, sync: bool) -> Result<()> {
        let flushed = self.out.flush();
        let synced = flushed.and_then(|()| if sync { self.out.get_ref().sync_data() } else { Ok(()) });
        synced.map_err(|e| Error::io(&self.path, &e))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let fail = |e: std::io::Error| Error::io(&self.path, &e);
        if !self.at_end {
            self.out.get_ref().set_len(self.at).map_err(fail)?;
            self.out.seek(SeekFrom::Start(self.at)).map_err(fail)?;
            self.at_end = true;
        }
        self.at += bytes.len() as u64;
        self.out.write_all(bytes).map_err(fail)
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        read_exact_at(self.out.get_ref(), &mut bytes, at).map_err(|e| Error::io(&self.path, &e))?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        at += read as u64;
    }
    Ok(())
}
