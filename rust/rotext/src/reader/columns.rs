//! The columns of a Parquet file, fetched in large pieces.
//!
//! The crate asks for a page at a time, and for its header before that. On a server each question costs the time of a request,
//! so a piece reaches to the end of the column's part in the row group, and no further: the columns beside it are not wanted.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::input::Input;
use super::source::Source;

/// The largest piece. Text and id are read in turns, so a few pieces are in memory at a time.
const PIECE_BYTES: u64 = 4 << 20;
/// The least piece outside of columns: the end of the file.
const LEAST_BYTES: u64 = 16 << 10;
const PIECES: usize = 4;

/// The bytes of a Parquet file. Clones share what was fetched.
#[derive(Clone)]
pub(super) struct Columns(Arc<Inner>);

struct Inner {
    source: Source,
    size: u64,
    state: Mutex<State>,
}

struct State {
    input: Input,
    /// Where the wanted columns are, in ascending order.
    extents: Vec<Range<u64>>,
    /// What was fetched last: a place and the bytes from there on.
    pieces: VecDeque<(u64, Bytes)>,
}

impl Columns {
    pub(super) fn new(source: &Source, mut input: Input) -> std::io::Result<Self> {
        let size = input.seek(SeekFrom::End(0))?;
        let state = State { input, extents: Vec::new(), pieces: VecDeque::new() };
        Ok(Self(Arc::new(Inner { source: source.clone(), size, state: Mutex::new(state) })))
    }

    /// Says where the wanted columns are.
    pub(super) fn expect(&self, mut extents: Vec<Range<u64>>) {
        extents.sort_by_key(|extent| extent.start);
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).extents = extents;
    }

    /// At least one byte from `start` on, and at least `least` if the file has so many.
    fn from(&self, start: u64, least: u64) -> std::io::Result<Bytes> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let has =
            |(from, bytes): &&(u64, Bytes)| *from <= start && start + least <= from + bytes.len() as u64;
        if let Some((from, bytes)) = state.pieces.iter().find(has) {
            return Ok(bytes.slice((start - from) as usize..));
        }
        let after = state.extents.partition_point(|extent| extent.start <= start);
        let extent = after.checked_sub(1).map(|at| state.extents[at].clone());
        let end = match extent.filter(|extent| start < extent.end) {
            Some(extent) => extent.end.min(start + PIECE_BYTES),
            None => start + LEAST_BYTES,
        };
        let range = start..end.max(start + least).min(self.0.size);
        if range.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = match &self.0.source.remote {
            Some(remote) if matches!(state.input, Input::Object(_)) => {
                self.0.source.volume.add(range.end - range.start);
                remote.bytes(range)?
            }
            _ => {
                state.input.seek(SeekFrom::Start(start))?;
                let mut bytes = Vec::new();
                (&mut state.input).take(range.end - range.start).read_to_end(&mut bytes)?;
                bytes.into()
            }
        };
        if state.pieces.len() >= PIECES {
            state.pieces.pop_front();
        }
        state.pieces.push_back((start, bytes.clone()));
        Ok(bytes)
    }
}

impl Length for Columns {
    fn len(&self) -> u64 {
        self.0.size
    }
}

impl ChunkReader for Columns {
    type T = Pages;

    fn get_read(&self, start: u64) -> Result<Pages> {
        Ok(Pages { columns: self.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let cut = || ParquetError::EOF(format!("the file ends before {length} bytes at byte {start}"));
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.size) {
            return Err(cut());
        }
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.from(start, length as u64)?;
        if bytes.len() < length { Err(cut()) } else { Ok(bytes.slice(..length)) }
    }
}

/// Reads on from one place.
pub(super) struct Pages {
    columns: Columns,
    at: u64,
}

impl Read for Pages {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.columns.0.size || buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.columns.from(self.at, 1)?;
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        self.at += read as u64;
        Ok(read)
    }
}
