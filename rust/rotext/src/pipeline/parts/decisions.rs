//! The file of decisions: which documents are removed and why, which are held out, which lines are cut.
//!
//! The first record is the head. Then follow the bits of the removed documents, the hashes of the repeated lines, and the reasons in
//! the order of the documents. A task that only needs the bits stops reading there.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::hold_out::HoldOut;
use super::super::resume::{Decoder, Encoder};
use super::record_file::{RecordReader, RecordWriter};
use crate::dedup::{NextReason, Removal, RemovalReader, Rule, SavedRemovals};
use crate::error::Result;

/// Numbers of a record of bits or lines.
const NUMBERS: usize = 1 << 14;
/// Bytes of a record of reasons, from which on the next one begins.
const REASONS_BYTES: usize = 1 << 17;

/// The decisions about all documents.
pub(in crate::pipeline) struct Decisions {
    /// The key of the file.
    pub(super) key: u64,
    pub(super) path: PathBuf,
    /// Which documents of each phase are held out.
    pub(super) hold_outs: Vec<HoldOut>,
    /// The number of the first document of each shard.
    pub(super) first_documents: Vec<u32>,
    /// The report of deduplication.
    pub(super) report: Value,
    /// What a run says that does not accept the loss, if it is too much.
    pub(super) loss: Option<String>,
    pub(super) removals: SavedRemovals,
    /// Records of bits and lines, which the reasons follow.
    before_reasons: usize,
}

impl Decisions {
    /// Writes decisions. `reasons` returns those of the removed documents, in order.
    ///
    /// # Errors
    /// The disk is full or fails, or an error of `reasons`.
    pub(super) fn write(
        mut file: RecordWriter,
        (hold_outs, first_documents, report, loss): (&[HoldOut], &[u32], &Value, Option<&str>),
        removals: &SavedRemovals,
        mut reasons: impl FnMut() -> NextReason,
    ) -> Result<()> {
        let (bits, lines) = (removals.bits(), removals.lines());
        let mut head = Encoder::default();
        head.put_u32(removals.documents()).put_u32(removals.limit());
        head.put_u64(bits.len() as u64).put_u64(lines.len() as u64).put_text(&report.to_string());
        head.put_u32(loss.is_some().into()).put_text(loss.unwrap_or_default());
        head.put_u32(hold_outs.len() as u32);
        for hold_out in hold_outs {
            match hold_out {
                HoldOut::Share(share) => head.put_u32(0).put_f64(*share).put_u64(0),
                HoldOut::One(key) => head.put_u32(1).put_u64(*key as u64).put_u64((key >> 64) as u64),
            };
        }
        head.put_u32(first_documents.len() as u32);
        first_documents.iter().for_each(|number| {
            head.put_u32(*number);
        });
        file.push(&head.finish())?;
        for numbers in bits.chunks(NUMBERS).chain(lines.chunks(NUMBERS)) {
            let mut body = Encoder::default();
            numbers.iter().for_each(|number| {
                body.put_u64(*number);
            });
            file.push(&body.finish())?;
        }
        let mut body = Encoder::default();
        while let Some((document, Removal { rule, value, partner })) = reasons()? {
            body.put_u32(document).put_u32(rule as u32).put_f64(value);
            body.put_u32(partner.is_some().into());
            if let Some((jaccard, id)) = partner {
                body.put_f64(jaccard).put_text(&id);
            }
            if body.len() > REASONS_BYTES {
                file.push(&std::mem::take(&mut body).finish())?;
            }
        }
        file.push(&body.finish())?;
        file.finish()
    }

    /// Reads the decisions, without the reasons. `None`: there is no file, or it belongs to something else.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn open(path: &Path, key: u64) -> Result<Option<Self>> {
        let Some(mut file) = RecordReader::open(path, key)? else { return Ok(None) };
        let head = file.next()?.and_then(decode_head);
        let Some(Head { documents, limit, bits, lines, report, loss, hold_outs, first_documents }) = head
        else {
            return Err(file.unexpected());
        };
        let (bits, bit_records) = numbers(&mut file, bits)?;
        let (lines, line_records) = numbers(&mut file, lines)?;
        let removals = SavedRemovals::new(bits, lines, limit, documents);
        let (path, before_reasons) = (path.to_owned(), 1 + bit_records + line_records);
        Ok(Some(Self { key, path, hold_outs, first_documents, report, loss, removals, before_reasons }))
    }

    /// The documents of shard `number`, counted from 0.
    pub(super) fn documents_of(&self, number: usize) -> std::ops::Range<u32> {
        let at = |number: usize| self.first_documents.get(number).copied();
        let start = at(number).unwrap_or(self.removals.documents());
        start..at(number + 1).unwrap_or(self.removals.documents())
    }

    /// For a pass over some documents that must know which are removed, but not why.
    ///
    /// # Errors
    /// None in this case.
    pub(super) fn reader(&self, documents: std::ops::Range<u32>) -> Result<RemovalReader<'_>> {
        self.removals.reader(documents, None::<fn() -> NextReason>)
    }

    /// For a pass over all documents that also says why they are removed.
    ///
    /// # Errors
    /// The file is damaged, or gone.
    pub(super) fn reader_with_reasons(&self) -> Result<RemovalReader<'_>> {
        let again = |error| super::run::again(error, super::Step::Decide, None);
        let file = RecordReader::open(&self.path, self.key).map_err(again)?;
        let mut file = file.ok_or_else(|| super::run::not_done(super::Step::Decide, &self.path))?;
        for _ in 0..self.before_reasons {
            file.next().map_err(again)?;
        }
        let mut pending = Vec::new().into_iter();
        let reasons = move || loop {
            if let Some(reason) = pending.next() {
                return Ok(Some(reason));
            }
            let Some(body) = file.next().map_err(again)? else { return Ok(None) };
            match decode_reasons(body) {
                Some(found) => pending = found.into_iter(),
                None => return Err(again(file.unexpected())),
            }
        };
        self.removals.reader(0..self.removals.documents(), Some(reasons))
    }
}

struct Head {
    documents: u32,
    limit: u32,
    bits: u64,
    lines: u64,
    report: Value,
    loss: Option<String>,
    hold_outs: Vec<HoldOut>,
    first_documents: Vec<u32>,
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let mut from = Decoder::new(bytes);
    let (documents, limit, bits, lines) = (from.u32()?, from.u32()?, from.u64()?, from.u64()?);
    let report = serde_json::from_str(&from.text()?).ok()?;
    let (has_loss, loss) = (from.u32()? == 1, from.text()?);
    let loss = has_loss.then_some(loss);
    let hold_out = |from: &mut Decoder<'_>| {
        Some(match from.u32()? {
            0 => (HoldOut::Share(from.f64()?), from.u64()?).0,
            _ => HoldOut::One(u128::from(from.u64()?) | u128::from(from.u64()?) << 64),
        })
    };
    let hold_outs = (0..from.u32()?).map(|_| hold_out(&mut from)).collect::<Option<_>>()?;
    let first_documents = (0..from.u32()?).map(|_| from.u32()).collect::<Option<_>>()?;
    from.is_at_end().then_some(Head {
        documents,
        limit,
        bits,
        lines,
        report,
        loss,
        hold_outs,
        first_documents,
    })
}

/// Reads `count` numbers; returns the records that had them too.
fn numbers(file: &mut RecordReader, count: u64) -> Result<(Vec<u64>, usize)> {
    let (mut found, mut records) = (Vec::new(), 0);
    while (found.len() as u64) < count {
        let Some(body) = file.next()? else { return Err(file.unexpected()) };
        if body.is_empty() {
            return Err(file.unexpected());
        }
        found.extend(body.as_chunks::<8>().0.iter().map(|eight| u64::from_le_bytes(*eight)));
        records += 1;
    }
    Ok((found, records))
}

fn decode_reasons(bytes: &[u8]) -> Option<Vec<(u32, Removal)>> {
    let mut from = Decoder::new(bytes);
    let mut found = Vec::new();
    while !from.is_at_end() {
        let document = from.u32()?;
        let rule = Rule::from_number(u8::try_from(from.u32()?).ok()?)?;
        let value = from.f64()?;
        let partner = if from.u32()? == 1 { Some((from.f64()?, from.text()?)) } else { None };
        found.push((document, Removal { rule, value, partner }));
    }
    Some(found)
}
