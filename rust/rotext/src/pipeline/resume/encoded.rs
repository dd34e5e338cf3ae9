//! The tokens that a killed run had encoded, chunk by chunk, so that the next run does not encode them again.
//!
//! Tokens are written only once, into the files that the pack will have. A log says which tokens belong to which chunk:
//!
//! ```text
//! for each chunk of the input, in its order: u32 bytes, u64 XXH3-64 of them, then
//! u32 phase, u64 XXH3-64 of the chunk's tokens, u32 documents, for each: u32 tokens, u32 1 when it is held out
//! ```
//! Numbers are little-endian. Nothing is synced, and no order of writes is assumed. Before a run continues, it reads log and
//! tokens, at the speed of the disk, and compares the hashes. From the first chunk that does not match, everything is encoded
//! again. Files and log are in a folder of the [journal](super::journal); the folder's name is a hash of everything that
//! determines the tokens.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::super::output::remove_folder;
use super::codec::{Decoder, Encoder};
use crate::bpe::Id;
use crate::error::{Error, Result};
use crate::pack::SHARD_TOKENS;

/// A document of a chunk: the number of its tokens, `<|endoftext|>` included, and whether it is held out.
pub(in crate::pipeline) type DocumentTokens = (u32, bool);

/// The folder of the tokens and their log.
pub(in crate::pipeline) struct Encoded<I> {
    width: PhantomData<I>,
    folder: PathBuf,
    phases: Vec<String>,
    log: Log,
}

/// The log. It is read up to where a run stopped, then written.
struct Log {
    file: File,
    path: PathBuf,
    /// Bytes of the log about chunks whose tokens match.
    valid: u64,
}

/// One chunk of the log.
struct Chunk {
    phase: usize,
    hash: u64,
    sizes: Vec<DocumentTokens>,
}

impl<I: Id> Encoded<I> {
    /// Opens the folder in `journal` for the tokens that `description` determines, and removes those of other runs. Returns
    /// the number of encoded chunks of each phase too.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(in crate::pipeline) fn open(
        journal: &Path,
        description: &str,
        phases: Vec<String>,
    ) -> Result<(Self, Vec<u64>)> {
        let name = format!("tokens-{:016x}", xxh3_64(description.as_bytes()));
        let folder = journal.join(&name);
        let entries = journal.read_dir().map_err(|e| Error::io(journal, &e))?;
        for entry in entries.flatten() {
            let other = entry.file_name();
            if other.to_string_lossy().starts_with("tokens-") && other != name.as_str() {
                remove_folder(&entry.path())?;
            }
        }
        let path = folder.join("log");
        let file = std::fs::create_dir_all(&folder)
            .and_then(|()| File::options().read(true).append(true).create(true).open(&path))
            .map_err(|e| Error::io(&path, &e))?;
        let mut encoded = Self { width: PhantomData, folder, phases, log: Log { file, path, valid: 0 } };
        let known = encoded.check()?;
        let Log { file, path, valid } = &encoded.log;
        file.set_len(*valid).map_err(|e| Error::io(path, &e))?;
        Ok((encoded, known))
    }

    /// The folder of the token files.
    pub(in crate::pipeline) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the encoded chunks of a phase again, in order. The phases are read in order too.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub(in crate::pipeline) fn chunks(&self, phase: usize) -> Result<EncodedChunks> {
        let chunks = LogReader::open(&self.log.path, self.log.valid)?;
        Ok(EncodedChunks { chunks, phase, splits: self.splits(phase), path: self.log.path.clone() })
    }

    /// Logs a chunk.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(in crate::pipeline) fn add(
        &mut self,
        phase: usize,
        sizes: &[DocumentTokens],
        tokens: &[I],
    ) -> Result<()> {
        let mut hash = Xxh3::new();
        add_tokens(&mut hash, tokens);
        let mut body = Encoder::default();
        body.put_u32(phase as u32).put_u64(hash.digest()).put_u32(sizes.len() as u32);
        for (tokens, held_out) in sizes {
            body.put_u32(*tokens).put_u32((*held_out).into());
        }
        let body = body.finish();
        let mut bytes = Encoder::default();
        bytes.put_u32(body.len() as u32).put_u64(xxh3_64(&body));
        let mut bytes = bytes.finish();
        bytes.extend_from_slice(&body);
        self.log.file.write_all(&bytes).map_err(|e| Error::io(&self.log.path, &e))
    }

    /// Moves the token files to `directory` and removes the folder.
    ///
    /// # Errors
    /// A file cannot be moved.
    pub(in crate::pipeline) fn release(self, directory: &Path) -> Result<()> {
        let entries = self.folder.read_dir().map_err(|e| Error::io(&self.folder, &e))?;
        for entry in entries.flatten().filter(|entry| entry.path() != self.log.path) {
            let to = directory.join(entry.file_name());
            std::fs::rename(entry.path(), &to).map_err(|e| Error::io(&to, &e))?;
        }
        remove_folder(&self.folder)
    }

    fn splits(&self, phase: usize) -> [Stream; 2] {
        ["train", "valid"].map(|split| Stream::new(&self.folder, format!("{split}-{}", self.phases[phase])))
    }

    /// Compares log and tokens from the start up to the first difference; returns the matching chunks of each phase.
    fn check(&mut self) -> Result<Vec<u64>> {
        let mut known = vec![0; self.phases.len()];
        let mut streams: Vec<[Stream; 2]> = (0..self.phases.len()).map(|phase| self.splits(phase)).collect();
        let mut reading = LogReader::open(&self.log.path, u64::MAX)?;
        let mut tokens: Vec<I> = Vec::new();
        while let Some((chunk, bytes)) = reading.next() {
            let Some(splits) = streams.get_mut(chunk.phase) else { break };
            if chunk.read(splits, &mut tokens).is_none() {
                break;
            }
            known[chunk.phase] += 1;
            self.log.valid += bytes;
        }
        Ok(known)
    }
}

/// Hashes tokens as the bytes that files have of them.
fn add_tokens<I: Id>(hash: &mut Xxh3, tokens: &[I]) {
    let mut bytes = Vec::new();
    for part in tokens.chunks(2048) {
        bytes.clear();
        I::write(part, &mut bytes);
        hash.update(&bytes);
    }
}

impl Chunk {
    /// Reads the tokens of the chunk. `None`: they do not match its hash.
    fn read<I: Id>(&self, [train, valid]: &mut [Stream; 2], tokens: &mut Vec<I>) -> Option<()> {
        tokens.clear();
        for (size, held_out) in &self.sizes {
            let stream = if *held_out { &mut *valid } else { &mut *train };
            stream.read(*size as usize, tokens)?;
        }
        let mut hash = Xxh3::new();
        add_tokens(&mut hash, tokens);
        (hash.digest() == self.hash).then_some(())
    }
}

/// Reads the encoded chunks of one phase.
pub(in crate::pipeline) struct EncodedChunks {
    chunks: LogReader,
    phase: usize,
    splits: [Stream; 2],
    path: PathBuf,
}

impl EncodedChunks {
    /// The documents of the next chunk; their tokens, one after another, are in `tokens`.
    ///
    /// # Errors
    /// The files changed since the run began.
    pub(in crate::pipeline) fn next<I: Id>(&mut self, tokens: &mut Vec<I>) -> Result<Vec<DocumentTokens>> {
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
            .hint("run the same command again when no other program writes there"))
    }
}

/// Reads the log.
struct LogReader {
    input: std::io::Take<BufReader<File>>,
    body: Vec<u8>,
}

impl LogReader {
    fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        Ok(Self { input: BufReader::with_capacity(1 << 16, file).take(bytes), body: Vec::new() })
    }

    /// The next chunk and its bytes in the log. `None` at the end, and where the log is cut off or damaged.
    fn next(&mut self) -> Option<(Chunk, u64)> {
        let mut head = [0; 12];
        self.input.read_exact(&mut head).ok()?;
        let mut from = Decoder::new(&head);
        let (length, sum) = (from.u32()?, from.u64()?);
        self.body.clear();
        // Without `resize`: a damaged length must not allocate 4 GB.
        (&mut self.input).take(length.into()).read_to_end(&mut self.body).ok()?;
        if self.body.len() != length as usize || xxh3_64(&self.body) != sum {
            return None;
        }
        let mut from = Decoder::new(&self.body);
        let (phase, hash, count) = (from.u32()? as usize, from.u64()?, from.u32()?);
        let sizes = (0..count).map(|_| Some((from.u32()?, from.u32()? == 1))).collect::<Option<_>>()?;
        from.is_at_end().then_some((Chunk { phase, hash, sizes }, 12 + u64::from(length)))
    }
}

/// Reads the tokens of one phase and split, across its pack shards.
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
    fn read<I: Id>(&mut self, size: usize, tokens: &mut Vec<I>) -> Option<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let path = self.folder.join(format!("{}-{:05}.bin", self.name, self.shards));
                self.file.insert(BufReader::with_capacity(1 << 18, File::open(path).ok()?))
            }
        };
        self.bytes.clear();
        file.take((size * I::BYTES) as u64).read_to_end(&mut self.bytes).ok()?;
        if self.bytes.len() != size * I::BYTES {
            return None;
        }
        I::read(&self.bytes, tokens);
        self.tokens += size as u64;
        // The writer closes a pack shard at the same point.
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
    use crate::pack::{DocumentEntry, Writer};
    use proptest::prelude::*;

    type Documents = Vec<(Vec<u32>, bool)>;

    /// Encodes `chunks` of two phases from the first unknown one on, as a run does; returns how many were known.
    fn run<I: Id>(journal: &Path, chunks: &[(usize, Documents)]) -> Vec<u64> {
        let phases = vec!["web".to_owned(), "books".to_owned()];
        let (mut encoded, known) = Encoded::<I>::open(journal, "of", phases.clone()).unwrap();
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
                    let sizes: Vec<DocumentTokens> =
                        documents.iter().map(|(tokens, held_out)| (tokens.len() as u32, *held_out)).collect();
                    let tokens = documents.iter().flat_map(|(tokens, _)| tokens);
                    let tokens = tokens.map(|id| I::new(*id)).collect::<Vec<_>>();
                    encoded.add(phase, &sizes, &tokens).unwrap();
                    (sizes, tokens)
                };
                let mut rest = tokens.as_slice();
                for (size, held_out) in sizes {
                    let (document, later) = rest.split_at(size as usize);
                    rest = later;
                    let entry = DocumentEntry {
                        id: String::new(),
                        source: String::new(),
                        tokens: size.into(),
                        bytes: 1,
                    };
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
            wide in any::<bool>(),
        ) {
            let run = if wide { run::<u32> } else { run::<u16> };
            let mut next = 0u32;
            let mut chunks: Vec<(usize, Documents)> = sizes.iter().map(|(books, documents)| {
                let documents = documents.iter().map(|(size, held_out)| {
                    (std::iter::repeat_with(|| { next = next.wrapping_mul(31).wrapping_add(7) & 0xFFFF; next }).take(*size).collect(), *held_out)
                });
                (usize::from(*books), documents.collect())
            }).collect();
            // One phase after another, as they are packed.
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
