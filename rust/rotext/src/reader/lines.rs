//! Cuts a stream into chunks of whole lines.

use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, MAX_RECORD_BYTES, Payload, json};
use crate::error::{Error, Result};

/// A stream of lines.
pub(super) struct Lines {
    stream: Stream,
    /// The start of a line whose end is not read yet.
    carry: Vec<u8>,
    /// Lines returned so far.
    lines: u64,
    /// The source is at its end.
    ended: bool,
    /// What ended it.
    error: Option<Error>,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, carry: Vec::new(), lines: 0, ended: false, error: None }
    }

    /// # Errors
    /// The stream is damaged; what was read before it has been returned.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut buffer = std::mem::take(&mut self.carry);
        loop {
            let scanned = buffer.len();
            // A line longer than a chunk doubles the step, so a long line costs linear time.
            self.read(
                &mut buffer,
                CHUNK_BYTES.max(scanned).min(MAX_RECORD_BYTES + 1 - scanned.min(MAX_RECORD_BYTES)),
            );
            if self.ended {
                if self.error.is_some() {
                    drop_cut_line(&mut buffer);
                }
                if buffer.is_empty() {
                    return self.error.take().map_or(Ok(None), Err);
                }
                return Ok(Some(self.chunk(buffer)));
            }
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[scanned..]) {
                let end = scanned + newline + 1;
                self.carry = buffer[end..].to_vec();
                buffer.truncate(end);
                return Ok(Some(self.chunk(buffer)));
            }
            if buffer.len() > MAX_RECORD_BYTES {
                return Ok(Some(self.skip_line(buffer)));
            }
        }
    }

    /// Appends up to `limit` bytes. An error ends the stream, and is returned when the bytes before it are used up.
    fn read(&mut self, buffer: &mut Vec<u8>, limit: usize) {
        if self.ended {
            return;
        }
        match self.stream.read_up_to(buffer, limit) {
            Ok(read) => self.ended = read < limit,
            Err(error) => (self.ended, self.error) = (true, Some(error)),
        }
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let first_line = self.lines;
        self.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        self.lines += u64::from(!bytes.ends_with(b"\n"));
        Chunk {
            bytes: bytes.len(),
            payload: Payload::Lines(bytes),
            first_line,
            end_line: self.lines,
            moved: self.stream.moved(),
            first: false,
        }
    }

    /// Reads to the end of a line that is too long to keep; the lines before it were returned already.
    fn skip_line(&mut self, mut buffer: Vec<u8>) -> Chunk {
        let first_line = self.lines;
        let mut bytes = buffer.len() as u64;
        loop {
            buffer.clear();
            buffer.shrink_to(CHUNK_BYTES);
            self.read(&mut buffer, CHUNK_BYTES);
            if let Some(newline) = memchr::memchr(b'\n', &buffer) {
                bytes += newline as u64 + 1;
                self.carry = buffer[newline + 1..].to_vec();
                break;
            }
            bytes += buffer.len() as u64;
            if self.ended {
                break;
            }
        }
        self.lines += 1;
        Chunk {
            payload: Payload::TooLong { bytes },
            first_line,
            end_line: self.lines,
            bytes: 0,
            moved: self.stream.moved(),
            first: false,
        }
    }
}

/// Drops a last line that damage cut off: the reject of the damage stands for it.
fn drop_cut_line(buffer: &mut Vec<u8>) {
    let start = memchr::memrchr(b'\n', buffer).map_or(0, |newline| newline + 1);
    let line = std::str::from_utf8(&buffer[start..]).map(str::trim);
    if !line.is_ok_and(|line| json::scan(line).is_ok_and(|found| found.end == line.len())) {
        buffer.truncate(start);
    }
}
