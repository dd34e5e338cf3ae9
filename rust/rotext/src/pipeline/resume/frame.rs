//! What the first pass found in one chunk of the input, and the bytes of that in the journal.

use std::borrow::Cow;

use super::super::filter_stage::{Finding, rule_names};
use super::codec::{Decoder, Encoder};
use crate::ledger::Action;
use crate::normalize;

/// What the first pass found in one chunk.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::pipeline) struct Frame {
    /// XXH3-64 of the chunk.
    pub(in crate::pipeline) hash: u64,
    /// Index of its source, over all phases.
    pub(in crate::pipeline) source: u32,
    /// Records in it, good and bad.
    pub(in crate::pipeline) records: u64,
    /// What the normalizer did.
    pub(in crate::pipeline) normalize: normalize::Report,
    /// The outcome of each document, in order.
    pub(in crate::pipeline) outcomes: Vec<DocumentOutcome>,
    /// The kept documents, in order.
    pub(in crate::pipeline) documents: Vec<SignedDocument>,
    /// The band hashes of all kept documents, one after another.
    pub(in crate::pipeline) bands: Vec<u64>,
    /// The line hashes of all kept documents, one after another.
    pub(in crate::pipeline) lines: Vec<u64>,
    /// What the panic over each failed document said, in order.
    pub(in crate::pipeline) failures: Vec<String>,
    /// XXH3-64 of the words of all kept documents, as the file of words has them.
    pub(in crate::pipeline) words: u64,
}

/// What normalizer and filter decided about a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::pipeline) struct DocumentOutcome {
    pub(in crate::pipeline) status: Status,
    /// How the normalizer changed the text: a later pass does the same and looks at nothing else.
    pub(in crate::pipeline) repairs: normalize::Steps,
    /// The decisions of the filter.
    pub(in crate::pipeline) findings: Vec<Finding>,
}

/// Whether a document was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pipeline) enum Status {
    #[default]
    Kept,
    /// It has no text after repair.
    Empty,
    /// The filter dropped it.
    Filtered,
    /// A step panicked over it.
    Failed,
}

/// A kept document, as deduplication sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct SignedDocument {
    /// Its id; for a document that is named by its place, what follows the line.
    pub(in crate::pipeline) id: String,
    /// The line of a document that is named by its place, counted from 1 in the chunk; else 0. A task that reads a part of a
    /// file does not know the lines before it.
    pub(in crate::pipeline) place: u32,
    pub(in crate::pipeline) key: u128,
    /// XXH3-64 of the text.
    pub(in crate::pipeline) text: u64,
    pub(in crate::pipeline) bytes: u64,
    /// From [`crate::dedup::worth`].
    pub(in crate::pipeline) worth: u64,
    /// The numbers of its words, bands and lines in the frame.
    pub(in crate::pipeline) words: u32,
    pub(in crate::pipeline) bands: u32,
    pub(in crate::pipeline) lines: u32,
    pub(in crate::pipeline) contaminated: u32,
}

impl SignedDocument {
    /// The id of the document, whose chunk has `first_line` lines of `source` before it.
    pub(in crate::pipeline) fn id(&self, source: &str, first_line: u64) -> Cow<'_, str> {
        match u64::from(self.place) {
            0 => Cow::Borrowed(&self.id),
            place => Cow::Owned(format!("{source}:{}{}", first_line + place, self.id)),
        }
    }
}

impl Frame {
    /// The bytes of the frame, little-endian.
    pub(in crate::pipeline) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        // The head, which is read alone.
        out.put_u64(self.hash).put_u32(self.source).put_u64(self.word_bytes());
        out.put_u64(self.records).put_u64(self.words);
        for number in self.normalize.numbers() {
            out.put_u64(number);
        }
        out.put_u32(self.outcomes.len() as u32);
        for DocumentOutcome { status, repairs, findings } in &self.outcomes {
            out.put_u32(*status as u32 | (findings.len() as u32) << 8).put_bytes(repairs.numbers());
            findings.iter().for_each(|finding| encode_finding(finding, &mut out));
        }
        out.put_u32(self.documents.len() as u32);
        for signed in &self.documents {
            out.put_u64(signed.key as u64).put_u64((signed.key >> 64) as u64);
            out.put_u64(signed.text).put_u64(signed.bytes).put_u64(signed.worth);
            out.put_u32(signed.words)
                .put_u32(signed.bands)
                .put_u32(signed.lines)
                .put_u32(signed.contaminated)
                .put_u32(signed.place);
            out.put_text(&signed.id);
        }
        for hashes in [&self.bands, &self.lines] {
            out.put_u32(hashes.len() as u32);
            for hash in hashes {
                out.put_u64(*hash);
            }
        }
        out.put_u32(self.failures.len() as u32);
        self.failures.iter().for_each(|failure| {
            out.put_text(failure);
        });
        out.finish()
    }

    /// Reads what [`Frame::encode`] wrote. `None`: the bytes are something else.
    pub(in crate::pipeline) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder::new(bytes);
        let head = FrameHead::decode(&mut from)?;
        let mut frame = Self {
            hash: head.hash,
            source: head.source,
            records: from.u64()?,
            words: from.u64()?,
            ..Self::default()
        };
        let mut numbers = [0; normalize::NUMBERS];
        for number in &mut numbers {
            *number = from.u64()?;
        }
        frame.normalize = normalize::Report::from_numbers(&numbers);
        for _ in 0..from.u32()? {
            let head = from.u32()?;
            let repairs = normalize::Steps::from_numbers(from.bytes()?)?;
            let status = match head & 0xff {
                0 => Status::Kept,
                1 => Status::Empty,
                2 => Status::Filtered,
                3 => Status::Failed,
                _ => return None,
            };
            let findings = (0..head >> 8).map(|_| decode_finding(&mut from)).collect::<Option<_>>()?;
            frame.outcomes.push(DocumentOutcome { status, repairs, findings });
        }
        for _ in 0..from.u32()? {
            let (low, high) = (from.u64()?, from.u64()?);
            frame.documents.push(SignedDocument {
                key: u128::from(low) | u128::from(high) << 64,
                text: from.u64()?,
                bytes: from.u64()?,
                worth: from.u64()?,
                words: from.u32()?,
                bands: from.u32()?,
                lines: from.u32()?,
                contaminated: from.u32()?,
                place: from.u32()?,
                id: from.text()?,
            });
        }
        for hashes in [&mut frame.bands, &mut frame.lines] {
            for _ in 0..from.u32()? {
                hashes.push(from.u64()?);
            }
        }
        for _ in 0..from.u32()? {
            frame.failures.push(from.text()?);
        }
        from.is_at_end().then_some(frame)
    }

    /// Turns the kept document of an outcome into a failed one.
    pub(in crate::pipeline) fn fail(&mut self, outcome: usize, panic: String) {
        let Some(found) = self.outcomes.get_mut(outcome) else { return };
        *found = DocumentOutcome { status: Status::Failed, ..DocumentOutcome::default() };
        let before = self.outcomes[..outcome].iter().filter(|found| found.status == Status::Failed).count();
        self.failures.insert(before, panic);
    }

    /// Bytes of the words of its documents, in the file of words.
    pub(in crate::pipeline) fn word_bytes(&self) -> u64 {
        self.documents.iter().map(|signed| u64::from(signed.words) * 4).sum()
    }
}

/// The first bytes of a frame: its chunk, and where the words of the next frame begin.
pub(super) struct FrameHead {
    pub(super) hash: u64,
    pub(super) source: u32,
    pub(super) word_bytes: u64,
}

impl FrameHead {
    /// Bytes of it.
    pub(super) const BYTES: usize = 20;

    pub(super) fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { hash: from.u64()?, source: from.u32()?, word_bytes: from.u64()? })
    }
}

/// Appends a decision of the filter. Names are stored as numbers.
pub(in crate::pipeline) fn encode_finding(finding: &Finding, out: &mut Encoder) {
    let rule = rule_names().position(|name| name == finding.rule).unwrap_or_default() as u32;
    out.put_u32(finding.action as u32).put_u32(rule).put_u64(finding.value.to_bits());
    out.put_u64(finding.threshold.unwrap_or(f64::NAN).to_bits());
}

/// Reads what [`encode_finding`] wrote.
pub(in crate::pipeline) fn decode_finding(from: &mut Decoder<'_>) -> Option<Finding> {
    let actions = [Action::Drop, Action::Edit, Action::Flag, Action::Keep];
    let action = *actions.get(from.u32()? as usize)?;
    let rule = rule_names().nth(from.u32()? as usize)?;
    let value = f64::from_bits(from.u64()?);
    let threshold = Some(f64::from_bits(from.u64()?)).filter(|threshold| !threshold.is_nan());
    Some(Finding { action, rule, value, threshold })
}
