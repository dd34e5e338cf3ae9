//! A file as a stream of plain bytes.

use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::source::{Compression, Source};
use super::units::{Border, Cut, Stepped, Stop, UNIT_BYTES};
use super::unpack::{Unpacked, unpack, unpack_from};
use super::{charset, utf16, zip};
use crate::error::{Error, Place, Result};

/// The buffer before the decompressor: disks and network folders are fast with large reads.
const READ_BYTES: usize = 256 << 10;

/// The decompressed bytes of a file, with the position for messages and progress.
pub struct Stream {
    inner: Box<dyn Read + Send>,
    /// The first bytes; `inner` gives them too.
    head: Vec<u8>,
    path: PathBuf,
    /// Its bytes are those of the file.
    plain: bool,
    /// Decompressed bytes returned so far.
    offset: u64,
    /// Bytes read from the disk so far, shared with the counting reader below the decompressor.
    disk: Arc<AtomicU64>,
    reported: u64,
    /// Where it stops, if the source is cut into units.
    border: Option<Border>,
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
    /// Opens the file and its decompressors.
    ///
    /// # Errors
    /// The file cannot be opened or is a folder; it is compressed in a way that is not supported.
    pub fn open(source: &Source) -> Result<Self> {
        Self::open_at(source, 0, 0, source.units())
    }

    /// Opens the file at byte `start`, where unit `unit` begins. Little behind unit `end` will be read.
    pub(super) fn open_at(source: &Source, start: u64, unit: u64, end: u64) -> Result<Self> {
        let path = source.path.clone();
        let disk = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&disk);
        let damaged = |e: std::io::Error| broken(&path, 0, &e);
        let border = Border::new(unit);
        let Unpacked { mut inner, head, compression, layers } = if let Some(member) = source.member {
            let member = zip::open(source, member).map_err(damaged)?;
            unpack(BufReader::new(Counted { inner: member, count })).map_err(damaged)?
        } else {
            let raw: Box<dyn Read + Send> = if source.is_stdin() {
                Box::new(std::io::stdin())
            } else {
                let mut input = source.input()?;
                if start > 0 {
                    input.seek(SeekFrom::Start(start)).map_err(damaged)?;
                }
                if end < source.units() {
                    input.expect_end(end * UNIT_BYTES);
                }
                Box::new(input)
            };
            let raw = BufReader::with_capacity(READ_BYTES, Counted { inner: raw, count });
            unpack_from(raw, start, &border).map_err(damaged)?
        };
        let plain = compression == Compression::None && source.member.is_none() && !source.stream;
        // A file that was changed since it was looked at may have another compression.
        let border = match source.cut {
            Cut::Lines if plain => {
                inner = Box::new(Stepped::new(inner, start, border.clone()));
                Some(border)
            }
            Cut::MarkedFrames | Cut::ListedFrames | Cut::Members if layers == 1 => Some(border),
            _ => None,
        };
        Ok(Self { inner, head, path, plain, offset: 0, disk, reported: 0, border })
    }

    /// Lets the stream stop where units begin.
    pub(super) fn stop_at_units(&mut self) {
        if let Some(border) = &self.border {
            border.watch();
        }
    }

    /// After a short read: the unit that begins here; the stream then goes on. `None`: it is at its end.
    pub(super) fn next_unit(&mut self) -> Option<Stop> {
        self.border.as_ref().and_then(Border::next)
    }

    #[cfg(test)]
    pub(super) fn for_test(bytes: Vec<u8>, start: u64, unit: u64, step: u64) -> Self {
        let border = Border::with_step(unit, step);
        let inner = Box::new(Stepped::new(Cursor::new(bytes), start, border.clone()));
        let (head, disk) = (Vec::new(), Arc::default());
        Self {
            inner,
            head,
            path: PathBuf::new(),
            plain: true,
            offset: 0,
            disk,
            reported: 0,
            border: Some(border),
        }
    }

    /// The first bytes: up to 4 KiB.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// True when the bytes are those of a file, which can be read at any place.
    pub(super) fn is_file(&self) -> bool {
        self.plain
    }

    /// The same stream as UTF-8, if its first bytes are UTF-16.
    pub(super) fn decode_utf16(mut self) -> Self {
        if let Some(order) = charset::utf16_order(&self.head) {
            self.border = None;
            let empty: Box<dyn Read + Send> = Box::new(Cursor::new(Vec::new()));
            self.inner = Box::new(utf16::Decoded::new(std::mem::replace(&mut self.inner, empty), order));
            let mut head = Vec::new();
            let error = (&mut self.inner).take(super::unpack::HEAD_BYTES as u64).read_to_end(&mut head).err();
            let inner = std::mem::replace(&mut self.inner, Box::new(Cursor::new(Vec::new())));
            self.inner = Box::new(super::unpack::again(head.clone(), error, inner));
            self.head = head;
        }
        self
    }

    /// Appends up to `limit` bytes to `buffer`; fewer only at the end. Returns the number of bytes.
    ///
    /// # Errors
    /// The compressed stream is cut off or damaged, or the disk fails. `buffer` then has the bytes before the damage.
    pub fn read_up_to(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize> {
        buffer.reserve(limit.min(READ_BYTES.max(super::CHUNK_BYTES)));
        let before = buffer.len();
        let result = (&mut self.inner).take(limit as u64).read_to_end(buffer);
        let read = buffer.len() - before;
        self.offset += read as u64;
        match result {
            Ok(_) => Ok(read),
            Err(e) => Err(broken(&self.path, self.offset, &e)),
        }
    }

    /// The error of a read through [`Read`].
    pub(super) fn broken(&self, e: &std::io::Error) -> Error {
        broken(&self.path, self.offset, e)
    }

    /// Bytes read from the disk since the last call.
    pub fn moved(&mut self) -> u64 {
        let now = self.disk.load(Relaxed);
        now - std::mem::replace(&mut self.reported, now)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

fn broken(path: &std::path::Path, offset: u64, e: &std::io::Error) -> Error {
    use std::io::ErrorKind as E;
    let place = Place { path: path.to_owned(), line: None, byte: Some(offset) };
    let hint = "download or compress the file again; everything before this byte is readable";
    match e.kind() {
        // The system's own errors have a number: a disk that fails is not a damaged file.
        _ if e.raw_os_error().is_some() => Error::io(path, e),
        E::UnexpectedEof => Error::damaged("the compressed file is cut off here").at_place(place).hint(hint),
        E::Unsupported => Error::damaged(e.to_string()).at(path).hint("unpack it first, and name the folder"),
        E::OutOfMemory => Error::damaged(format!("the compressed file needs too much memory ({e})"))
            .at_place(place)
            .hint("compress the file again with a smaller window or dictionary"),
        E::InvalidInput | E::InvalidData | E::Other => {
            Error::damaged(format!("the compressed file is damaged here ({e})")).at_place(place).hint(hint)
        }
        _ => Error::io(path, e),
    }
}
