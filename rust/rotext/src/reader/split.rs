//! Text files with many documents: one on a line (OSCAR 2019), or divided by empty lines (CC-100).

use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, MAX_RECORD_BYTES, Payload};
use crate::error::{Error, Result};

/// How a text file is divided into documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Split {
    /// The file is one document.
    #[default]
    None,
    /// Each line is a document.
    Line,
    /// Empty lines divide documents.
    BlankLine,
}

impl Split {
    /// The split with this name: `line` or `blank-line`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "line" => Some(Self::Line),
            "blank-line" => Some(Self::BlankLine),
            _ => None,
        }
    }
}

/// One document of a file, not decoded yet.
pub(super) struct Part {
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
}

/// The documents of a stream. Memory holds a chunk, or one document if it is longer.
pub(super) struct Parts {
    stream: Stream,
    split: Split,
    input: Vec<u8>,
    at: usize,
    /// The open document, and its first line.
    open: Vec<u8>,
    line: u64,
    /// Bytes of the open document, if it is too long.
    too_long: u64,
    /// Bytes of such a document at its end.
    long: Option<u64>,
    /// Lines so far.
    lines: u64,
    ended: bool,
    error: Option<Error>,
}

impl Parts {
    pub(super) fn new(stream: Stream, split: Split) -> Self {
        let stream = stream.decode_utf16();
        let (input, open) = (Vec::new(), Vec::new());
        Self {
            stream,
            split,
            input,
            at: 0,
            open,
            line: 1,
            too_long: 0,
            long: None,
            lines: 0,
            ended: false,
            error: None,
        }
    }

    /// # Errors
    /// The stream is damaged; what was read before it has been returned.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let first_line = self.lines;
        if let Some(bytes) = self.long.take() {
            return Ok(Some(self.chunk(0, Payload::TooLong { bytes }, first_line)));
        }
        let (mut parts, mut bytes) = (Vec::new(), 0);
        while bytes < CHUNK_BYTES {
            if self.at == self.input.len() {
                if self.ended {
                    // A document that damage cut off is no document.
                    if self.error.is_none() {
                        self.close(&mut parts, &mut bytes);
                    }
                    self.open.clear();
                    break;
                }
                self.input.clear();
                self.at = 0;
                match self.stream.read_up_to(&mut self.input, CHUNK_BYTES) {
                    Ok(read) => self.ended = read < CHUNK_BYTES,
                    Err(error) => (self.ended, self.error) = (true, Some(error)),
                }
                continue;
            }
            let rest = &self.input[self.at..];
            let newline = memchr::memchr(b'\n', rest);
            let taken = newline.map_or(rest.len(), |at| at + 1);
            let begins = self.open.is_empty() || self.open.ends_with(b"\n");
            let blank = begins && newline.is_some() && rest[..taken].trim_ascii().is_empty();
            if self.too_long == 0 {
                self.open.extend_from_slice(&rest[..taken]);
            }
            self.at += taken;
            if self.open.len() > MAX_RECORD_BYTES || self.too_long > 0 {
                self.too_long += if self.too_long == 0 { self.open.len() } else { taken } as u64;
                self.open.clear();
            }
            if newline.is_some() {
                self.lines += 1;
                if self.split == Split::Line || blank {
                    self.close(&mut parts, &mut bytes);
                    if self.long.is_some() {
                        break;
                    }
                }
            }
        }
        if !parts.is_empty() {
            return Ok(Some(self.chunk(bytes, Payload::Texts(parts), first_line)));
        }
        if let Some(bytes) = self.long.take() {
            return Ok(Some(self.chunk(0, Payload::TooLong { bytes }, first_line)));
        }
        self.error.take().map_or(Ok(None), Err)
    }

    /// Ends the open document. An empty one is none.
    fn close(&mut self, parts: &mut Vec<Part>, bytes: &mut usize) {
        if self.too_long > 0 {
            self.long = Some(std::mem::take(&mut self.too_long));
        }
        let open = std::mem::take(&mut self.open);
        let line = std::mem::replace(&mut self.line, self.lines + 1);
        let text = open.trim_ascii();
        if !text.is_empty() {
            *bytes += open.len();
            parts.push(Part { line, bytes: text.to_vec() });
        }
    }

    fn chunk(&mut self, bytes: usize, payload: Payload, first_line: u64) -> Chunk {
        Chunk { bytes, payload, first_line, end_line: self.lines, moved: self.stream.moved(), first: false }
    }
}
