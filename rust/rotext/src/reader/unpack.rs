//! Undoes compression. The first bytes say what a file is: browsers and mirrors unpack files and keep the name, or pack them twice.

use std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read, Result};

use super::frames::{Gzip, Used, Zstd};
use super::source::Compression;
use super::units::Border;

/// Bytes at the start of a stream that decide what it is.
pub(super) const HEAD_BYTES: usize = 4096;

/// Compressions around one file: more are not a mistake but an attack.
const MOST_LAYERS: usize = 3;

/// The buffer between two decompressors.
const BETWEEN_BYTES: usize = 64 << 10;

/// Plain bytes, and what was around them.
pub(super) struct Unpacked {
    pub(super) inner: Box<dyn Read + Send>,
    /// The first plain bytes. `inner` gives them too.
    pub(super) head: Vec<u8>,
    /// The outermost compression.
    pub(super) compression: Compression,
    /// How many compressions were around the bytes.
    pub(super) layers: usize,
}

/// Undoes every compression around `raw`.
///
/// # Errors
/// The first bytes cannot be read; there are too many layers. Damage later in the stream is an error of `inner`.
pub(super) fn unpack(raw: impl BufRead + Send + 'static) -> Result<Unpacked> {
    unpack_from(raw, 0, &Border::default())
}

/// As [`unpack`], for bytes of a file from `offset` on. The outermost decompressor stops at `border`.
///
/// # Errors
/// As [`unpack`].
pub(super) fn unpack_from(
    raw: impl BufRead + Send + 'static,
    offset: u64,
    border: &Border,
) -> Result<Unpacked> {
    let mut inner: Box<dyn BufRead + Send> = Box::new(raw);
    let mut outermost = Compression::None;
    for layer in 0..=MOST_LAYERS {
        let (head, again) = peek(inner);
        let found = compression(&head);
        if found == Compression::None {
            return Ok(Unpacked { inner: again, head, compression: outermost, layers: layer });
        }
        if layer == 0 {
            outermost = found;
        }
        // The decompressor wants a buffer; a peeked stream is one whose buffer is below it.
        let packed = BufReader::with_capacity(BETWEEN_BYTES, again);
        let border = if layer == 0 { border.clone() } else { Border::default() };
        let plain: Box<dyn Read + Send> = match found {
            Compression::None | Compression::Zip => Box::new(packed),
            Compression::Gzip => Box::new(Gzip::new(Used::new(packed, offset), border)),
            Compression::Zstd => Box::new(Zstd::new(Used::new(packed, offset), border)?),
            Compression::Xz => Box::new(lzma_rust2::XzReader::new(packed, true)),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            Compression::Lz4 => Box::new(Lz4::new(packed)),
        };
        inner = Box::new(BufReader::with_capacity(BETWEEN_BYTES, plain));
    }
    Err(Error::new(ErrorKind::InvalidData, format!("the file is compressed more than {MOST_LAYERS} times")))
}

/// The compression by the first bytes.
pub(super) fn compression(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        // A bzip2 file is `BZh`, a digit, and the first block (pi) or the end of an empty file (its root).
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
            if rest.starts_with(b"1AY&SY") || rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
        {
            Compression::Bzip2
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Lz4,
        // A skippable frame belongs to zstd (pzstd and seekable files begin with one) and to lz4. The next frame decides.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] => {
            let next = u32::from_le_bytes([*a, *b, *c, *d]) as usize + 8;
            match head.get(next..).map(compression) {
                Some(Compression::Lz4) => Compression::Lz4,
                _ => Compression::Zstd,
            }
        }
        _ => Compression::None,
    }
}

/// Reads the first bytes of a stream, and returns them with the whole stream. An error in them is met again by the reader.
fn peek(mut inner: Box<dyn BufRead + Send>) -> (Vec<u8>, Box<dyn Read + Send>) {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let error = (&mut inner).take(HEAD_BYTES as u64).read_to_end(&mut head).err();
    let again = again(head.clone(), error, inner);
    (head, Box::new(again))
}

/// A stream whose first bytes were taken: these bytes, then the error that ended them, then the rest.
pub(super) fn again(head: Vec<u8>, error: Option<Error>, rest: impl Read + Send) -> impl Read + Send {
    Peeked { head: Cursor::new(head), error, inner: rest }
}

/// A stream from its first byte, after a look at it.
struct Peeked<R> {
    head: Cursor<Vec<u8>>,
    error: Option<Error>,
    inner: R,
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.inner.read(buffer),
        }
    }
}

/// The frames of an lz4 file, one after another, with skippable frames between them.
struct Lz4<R: Read> {
    frame: Option<lz4_flex::frame::FrameDecoder<Tail<R>>>,
}

impl<R: BufRead> Lz4<R> {
    fn new(inner: R) -> Self {
        Self { frame: Some(lz4_flex::frame::FrameDecoder::new(Tail { inner, last: [1; 8] })) }
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let Some(frame) = self.frame.as_mut() else { return Ok(0) };
            let skipped = match frame.read(buffer) {
                Ok(read) if read > 0 || buffer.is_empty() => return Ok(read),
                Ok(_) => None,
                Err(error) => Some(skippable_bytes(&error).ok_or(error)?),
            };
            let Some(mut rest) = self.frame.take().map(lz4_flex::frame::FrameDecoder::into_inner) else {
                return Ok(0);
            };
            match skipped {
                Some(bytes) => {
                    let skipped = std::io::copy(&mut (&mut rest).take(bytes), &mut std::io::sink())?;
                    if skipped < bytes {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    rest.last = [0; 8];
                }
                // The crate takes a cut between two blocks for the end. A frame ends in four zeros, and a checksum if it has one.
                None if rest.last[4..] != [0; 4] && rest.last[..4] != [0; 4] => {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                None => {}
            }
            if rest.inner.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.frame = Some(lz4_flex::frame::FrameDecoder::new(rest));
        }
    }
}

/// The length of a skippable frame, which the crate reports as an error.
fn skippable_bytes(error: &Error) -> Option<u64> {
    match error.get_ref()?.downcast_ref::<lz4_flex::frame::Error>()? {
        lz4_flex::frame::Error::SkippableFrame(bytes) => Some(u64::from(*bytes)),
        _ => None,
    }
}

/// A reader that remembers the last bytes it gave.
struct Tail<R> {
    inner: R,
    last: [u8; 8],
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        let new = &buffer[..read];
        let kept = new.len().min(8);
        self.last.copy_within(kept.., 0);
        self.last[8 - kept..].copy_from_slice(&new[new.len() - kept..]);
        Ok(read)
    }
}
