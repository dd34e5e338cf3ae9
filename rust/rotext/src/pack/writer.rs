//! Writes the tokens of one phase and split, pack shard after pack shard.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::entry::DocumentEntry;
use super::manifest::{Shard, Split};
use super::{BLOCK_TOKENS, PIECE_BYTES, blocks, sidecar};
use crate::bpe::Id;
use crate::error::{Error, Result};

/// Writes the tokens of one phase and split.
pub struct Writer {
    directory: PathBuf,
    /// For example `train-web`.
    name: String,
    shard_tokens: u64,
    split: Split,
    open: Option<Open>,
}

struct Open {
    path: PathBuf,
    file: File,
    piece: Vec<u8>,
    shard: Shard,
    ends: Vec<u64>,
    table: sidecar::Table,
    /// Bytes of an id.
    width: usize,
}

impl Writer {
    /// A writer of the files `DIRECTORY/NAME-00000.bin` and so on. A pack shard is closed after the document that fills it to
    /// `shard_tokens`. An existing file is overwritten from its start and truncated at the end, so the bytes after the last
    /// written one can still be read meanwhile.
    #[must_use]
    pub fn new(directory: &Path, name: &str, shard_tokens: u64) -> Self {
        let (directory, name) = (directory.to_owned(), name.to_owned());
        Self { directory, name, shard_tokens, split: Split::default(), open: None }
    }

    /// Appends one document, its `<|endoftext|>` included. All documents have ids of one width.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn push<I: Id>(&mut self, entry: DocumentEntry, tokens: &[I]) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::create(&self.directory, &self.name, self.split.shards.len(), I::BYTES)?);
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        open.push(entry, tokens)?;
        if open.shard.tokens >= self.shard_tokens { self.close_shard() } else { Ok(()) }
    }

    fn close_shard(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            let shard = open.finish()?;
            self.split.tokens += shard.tokens;
            self.split.documents += shard.documents;
            self.split.bytes += shard.bytes;
            self.split.shards.push(shard);
        }
        Ok(())
    }

    /// Closes the last shard; the account of the stream.
    ///
    /// # Errors
    /// As [`Writer::push`].
    pub fn finish(mut self) -> Result<Split> {
        self.close_shard()?;
        self.split.blocks = blocks(self.split.tokens);
        // The token after the inputs of the last block is its last label, so it is used.
        self.split.tail_tokens = if self.split.blocks == 0 {
            self.split.tokens
        } else {
            self.split.tokens - 1 - self.split.blocks * BLOCK_TOKENS
        };
        Ok(self.split)
    }
}

impl Open {
    fn create(directory: &Path, name: &str, number: usize, width: usize) -> Result<Self> {
        let stem = format!("{name}-{number:05}");
        let path = directory.join(format!("{stem}.bin"));
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::io(&path, &e))?;
        let table = sidecar::Table::create(&directory.join(format!("{stem}.docs.parquet")))?;
        let shard = Shard { file: format!("{stem}.bin"), ..Shard::default() };
        Ok(Self { path, file, piece: Vec::with_capacity(PIECE_BYTES), shard, ends: vec![0], table, width })
    }

    fn push<I: Id>(&mut self, entry: DocumentEntry, tokens: &[I]) -> Result<()> {
        let mut rest = tokens;
        while !rest.is_empty() {
            let room = (PIECE_BYTES - self.piece.len()) / I::BYTES;
            let (now, later) = rest.split_at(room.min(rest.len()));
            I::write(now, &mut self.piece);
            rest = later;
            if self.piece.len() == PIECE_BYTES {
                self.write_piece()?;
            }
        }
        let start = self.shard.tokens;
        self.shard.tokens += tokens.len() as u64;
        self.shard.documents += 1;
        self.shard.bytes += entry.bytes;
        self.ends.push(self.shard.tokens);
        self.table.push(entry, start)
    }

    fn write_piece(&mut self) -> Result<()> {
        self.shard.xxh3_64.push(format!("{:016x}", xxh3_64(&self.piece)));
        self.shard.size += self.piece.len() as u64;
        self.file.write_all(&self.piece).map_err(|e| Error::io(&self.path, &e))?;
        self.piece.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Shard> {
        if !self.piece.is_empty() {
            self.write_piece()?;
        }
        let end = self.file.set_len(self.shard.size).and_then(|()| self.file.sync_all());
        end.map_err(|e| Error::io(&self.path, &e))?;
        self.table.finish()?;
        sidecar::write(&self.path.with_extension("offsets.npy"), &sidecar::offsets(&self.ends))?;
        sidecar::write(&self.path.with_extension("idx"), &sidecar::megatron(&self.ends, self.width))?;
        Ok(self.shard)
    }
}
