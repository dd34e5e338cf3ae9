//! JSON that is not one object on a line: one array over the whole file, or objects over several lines.
//!
//! The values are cut out of the stream and put on one line each, so the rest of the reader sees JSON lines. Memory holds one
//! chunk, or one value if it is longer. A place in such a file is the number of the value.

use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, MAX_RECORD_BYTES, Payload};
use crate::error::{Error, Result};

/// True when the first bytes of a file begin an array of objects, or an object that goes on in the next line.
pub(super) fn has_values(head: &[u8]) -> bool {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(rest) = start.strip_prefix(b"[") {
        return matches!(rest.trim_ascii_start().first(), Some(b'{' | b']') | None);
    }
    let Some(end) = memchr::memchr(b'\n', start).filter(|_| start.starts_with(b"{")) else { return false };
    let (mut depth, mut quoted, mut escaped) = (0i64, false, false);
    for &byte in &start[..end] {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    // A line that was cut inside a string is a broken line, and so is one before a line that begins an object of its own.
    let next = start[end..].trim_ascii_start().first();
    let inside = matches!(start[..end].trim_ascii_end().last(), Some(b'[' | b':'));
    depth > 0 && !quoted && (inside || matches!(next, Some(b'"' | b'}')))
}

/// The values of a stream.
pub(super) struct Values {
    stream: Stream,
    input: Vec<u8>,
    at: usize,
    /// Whole values, one on a line, and the start of the next one.
    out: Vec<u8>,
    /// Where the open value begins in `out`.
    begin: usize,
    depth: usize,
    state: State,
    /// Values that were returned.
    returned: u64,
    /// Values in `out`.
    whole: u64,
    /// The open value is longer than a record may be; its bytes so far.
    too_long: u64,
    /// Such a value, at its end.
    long: Option<u64>,
    ended: bool,
    error: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two values.
    Between,
    /// In an object or list.
    Inside,
    /// In a string.
    String,
    /// After a backslash in a string.
    Escape,
    /// In a value that is no object: a number, a word.
    Scalar,
}

impl Values {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            at: 0,
            out: Vec::new(),
            begin: 0,
            depth: 0,
            state: State::Between,
            returned: 0,
            whole: 0,
            too_long: 0,
            long: None,
            ended: false,
            error: None,
        }
    }

    /// # Errors
    /// The stream is damaged; what was read before it has been returned.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if self.begin >= CHUNK_BYTES || (self.begin > 0 && self.long.is_some()) {
                return Ok(Some(self.chunk()));
            }
            if let Some(bytes) = self.long.take() {
                self.returned += 1;
                return Ok(Some(self.made(0, Payload::TooLong { bytes }, self.returned - 1)));
            }
            if self.at < self.input.len() {
                self.step();
                continue;
            }
            if self.ended {
                if self.error.is_some() {
                    // The reject of the damage stands for the value that it cut off.
                    self.out.truncate(self.begin);
                    self.too_long = 0;
                }
                if self.begin < self.out.len() || self.too_long > 0 {
                    self.end_value();
                    continue;
                }
                if self.begin > 0 {
                    return Ok(Some(self.chunk()));
                }
                return self.error.take().map_or(Ok(None), Err);
            }
            self.input.clear();
            self.at = 0;
            match self.stream.read_up_to(&mut self.input, CHUNK_BYTES) {
                Ok(read) => self.ended = read < CHUNK_BYTES,
                Err(error) => (self.ended, self.error) = (true, Some(error)),
            }
        }
    }

    /// Takes input up to the end of a value or of the input.
    fn step(&mut self) {
        while let Some(&byte) = self.input.get(self.at) {
            match self.state {
                State::Between => match byte {
                    // An opening bracket between values opens the array of the file; a closing one ends it.
                    b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | 0xef | 0xbb | 0xbf => self.at += 1,
                    b'{' => self.state = State::Inside,
                    _ => self.state = State::Scalar,
                },
                State::Scalar => match byte {
                    b',' | b'\n' | b']' => return self.end_value(),
                    _ => self.push(1),
                },
                State::Escape => {
                    self.push(1);
                    self.state = State::String;
                }
                State::String => {
                    let rest = &self.input[self.at..];
                    let found = memchr::memchr2(b'"', b'\\', rest);
                    self.push(found.map_or(rest.len(), |length| length + 1));
                    match found.map(|_| self.input[self.at - 1]) {
                        Some(b'"') => self.state = State::Inside,
                        Some(_) => self.state = State::Escape,
                        None => {}
                    }
                }
                State::Inside => {
                    let rest = &self.input[self.at..];
                    let quiet = |byte: &&u8| !matches!(**byte, b'"' | b'{' | b'[' | b'}' | b']');
                    let length = rest.iter().take_while(quiet).count();
                    let sign = rest.get(length).copied();
                    self.push(length + usize::from(sign.is_some()));
                    match sign {
                        Some(b'"') => self.state = State::String,
                        Some(b'{' | b'[') => self.depth += 1,
                        Some(_) => {
                            self.depth -= 1;
                            if self.depth == 0 {
                                return self.end_value();
                            }
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// Copies bytes of a value. A line end between tokens becomes a blank; in a string it stays a control code, which is an error.
    fn push(&mut self, bytes: usize) {
        let from = self.out.len();
        self.out.extend_from_slice(&self.input[self.at..self.at + bytes]);
        self.at += bytes;
        let other = if matches!(self.state, State::String | State::Escape) { b'\x01' } else { b' ' };
        self.out[from..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = other);
        if self.out.len() - self.begin > MAX_RECORD_BYTES || self.too_long > 0 {
            self.too_long += (self.out.len() - self.begin) as u64;
            self.out.truncate(self.begin);
        }
    }

    fn end_value(&mut self) {
        (self.state, self.depth) = (State::Between, 0);
        if self.too_long > 0 {
            self.long = Some(std::mem::take(&mut self.too_long));
            return;
        }
        self.out.push(b'\n');
        self.begin = self.out.len();
        self.whole += 1;
    }

    /// The whole values so far.
    fn chunk(&mut self) -> Chunk {
        let rest = self.out.split_off(self.begin);
        let bytes = std::mem::replace(&mut self.out, rest);
        self.begin = 0;
        let first_line = self.returned;
        self.returned += std::mem::take(&mut self.whole);
        self.made(bytes.len(), Payload::Lines(bytes), first_line)
    }

    fn made(&mut self, bytes: usize, payload: Payload, first_line: u64) -> Chunk {
        Chunk {
            bytes,
            payload,
            first_line,
            end_line: self.returned,
            moved: self.stream.moved(),
            first: false,
        }
    }
}
