//! Numbers and texts as bytes, little-endian: the body of a journal frame.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a [`header`].
pub(in crate::pipeline) const HEADER: usize = 28;

/// The beginning of a file: what it is, its version, a hash of what determines its content, and the checksum of these 20 bytes.
pub(in crate::pipeline) fn header(magic: [u8; 8], version: u32, key: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..8].copy_from_slice(&magic);
    out[8..12].copy_from_slice(&version.to_le_bytes());
    out[12..20].copy_from_slice(&key.to_le_bytes());
    let sum = xxh3_64(&out[..20]);
    out[20..].copy_from_slice(&sum.to_le_bytes());
    out
}

/// Appends numbers and texts to bytes.
#[derive(Default)]
pub(in crate::pipeline) struct Encoder(Vec<u8>);

impl Encoder {
    pub(in crate::pipeline) fn put_u32(&mut self, number: u32) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(in crate::pipeline) fn put_u64(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(in crate::pipeline) fn put_f64(&mut self, number: f64) -> &mut Self {
        self.put_u64(number.to_bits())
    }

    /// A number that may be missing.
    pub(in crate::pipeline) fn put_option(&mut self, number: Option<u64>) -> &mut Self {
        self.put_u32(number.is_some().into()).put_u64(number.unwrap_or_default())
    }

    pub(in crate::pipeline) fn put_text(&mut self, text: &str) -> &mut Self {
        self.put_bytes(text.as_bytes())
    }

    pub(in crate::pipeline) fn put_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.put_u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes so far.
    pub(in crate::pipeline) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in crate::pipeline) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what an [`Encoder`] wrote. `None`: the bytes are something else.
pub(in crate::pipeline) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(in crate::pipeline) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::pipeline) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    pub(in crate::pipeline) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub(in crate::pipeline) fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }

    pub(in crate::pipeline) fn option(&mut self) -> Option<Option<u64>> {
        let (is_there, number) = (self.u32()?, self.u64()?);
        Some((is_there == 1).then_some(number))
    }

    pub(in crate::pipeline) fn text(&mut self) -> Option<String> {
        self.bytes().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    }

    pub(in crate::pipeline) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(in crate::pipeline) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
