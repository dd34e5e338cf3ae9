//! The frames of a zstd file and the members of a gzip file, one after another, with a stop where a unit begins.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::units::Border;

/// The largest window of zstd that is accepted: `--long=31`, 2 GiB. The decompressor takes this memory only for frames that ask
/// for it.
const WINDOW_LOG_MAX: u32 = 31;

/// The memory that the first frame of a zstd file asks for: its window, or its content if that is in one segment. 0: no frame begins
/// here. Source: RFC 8878, section 3.1.1.1.
pub(super) fn window_bytes(head: &[u8]) -> u64 {
    let Some([descriptor, rest @ ..]) = head.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd]) else { return 0 };
    if descriptor & 0x20 == 0 {
        let window = rest.first().copied().map_or(0, u64::from);
        let base = 1u64 << (10 + (window >> 3));
        return base + base / 8 * (window & 7);
    }
    // The number of the dictionary is before the length of the content.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let Some(bytes) = rest.get(dictionary..dictionary + length) else { return 0 };
    let content = bytes.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    if length == 2 { content + 256 } else { content }
}

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

/// Fills the buffer. An interrupted call is made again: between two members a reader has no state to come back to.
pub(super) fn wait_for_bytes(reader: &mut impl BufRead) -> Result<()> {
    loop {
        match reader.fill_buf() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            filled => return filled.map(|_| ()),
        }
    }
}

/// What follows a member.
fn after<R: BufRead>(mut rest: R) -> Result<State<R>> {
    let mut padded = false;
    loop {
        wait_for_bytes(&mut rest)?;
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

#[cfg(test)]
mod tests {
    use super::window_bytes;

    #[test]
    fn the_window_is_in_the_header() {
        // zstd --long=31, --long=27, without a length; zstd of 300 bytes in one segment.
        for (head, window) in [
            (&[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0xa8][..], 2 << 30),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x88], 128 << 20),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x2c, 0x00], 300),
            (b"{\"text\"", 0),
            (&[0x28, 0xb5, 0x2f, 0xfd], 0),
        ] {
            assert_eq!(window_bytes(head), window, "{head:x?}");
        }
    }
}
