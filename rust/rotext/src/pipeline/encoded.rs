//! What a killed run had encoded, chunk by chunk, so that the next one does not encode it again.
//!
//! The tokens stand where they will stay, in the files of the pack, and are written only once; this log says of which chunk they
//! are:
//!
//! ```text
//! for each chunk of the input, in its order: u32 bytes, u64 XXH3-64 of them, then
//! u32 phase, u64 XXH3-64 of the chunk's tokens, u32 documents, for each: u32 tokens, u32 1 when it is held out
//! ```
//! (little-endian). Nothing is synced and no order of writing is relied on: before a run goes on, all that the log says is read
//! and its hashes are compared, at the speed of the disk; from the first chunk that does not agree on, everything is made anew.
//! Files and log lie in a folder of the [journal](super::journal) that is named by everything the tokens hang on.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::bytes::{Decoder, Encoder};
use super::files::remove;
use crate::error::{Error, Result};
use crate::pack::SHARD_TOKENS;

/// A document of a chunk: its tokens, `<|endoftext|>` included, and whether it is held out.
pub(super) type Size = (u32, bool);

/// The folder of the tokens and their log.
pub(super) struct Encoded {
    folder: PathBuf,
    phases: Vec<String>,
    log: Log,
}

/// The log, read to where a run stopped, then written.
struct Log {
    file: File,
    path: PathBuf,
    /// Bytes that hold, of chunks that were encoded.
    good: u64,
}

/// One chunk of the log.
struct Chunk {
    phase: usize,
    hash: u64,
    sizes: Vec<Size>,
}

impl Encoded {
    /// The folder in `journal` for tokens that hang on what `description` says; those of other runs are removed. Also says how
    /// many chunks of each phase are encoded.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(super) fn open(journal: &Path, description: &str, phases: Vec<String>) -> Result<(Self, Vec<u64>)> {
        let name = format!("tokens-{:016x}", xxh3_64(description.as_bytes()));
        let folder = journal.join(&name);
        let entries = journal.read_dir().map_err(|e| Error::io(journal, &e))?;
        for entry in entries.flatten() {
            let other = entry.file_name();
            if other.to_string_lossy().starts_with("tokens-") && other != name.as_str() {
                remove(&entry.path())?;
            }
        }
        let path = folder.join("log");
        let file = std::fs::create_dir_all(&folder)
            .and_then(|()| File::options().read(true).append(true).create(true).open(&path))
            .map_err(|e| Error::io(&path, &e))?;
        let mut encoded = Self { folder, phases, log: Log { file, path, good: 0 } };
        let known = encoded.check()?;
        let Log { file, path, good } = &encoded.log;
        file.set_len(*good).map_err(|e| Error::io(path, &e))?;
        Ok((encoded, known))
    }

    /// Where the token files go.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the encoded chunks of a phase again, in order; what was written before it must have been read.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub(super) fn chunks(&self, phase: usize) -> Result<Chunks> {
        let chunks = Reading::open(&self.log.path, self.log.good)?;
        Ok(Chunks { chunks, phase, splits: self.splits(phase), path: self.log.path.clone() })
    }

    /// Notes a chunk.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(super) fn add(&mut self, phase: usize, sizes: &[Size], tokens: &[u16]) -> Result<()> {
        let mut hash = Xxh3::new();
        add(&mut hash, tokens);
        let mut body = Encoder::default();
        body.short(phase as u32).long(hash.digest()).short(sizes.len() as u32);
        for (tokens, held_out) in sizes {
            body.short(*tokens).short((*held_out).into());
        }
        let body = body.finish();
        let mut bytes = Encoder::default();
        bytes.short(body.len() as u32).long(xxh3_64(&body));
        let mut bytes = bytes.finish();
        bytes.extend_from_slice(&body);
        self.log.file.write_all(&bytes).map_err(|e| Error::io(&self.log.path, &e))
    }

    /// Moves the files of tokens to `directory`.
    ///
    /// # Errors
    /// A file cannot be moved.
    pub(super) fn release(self, directory: &Path) -> Result<()> {
        let entries = self.folder.read_dir().map_err(|e| Error::io(&self.folder, &e))?;
        for entry in entries.flatten().filter(|entry| entry.path() != self.log.path) {
            let to = directory.join(entry.file_name());
            std::fs::rename(entry.path(), &to).map_err(|e| Error::io(&to, &e))?;
        }
        remove(&self.folder)
    }

    fn splits(&self, phase: usize) -> [Stream; 2] {
        ["train", "valid"].map(|split| Stream::new(&self.folder, format!("{split}-{}", self.phases[phase])))
    }

    /// Compares log and tokens from the start on, up to where they part.
    fn check(&mut self) -> Result<Vec<u64>> {
        let mut known = vec![0; self.phases.len()];
        let mut streams: Vec<[Stream; 2]> = (0..self.phases.len()).map(|phase| self.splits(phase)).collect();
        let mut reading = Reading::open(&self.log.path, u64::MAX)?;
        let mut tokens = Vec::new();
        while let Some((chunk, bytes)) = reading.next() {
            let Some(splits) = streams.get_mut(chunk.phase) else { break };
            if chunk.read(splits, &mut tokens).is_none() {
                break;
            }
            known[chunk.phase] += 1;
            self.log.good += bytes;
        }
        Ok(known)
    }
}

/// The bytes of the tokens as they stand in files.
fn add(hash: &mut Xxh3, tokens: &[u16]) {
    let mut bytes = [0; 4096];
    for part in tokens.chunks(bytes.len() / 2) {
        for (two, token) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(part) {
            *two = token.to_le_bytes();
        }
        hash.update(&bytes[..part.len() * 2]);
    }
}

impl Chunk {
    /// Its tokens; nothing where they are not those that it had.
    fn read(&self, [train, valid]: &mut [Stream; 2], tokens: &mut Vec<u16>) -> Option<()> {
        tokens.clear();
        for (size, held_out) in &self.sizes {
            let stream = if *held_out { &mut *valid } else { &mut *train };
            stream.read(*size as usize, tokens)?;
        }
        let mut hash = Xxh3::new();
        add(&mut hash, tokens);
        (hash.digest() == self.hash).then_some(())
    }
}

/// The chunks of one phase that are encoded.
pub(super) struct Chunks {
    chunks: Reading,
    phase: usize,
    splits: [Stream; 2],
    path: PathBuf,
}

impl Chunks {
    /// The next one's documents, with their tokens one after another in `tokens`.
    ///
    /// # Errors
    /// The files are not what they were when the run began.
    pub(super) fn next(&mut self, tokens: &mut Vec<u16>) -> Result<Vec<Size>> {
        while let Some((chunk, _)) = self.chunks.next() {
            if chunk.phase == self.phase && chunk.read(&mut self.splits, tokens).is_some() {
                return Ok(chunk.sizes);
            }
            if chunk.phase >= self.phase {
                break;
            }
        }
        Err(Error::data("the tokens of an earlier run changed while they were read")
            .at(&self.path)
            .hint("run the same command again when nobody writes there"))
    }
}

/// The log being read.
struct Reading {
    input: std::io::Take<BufReader<File>>,
    body: Vec<u8>,
}

impl Reading {
    fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        Ok(Self { input: BufReader::with_capacity(1 << 16, file).take(bytes), body: Vec::new() })
    }

    /// The next chunk and its bytes in the log; nothing at the end, and where the log is torn or damaged.
    fn next(&mut self) -> Option<(Chunk, u64)> {
        let mut head = [0; 12];
        self.input.read_exact(&mut head).ok()?;
        let mut from = Decoder::new(&head);
        let (length, sum) = (from.short()?, from.long()?);
        self.body.clear();
        // Not by `resize`: a damaged length must not ask for 4 GB.
        (&mut self.input).take(length.into()).read_to_end(&mut self.body).ok()?;
        if self.body.len() != length as usize || xxh3_64(&self.body) != sum {
            return None;
        }
        let mut from = Decoder::new(&self.body);
        let (phase, hash, count) = (from.short()? as usize, from.long()?, from.short()?);
        let sizes = (0..count).map(|_| Some((from.short()?, from.short()? == 1))).collect::<Option<_>>()?;
        from.is_at_end().then_some((Chunk { phase, hash, sizes }, 12 + u64::from(length)))
    }
}

/// The tokens of a phase's split, over its shards.
struct Stream {
    folder: PathBuf,
    name: String,
    shards: u32,
    /// Tokens of the open shard so far.
    tokens: u64,
    file: Option<BufReader<File>>,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(folder: &Path, name: String) -> Self {
        Self { folder: folder.to_owned(), name, shards: 0, tokens: 0, file: None, bytes: Vec::new() }
    }

    /// Appends the tokens of the next document.
    fn read(&mut self, size: usize, tokens: &mut Vec<u16>) -> Option<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let path = self.folder.join(format!("{}-{:05}.bin", self.name, self.shards));
                self.file.insert(BufReader::with_capacity(1 << 18, File::open(path).ok()?))
            }
        };
        self.bytes.clear();
        file.take(size as u64 * 2).read_to_end(&mut self.bytes).ok()?;
        if self.bytes.len() != size * 2 {
            return None;
        }
        tokens.extend(self.bytes.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)));
        self.tokens += size as u64;
        // As the writer does.
        if self.tokens >= SHARD_TOKENS {
            (self.file, self.tokens) = (None, 0);
            self.shards += 1;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pack::{Entry, Writer};
    use proptest::prelude::*;

    type Documents = Vec<(Vec<u16>, bool)>;

    /// Encodes `chunks` of two phases from the first on that is not known, as a run does; returns how many were known.
    fn run(journal: &Path, chunks: &[(usize, Documents)]) -> Vec<u64> {
        let phases = vec!["web".to_owned(), "books".to_owned()];
        let (mut encoded, known) = Encoded::open(journal, "of", phases.clone()).unwrap();
        for (phase, name) in phases.iter().enumerate() {
            let mut chunks_known = encoded.chunks(phase).unwrap();
            let mut writers = ["train", "valid"]
                .map(|split| Writer::new(encoded.folder(), &format!("{split}-{name}"), SHARD_TOKENS));
            let documents = chunks.iter().filter(|(of, _)| *of == phase);
            for (at, (_, documents)) in documents.enumerate() {
                let (sizes, tokens) = if (at as u64) < known[phase] {
                    let mut tokens = Vec::new();
                    (chunks_known.next(&mut tokens).unwrap(), tokens)
                } else {
                    let sizes: Vec<Size> =
                        documents.iter().map(|(tokens, held_out)| (tokens.len() as u32, *held_out)).collect();
                    let tokens = documents.iter().flat_map(|(tokens, _)| tokens).copied().collect::<Vec<_>>();
                    encoded.add(phase, &sizes, &tokens).unwrap();
                    (sizes, tokens)
                };
                let mut rest = tokens.as_slice();
                for (size, held_out) in sizes {
                    let (document, later) = rest.split_at(size as usize);
                    rest = later;
                    let entry =
                        Entry { id: String::new(), source: String::new(), tokens: size.into(), bytes: 1 };
                    writers[usize::from(held_out)].push(entry, document).unwrap();
                }
            }
            for writer in writers {
                writer.finish().unwrap();
            }
        }
        known
    }

    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    proptest! {
        #[test]
        fn whatever_is_damaged_the_tokens_are_the_same(
            sizes in prop::collection::vec((any::<bool>(), prop::collection::vec((1usize..40, prop::bool::weighted(0.2)), 0..4)), 1..12),
            which in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let mut next = 0u16;
            let mut chunks: Vec<(usize, Documents)> = sizes.iter().map(|(books, documents)| {
                let documents = documents.iter().map(|(size, held_out)| {
                    (std::iter::repeat_with(|| { next = next.wrapping_mul(31).wrapping_add(7); next }).take(*size).collect(), *held_out)
                });
                (usize::from(*books), documents.collect())
            }).collect();
            // A phase after the other, as they are packed.
            chunks.sort_by_key(|(phase, _)| *phase);
            let folder = tempfile::tempdir().unwrap();
            prop_assert_eq!(run(folder.path(), &chunks), [0, 0]);
            let tokens = folder.path().read_dir().unwrap().next().unwrap().unwrap().path();
            let whole = files(&tokens);
            let of = |phase| chunks.iter().filter(|(of, _)| *of == phase).count() as u64;
            prop_assert_eq!(run(folder.path(), &chunks), [of(0), of(1)]);
            prop_assert_eq!(&files(&tokens), &whole);
            let damaged: Vec<_> = whole.iter().filter(|(name, bytes)| !bytes.is_empty() && (name == "log" || name.ends_with(".bin"))).collect();
            if damaged.is_empty() {
                return Ok(());
            }
            let (name, bytes) = which.get(&damaged);
            let mut bytes = bytes.clone();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 0x10 }
            std::fs::write(tokens.join(name), &bytes).unwrap();
            let known = run(folder.path(), &chunks);
            prop_assert!(known[0] + known[1] < chunks.len() as u64);
            prop_assert_eq!(&files(&tokens), &whole);
        }
    }
}
