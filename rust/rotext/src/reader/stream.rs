//! A file as a stream of decompressed bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::source::{Compression, Source, compression};
use crate::error::{Error, Place, Result};

/// The buffer before the decompressor: disks and network folders are fast with large reads.
const READ_BYTES: usize = 256 << 10;

/// The decompressed bytes of a file, with the position for messages and progress.
pub struct Stream {
    inner: Box<dyn Read + Send>,
    path: PathBuf,
    /// Decompressed bytes returned so far.
    offset: u64,
    /// Bytes read from the disk so far, shared with the counting reader below the decompressor.
    disk: Arc<AtomicU64>,
    reported: u64,
}

struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

impl Stream {
    /// Opens the file and its decompressor.
    ///
    /// # Errors
    /// The file cannot be opened or is a folder.
    pub fn open(source: &Source) -> Result<Self> {
        let path = source.path.clone();
        let disk = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&disk);
        let raw: Box<dyn Read + Send> = if source.is_stdin() {
            Box::new(std::io::stdin())
        } else {
            if path.is_dir() {
                return Err(Error::io(&path, &std::io::ErrorKind::IsADirectory.into()));
            }
            Box::new(File::open(&path).map_err(|e| Error::io(&path, &e))?)
        };
        let mut raw = BufReader::with_capacity(READ_BYTES, Counted { inner: raw, count });
        let found = if source.stream {
            compression(raw.fill_buf().map_err(|e| Error::io(&path, &e))?)
        } else {
            source.compression
        };
        let inner: Box<dyn Read + Send> = match found {
            Compression::None => Box::new(raw),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(raw).map_err(|e| Error::io(&path, &e))?),
        };
        Ok(Self { inner, path, offset: 0, disk, reported: 0 })
    }

    /// Appends up to `limit` bytes to `buffer`; fewer only at the end. Returns the number of bytes.
    ///
    /// # Errors
    /// The compressed stream is cut off or damaged, or the disk fails.
    pub fn read_up_to(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize> {
        buffer.reserve(limit.min(READ_BYTES.max(super::CHUNK_BYTES)));
        let before = buffer.len();
        let result = (&mut self.inner).take(limit as u64).read_to_end(buffer);
        let read = buffer.len() - before;
        self.offset += read as u64;
        match result {
            Ok(_) => Ok(read),
            Err(e) => Err(self.broken(&e)),
        }
    }

    /// Skips `bytes` bytes, to where an earlier run stopped.
    ///
    /// # Errors
    /// As [`Stream::read_up_to`]; the file is shorter than it was.
    pub fn skip(&mut self, bytes: u64) -> Result<()> {
        let skipped = std::io::copy(&mut (&mut self.inner).take(bytes), &mut std::io::sink())
            .map_err(|e| self.broken(&e))?;
        self.offset += skipped;
        if skipped < bytes {
            return Err(Error::data("the file is shorter than when the run began")
                .at(&self.path)
                .hint("start the run again with --force"));
        }
        Ok(())
    }

    /// Bytes read from the disk since the last call.
    pub fn moved(&mut self) -> u64 {
        let now = self.disk.load(Relaxed);
        now - std::mem::replace(&mut self.reported, now)
    }

    fn broken(&self, e: &std::io::Error) -> Error {
        use std::io::ErrorKind as E;
        let place = Place { path: self.path.clone(), line: None, byte: Some(self.offset) };
        match e.kind() {
            E::UnexpectedEof => Error::data("the compressed file is cut off here")
                .at_place(place)
                .hint("download or compress the file again; everything before this byte is readable"),
            E::InvalidInput | E::InvalidData | E::Other => {
                Error::data(format!("the compressed file is damaged here ({e})"))
                    .at_place(place)
                    .hint("download or compress the file again; everything before this byte is readable")
            }
            _ => Error::io(&self.path, e),
        }
    }
}
