//! A stream of UTF-16 as UTF-8, in bounded memory.

use std::io::{Read, Result};

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};

/// Which byte of a UTF-16 unit is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    LittleEndian,
    BigEndian,
}

impl Order {
    pub(super) fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::LittleEndian => UTF_16LE,
            Self::BigEndian => UTF_16BE,
        }
    }
}

const BUFFER_BYTES: usize = 64 << 10;

/// Decodes as it reads. A lone surrogate and a cut last unit become U+FFFD.
pub(super) struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    input: Vec<u8>,
    output: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, order: Order) -> Self {
        let decoder = order.encoding().new_decoder_with_bom_removal();
        Self { inner, decoder, input: vec![0; BUFFER_BYTES], output: Vec::new(), at: 0, ended: false }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.at == self.output.len() && !self.ended {
            let read = self.inner.read(&mut self.input)?;
            self.ended = read == 0;
            let needed = self.decoder.max_utf8_buffer_length(read).unwrap_or(4 * BUFFER_BYTES);
            self.output.resize(needed, 0);
            let (_, _, written, _) =
                self.decoder.decode_to_utf8(&self.input[..read], &mut self.output, self.ended);
            self.output.truncate(written);
            self.at = 0;
        }
        let read = (&self.output[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
