//! Numbers and texts as bytes, little-endian: the body of a journal frame.

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

    pub(in crate::pipeline) fn put_text(&mut self, text: &str) -> &mut Self {
        self.put_u32(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
        self
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

    pub(in crate::pipeline) fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    pub(in crate::pipeline) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
