//! What the first pass found of one chunk of the input, and its bytes in the journal.

use super::bytes::{Decoder, Encoder};
use super::filtering::Finding;
use crate::normalize;

/// What was found of a chunk.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Frame {
    /// XXH3-64 of the chunk.
    pub(super) hash: u64,
    /// Index of its source, over all phases.
    pub(super) source: u32,
    /// Records in it, good and bad.
    pub(super) records: u64,
    /// What the normalizer did.
    pub(super) normalize: normalize::Report,
    /// What became of each document, in order.
    pub(super) fates: Vec<Fate>,
    /// Those that stay, in order.
    pub(super) documents: Vec<Signed>,
    /// Their bands, one after another.
    pub(super) bands: Vec<u64>,
    /// The hashes of their lines, one after another.
    pub(super) lines: Vec<u64>,
    /// XXH3-64 of their words as they stand in the file.
    pub(super) words: u64,
}

/// What became of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fate {
    pub(super) left: Left,
    /// What the filter decided.
    pub(super) findings: Vec<Finding>,
}

/// Where a document was left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Left {
    /// It stays.
    #[default]
    Nowhere,
    /// Normalization left nothing of it.
    Empty,
    /// The filter dropped it.
    Filtered,
}

/// A document that stays, as deduplication sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) id: String,
    pub(super) key: u128,
    /// XXH3-64 of the text.
    pub(super) text: u64,
    pub(super) bytes: u64,
    /// How many words, bands and lines are its own.
    pub(super) words: u32,
    pub(super) bands: u32,
    pub(super) lines: u32,
    pub(super) contaminated: u32,
}

impl Frame {
    /// Its bytes, little-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.long(self.hash).short(self.source).long(self.records).long(self.words);
        for number in self.normalize.numbers() {
            out.long(number);
        }
        out.short(self.fates.len() as u32);
        for Fate { left, findings } in &self.fates {
            out.short(*left as u32 | (findings.len() as u32) << 8);
            findings.iter().for_each(|finding| finding.encode(&mut out));
        }
        out.short(self.documents.len() as u32);
        for signed in &self.documents {
            out.long(signed.key as u64).long((signed.key >> 64) as u64).long(signed.text).long(signed.bytes);
            out.short(signed.words).short(signed.bands).short(signed.lines).short(signed.contaminated);
            out.text(&signed.id);
        }
        for hashes in [&self.bands, &self.lines] {
            out.short(hashes.len() as u32);
            for hash in hashes {
                out.long(*hash);
            }
        }
        out.finish()
    }

    /// What [`Frame::encode`] wrote; `None`: something else did.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder::new(bytes);
        let mut frame = Self {
            hash: from.long()?,
            source: from.short()?,
            records: from.long()?,
            words: from.long()?,
            ..Self::default()
        };
        let mut numbers = [0; normalize::NUMBERS];
        for number in &mut numbers {
            *number = from.long()?;
        }
        frame.normalize = normalize::Report::of_numbers(&numbers);
        for _ in 0..from.short()? {
            let head = from.short()?;
            let left = match head & 0xff {
                0 => Left::Nowhere,
                1 => Left::Empty,
                2 => Left::Filtered,
                _ => return None,
            };
            let findings = (0..head >> 8).map(|_| Finding::decode(&mut from)).collect::<Option<_>>()?;
            frame.fates.push(Fate { left, findings });
        }
        for _ in 0..from.short()? {
            let (low, high) = (from.long()?, from.long()?);
            frame.documents.push(Signed {
                key: u128::from(low) | u128::from(high) << 64,
                text: from.long()?,
                bytes: from.long()?,
                words: from.short()?,
                bands: from.short()?,
                lines: from.short()?,
                contaminated: from.short()?,
                id: from.text()?,
            });
        }
        for hashes in [&mut frame.bands, &mut frame.lines] {
            for _ in 0..from.short()? {
                hashes.push(from.long()?);
            }
        }
        from.is_at_end().then_some(frame)
    }

    /// Bytes of its documents' words in their file.
    pub(super) fn word_bytes(&self) -> u64 {
        self.documents.iter().map(|signed| u64::from(signed.words) * 4).sum()
    }
}
