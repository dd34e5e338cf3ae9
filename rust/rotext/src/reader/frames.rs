//! The frames of a zstd file and the members of a gzip file, one after another, with a stop where a unit begins.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::units::Border;

/// The largest window of zstd that is accepted: `--long=31`, 2 GiB. The decompressor takes this memory only for frames that ask
/// for it.
const WINDOW_LOG_MAX: u32 = 31;

/// A buffered reader that knows how much of it was used.
pub(super) struct Used<R> {
    inner: R,
    offset: u64,
}

impl<R> Used<R> {
    /// `offset`: the place of the first byte in the file.
    pub(super) fn new(inner: R, offset: u64) -> Self {
        Self { inner, offset }
    }
}

impl<R: Read> Read for Used<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Used<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, used: usize) {
        self.offset += used as u64;
        self.inner.consume(used);
    }
}

/// The frames of a zstd file.
pub(super) struct Zstd<R> {
    inner: Used<R>,
    decoder: Decoder<'static>,
    border: Border,
    /// The last frame is at its end.
    between: bool,
}

impl<R: BufRead> Zstd<R> {
    /// # Errors
    /// There is too little memory.
    pub(super) fn new(inner: Used<R>, border: Border) -> Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self { inner, decoder, border, between: true })
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let offset = self.inner.offset;
            let input = self.inner.fill_buf()?;
            if self.between && (input.is_empty() || self.border.stops(offset)) {
                return Ok(0);
            }
            let ended = input.is_empty();
            let status = self.decoder.run_on_buffers(input, buffer)?;
            self.inner.consume(status.bytes_read);
            self.between = status.remaining == 0;
            if status.bytes_written > 0 {
                return Ok(status.bytes_written);
            }
            if ended && !self.between {
                return Err(Error::new(ErrorKind::UnexpectedEof, "incomplete frame"));
            }
        }
    }
}

/// The members of a gzip file. Zeros may follow them (tapes and block devices), as in `gzip -d`.
pub(super) struct Gzip<R> {
    state: State<Used<R>>,
    border: Border,
}

enum State<R> {
    /// Before a member.
    Before(R),
    Inside(Box<flate2::bufread::GzDecoder<R>>),
    Ended,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(inner: Used<R>, border: Border) -> Self {
        Self { state: State::Before(inner), border }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Before(inner) => {
                    if self.border.stops(inner.offset) {
                        self.state = State::Before(inner);
                        return Ok(0);
                    }
                    self.state = State::Inside(Box::new(flate2::bufread::GzDecoder::new(inner)));
                }
                State::Inside(mut member) => {
                    let read = member.read(buffer);
                    if !matches!(read, Ok(0)) {
                        self.state = State::Inside(member);
                        return read;
                    }
                    self.state = after((*member).into_inner())?;
                }
            }
        }
    }
}

/// What follows a member.
fn after<R: BufRead>(mut rest: R) -> Result<State<R>> {
    let mut padded = false;
    loop {
        let ahead = rest.fill_buf()?;
        let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
        match ahead.get(zeros) {
            Some(0x1f) if !padded && zeros == 0 => return Ok(State::Before(rest)),
            Some(_) => {
                let what = "bytes that are not gzip follow the compressed data";
                return Err(Error::new(ErrorKind::InvalidData, what));
            }
            None if zeros == 0 => return Ok(State::Ended),
            None => {}
        }
        padded = true;
        rest.consume(zeros);
    }
}
