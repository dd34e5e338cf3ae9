//! A chunk whose documents are encoded, as bytes: everything that the step `finish` needs to know of its text.
//!
//! The gate and the writers of the pack see what they would see in a run on one machine, so they write the same bytes.

use super::super::filter_stage::{Finding, rule_names};
use super::super::resume::{Decoder, Encoder, decode_finding, encode_finding};
use super::super::stream::{KeptDocument, OpenedChunk, ProcessedChunk};
use crate::dedup::Cut;
use crate::document::{Document, Note, Reason, Reject};
use crate::error::Error;
use crate::ledger::Row;
use crate::normalize;
use crate::reader::Source;

/// The tokens of the documents that the gate lets through.
#[derive(Default)]
pub(super) struct Tokens {
    /// For each document the number of its tokens, or its reject if it could not be encoded.
    pub(super) documents: Vec<Result<u32, Reject>>,
    /// The ids, little-endian.
    pub(super) ids: Vec<u8>,
}

/// The bytes of a chunk of the phase number `phase`.
pub(super) fn encode(phase: u32, opened: &OpenedChunk, tokens: &Tokens) -> Vec<u8> {
    let mut out = Encoder::default();
    let OpenedChunk { chunk, records, rejects, notes, damage, rows, normalize, moved, bytes, .. } = opened;
    out.put_u32(phase).put_u32(chunk.source as u32).put_u64(chunk.first_line).put_u64(chunk.end_line);
    out.put_u64(*records).put_u64(*moved).put_u64(*bytes);
    out.put_u32(damage.is_some().into());
    if let Some(error) = damage {
        out.put_text(&error.to_string());
    }
    normalize.numbers().into_iter().for_each(|number| {
        out.put_u64(number);
    });
    out.put_u32(rejects.len() as u32);
    rejects.iter().for_each(|reject| put_reject(&mut out, reject));
    out.put_u32(notes.len() as u32);
    for Note { id, line, rule, value } in notes {
        out.put_text(id).put_u64(*line).put_text(rule).put_option(value.map(f64::to_bits));
    }
    out.put_u32(rows.len() as u32);
    for row in rows {
        out.put_text(&row.document).put_u64(row.line);
        encode_finding(&finding(row), &mut out);
    }
    out.put_u32(chunk.documents.len() as u32);
    for kept in &chunk.documents {
        out.put_text(&kept.document.id).put_u64(kept.document.line);
        out.put_u64(kept.key as u64).put_u64((kept.key >> 64) as u64).put_u64(kept.bytes);
        out.put_u64(kept.cut.lines).put_u64(kept.cut.bytes);
        out.put_u32(u32::from(kept.blank) | u32::from(kept.failure.is_some()) << 1);
        kept.failure.iter().for_each(|reject| put_reject(&mut out, reject));
    }
    out.put_u32(tokens.documents.len() as u32);
    for document in &tokens.documents {
        match document {
            Ok(size) => {
                out.put_u32(1).put_u32(*size);
            }
            Err(reject) => {
                out.put_u32(0);
                put_reject(&mut out, reject);
            }
        }
    }
    out.put_bytes(&tokens.ids);
    out.finish()
}

/// The number of the phase of a chunk.
pub(super) fn phase(bytes: &[u8]) -> Option<u32> {
    Decoder::new(bytes).u32()
}

/// Reads what [`encode`] wrote about a chunk of one of the sources of a phase. `None`: the bytes are something else.
pub(super) fn decode(bytes: &[u8], sources: &[Source]) -> Option<(OpenedChunk, Tokens)> {
    let mut from = Decoder::new(bytes);
    from.u32()?;
    let index = from.u32()? as usize;
    let source = sources.get(index)?;
    let (first_line, end_line) = (from.u64()?, from.u64()?);
    let chunk = ProcessedChunk { source: index, first_line, end_line, ..ProcessedChunk::default() };
    let mut opened = OpenedChunk::empty(chunk);
    (opened.records, opened.moved, opened.bytes) = (from.u64()?, from.u64()?, from.u64()?);
    if from.u32()? == 1 {
        opened.damage = Some(Error::damaged(from.text()?));
    }
    let mut numbers = [0; normalize::NUMBERS];
    for number in &mut numbers {
        *number = from.u64()?;
    }
    opened.normalize = normalize::Report::from_numbers(&numbers);
    for _ in 0..from.u32()? {
        opened.rejects.push(reject(&mut from)?);
    }
    for _ in 0..from.u32()? {
        let (id, line, rule) = (from.text()?, from.u64()?, from.text()?.into());
        opened.notes.push(Note { id, line, rule, value: from.option()?.map(f64::from_bits) });
    }
    for _ in 0..from.u32()? {
        let document = document(from.text()?, from.u64()?);
        opened.add_findings(&document, source, &[decode_finding(&mut from)?]);
    }
    for _ in 0..from.u32()? {
        let document = document(from.text()?, from.u64()?);
        let key = u128::from(from.u64()?) | u128::from(from.u64()?) << 64;
        let (bytes, cut) = (from.u64()?, Cut { lines: from.u64()?, bytes: from.u64()? });
        let flags = from.u32()?;
        opened.chunk.documents.push(KeptDocument {
            document,
            compared: None,
            key,
            bytes,
            changed: false,
            cut,
            verdict: None,
            blank: flags & 1 == 1,
            failure: if flags & 2 == 2 { Some(reject(&mut from)?) } else { None },
        });
    }
    let mut tokens = Tokens::default();
    for _ in 0..from.u32()? {
        tokens.documents.push(if from.u32()? == 1 { Ok(from.u32()?) } else { Err(reject(&mut from)?) });
    }
    tokens.ids = from.bytes()?.to_vec();
    from.is_at_end().then_some((opened, tokens))
}

/// A document whose text is not needed any more.
fn document(id: String, line: u64) -> Document {
    Document { id, named_by_place: false, text: String::new(), line, record: None }
}

/// The decision that made a row of the filter.
fn finding(row: &Row) -> Finding {
    let rule = rule_names().find(|name| *name == row.rule).unwrap_or_default();
    Finding { action: row.action, rule, value: row.value.unwrap_or_default(), threshold: row.threshold }
}

fn put_reject(out: &mut Encoder, reject: &Reject) {
    let Reject { line, byte, reason, what, raw } = reject;
    out.put_u64(*line).put_option(*byte).put_text(reason.name()).put_text(what).put_bytes(raw);
}

fn reject(from: &mut Decoder<'_>) -> Option<Reject> {
    let (line, byte, reason) = (from.u64()?, from.option()?, Reason::from_name(&from.text()?)?);
    Some(Reject { line, byte, reason, what: from.text()?, raw: from.bytes()?.to_vec() })
}
