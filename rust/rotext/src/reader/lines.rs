//! Cuts a stream into chunks of whole lines.

use super::stream::Stream;
use super::units::{Seams, Stop};
use super::{CHUNK_BYTES, Chunk, MAX_RECORD_BYTES, Payload, json};
use crate::error::{Error, Result};

/// Bytes of a read behind the last unit of a part, where only the end of a line is wanted.
const CLOSING_BYTES: usize = 64 << 10;

/// A stream of lines, or the units of one that belong to a part.
///
/// A chunk ends at the last line end before each [`CHUNK_BYTES`] of its unit, so its place depends on nothing before the unit. The
/// first line end of a unit ends the unit before.
pub(super) struct Lines {
    stream: Stream,
    /// The start of a line whose end is not read yet. After a border, lines may follow it.
    carry: Vec<u8>,
    /// Lines returned so far.
    lines: u64,
    /// Bytes of the unit that were read.
    at: usize,
    /// A unit begins behind the last byte that was read.
    border_ahead: Option<Stop>,
    /// The next line end is the first one of a unit.
    border: bool,
    /// The line up to it belongs to another part.
    skip: bool,
    /// The unit behind the last one of this part.
    end: u64,
    /// The part ends with the next line end: it stopped here.
    closing: Option<Stop>,
    /// Something follows there: a table of frames or an empty member at the end of a file is nothing.
    followed: bool,
    /// The stream has bytes.
    begun: bool,
    /// Where the stream begins in the file.
    start: u64,
    /// The source is at its end.
    ended: bool,
    /// What ended it.
    error: Option<Error>,
}

impl Lines {
    /// All lines.
    pub(super) fn new(stream: Stream) -> Self {
        Self::part(stream, (0, 0), u64::MAX)
    }

    /// The lines of some units. `stream` begins at byte `start` of the file, in unit `first`; `end` is the unit behind the last one.
    pub(super) fn part(mut stream: Stream, (start, first): (u64, u64), end: u64) -> Self {
        stream.stop_at_units();
        Self {
            stream,
            carry: Vec::new(),
            lines: 0,
            at: 0,
            border_ahead: None,
            border: first > 0,
            skip: first > 0,
            end,
            closing: None,
            followed: false,
            begun: false,
            start,
            ended: false,
            error: None,
        }
    }

    /// Where the part was read, once it is at its end.
    pub(super) fn seams(&self) -> Seams {
        let end = self.closing.filter(|_| self.followed).map(|stop| stop.offset);
        Seams { start: self.begun.then_some(self.start), end }
    }

    /// Counts lines from `lines`.
    pub(super) fn count_from(&mut self, lines: u64) {
        self.lines = lines;
    }

    /// # Errors
    /// The stream is damaged; what was read before it has been returned.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut buffer = std::mem::take(&mut self.carry);
        let mut scanned = 0;
        loop {
            if self.border
                && let Some(newline) = memchr::memchr(b'\n', &buffer[scanned..])
            {
                let end = scanned + newline + 1;
                (self.border, scanned) = (false, 0);
                if std::mem::take(&mut self.skip) {
                    buffer.drain(..end);
                    continue;
                }
                self.cut(&mut buffer, end);
                return Ok(Some(self.chunk(buffer)));
            }
            if !self.border
                && let Some(newline) = memchr::memrchr(b'\n', &buffer[scanned..])
            {
                self.cut(&mut buffer, scanned + newline + 1);
                return Ok(Some(self.chunk(buffer)));
            }
            if let Some(stop) = self.border_ahead.take() {
                self.border = true;
                self.close(stop);
            }
            if self.skip {
                buffer.clear();
                if self.closing.is_some() && !self.ended {
                    // The first line of this part is behind its last unit. The read tells whether something is there.
                    self.read(&mut buffer);
                    buffer.clear();
                    (self.ended, self.error) = (true, None);
                }
            }
            if self.ended {
                if self.error.is_some() {
                    drop_cut_line(&mut buffer);
                }
                if buffer.is_empty() {
                    return self.error.take().map_or(Ok(None), Err);
                }
                return Ok(Some(self.chunk(buffer)));
            }
            if buffer.len() > MAX_RECORD_BYTES {
                return Ok(Some(self.skip_line(buffer)));
            }
            scanned = buffer.len();
            self.read(&mut buffer);
        }
    }

    /// Keeps what is behind `end` for the next chunk, or ends the part there.
    fn cut(&mut self, buffer: &mut Vec<u8>, end: usize) {
        if self.closing.is_some() {
            (self.ended, self.error) = (true, None);
        } else {
            self.carry = buffer[end..].to_vec();
        }
        buffer.truncate(end);
    }

    /// Ends the part with the next line end, if `stop` is behind its last unit.
    fn close(&mut self, stop: Stop) {
        if self.closing.is_none() && stop.unit >= self.end {
            self.closing = Some(stop);
        }
    }

    /// Appends the bytes up to the next place where a chunk may end. An error ends the stream, and is returned when the bytes
    /// before it are used up.
    fn read(&mut self, buffer: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        let limit = if self.closing.is_some() { CLOSING_BYTES } else { CHUNK_BYTES - self.at % CHUNK_BYTES };
        let read = self.stream.read_up_to(buffer, limit);
        self.begun |= !matches!(read, Ok(0));
        self.followed |= self.closing.is_some() && !matches!(read, Ok(0));
        match read {
            Ok(read) if read < limit => {
                self.at = 0;
                self.border_ahead = self.stream.next_unit();
                self.ended = self.border_ahead.is_none();
            }
            Ok(read) => self.at += read,
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
            if let Some(stop) = self.border_ahead.take() {
                self.close(stop);
            }
            buffer.clear();
            buffer.shrink_to(CHUNK_BYTES);
            self.read(&mut buffer);
            if let Some(newline) = memchr::memchr(b'\n', &buffer) {
                bytes += newline as u64 + 1;
                self.border = false;
                self.cut(&mut buffer, newline + 1);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The texts of all chunks.
    fn chunks(mut lines: Lines) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while let Some(chunk) = lines.next_chunk().unwrap() {
            let Payload::Lines(bytes) = chunk.payload else { panic!("a line is too long") };
            found.push(bytes);
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Parts see the chunks that a reader of everything sees: each once, in order, with all bytes.
        #[test]
        fn parts_have_the_chunks_of_the_whole(
            lengths in prop::collection::vec(prop_oneof![0..200usize, 3000..9000usize, Just(400_000)], 0..30),
            ended in any::<bool>(),
            step in prop_oneof![Just(4096u64), Just(10_000), Just(700_000)],
            cuts in prop::collection::vec(0..3000u64, 0..4),
        ) {
            let mut bytes = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                bytes.extend(std::iter::repeat_n(b'a' + (number % 26) as u8, *length));
                bytes.push(b'\n');
            }
            if !ended {
                bytes.pop();
            }
            let whole = chunks(Lines::new(Stream::for_test(bytes.clone(), 0, 0, step)));
            prop_assert_eq!(whole.concat(), bytes.clone());
            let units = (bytes.len() as u64).div_ceil(step).max(1);
            let mut ends: Vec<u64> = cuts.into_iter().map(|cut| cut % units).chain([0, units]).collect();
            ends.sort_unstable();
            let mut parts = Vec::new();
            for pair in ends.windows(2) {
                let start = pair[0] * step;
                if pair[0] < pair[1] {
                    let rest = bytes[(start as usize).min(bytes.len())..].to_vec();
                    parts.extend(chunks(Lines::part(Stream::for_test(rest, start, pair[0], step), (start, pair[0]), pair[1])));
                }
            }
            prop_assert_eq!(parts.len(), whole.len());
            prop_assert!(parts == whole);
        }
    }
}
