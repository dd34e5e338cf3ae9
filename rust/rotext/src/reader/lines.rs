//! Cuts a stream into chunks of whole lines.

use super::source::Source;
use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, Cursor, MAX_RECORD_BYTES, Payload};
use crate::error::Result;

/// A stream of lines.
pub(super) struct Lines {
    stream: Stream,
    /// The start of a line whose end is not read yet.
    carry: Vec<u8>,
    at: Cursor,
    /// The source is at its end.
    ended: bool,
}

impl Lines {
    pub(super) fn open(source: &Source, from: Cursor) -> Result<Self> {
        let mut stream = Stream::open(source)?;
        stream.skip(from.offset)?;
        Ok(Self { stream, carry: Vec::new(), at: from, ended: false })
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut buffer = std::mem::take(&mut self.carry);
        loop {
            let scanned = buffer.len();
            if !self.ended {
                // A line longer than a chunk doubles the step, so a long line costs linear time.
                let want = CHUNK_BYTES.max(buffer.len()).min(MAX_RECORD_BYTES + 1 - buffer.len());
                self.ended = self.stream.read_up_to(&mut buffer, want)? < want;
            }
            if self.ended {
                return Ok((!buffer.is_empty()).then(|| self.chunk(buffer)));
            }
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[scanned..]) {
                let end = scanned + newline + 1;
                self.carry = buffer[end..].to_vec();
                buffer.truncate(end);
                return Ok(Some(self.chunk(buffer)));
            }
            if buffer.len() > MAX_RECORD_BYTES {
                return self.skip_line(buffer).map(Some);
            }
        }
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let first_line = self.at.lines;
        self.at.offset += bytes.len() as u64;
        self.at.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        if !bytes.ends_with(b"\n") {
            self.at.lines += 1;
        }
        Chunk {
            bytes: bytes.len(),
            payload: Payload::Lines(bytes),
            first_line,
            end: self.at,
            moved: self.stream.moved(),
            first: false,
        }
    }

    /// Reads to the end of a line that is too long to keep; the lines before it were returned already.
    fn skip_line(&mut self, mut buffer: Vec<u8>) -> Result<Chunk> {
        let first_line = self.at.lines;
        let mut bytes = buffer.len() as u64;
        loop {
            buffer.clear();
            buffer.shrink_to(CHUNK_BYTES);
            let read = self.stream.read_up_to(&mut buffer, CHUNK_BYTES)?;
            if let Some(newline) = memchr::memchr(b'\n', &buffer) {
                bytes += newline as u64 + 1;
                self.carry = buffer[newline + 1..].to_vec();
                break;
            }
            bytes += read as u64;
            if read < CHUNK_BYTES {
                self.ended = true;
                break;
            }
        }
        self.at.offset += bytes;
        self.at.lines += 1;
        Ok(Chunk {
            payload: Payload::TooLong { bytes },
            first_line,
            end: self.at,
            bytes: 0,
            moved: self.stream.moved(),
            first: false,
        })
    }
}
