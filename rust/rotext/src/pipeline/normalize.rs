//! `rotools normalize`: files in, one JSONL file of repaired documents out, record for record.

use std::io::Write;
use std::path::Path;

use super::feed::{self, Account, LeftOut, Parcel, Removal};
use super::files::{Rejects, Whole};
use crate::document::{Document, Reason};
use crate::error::{Error, Result};
use crate::normalize::{Change, Normalizer, Options};
use crate::progress::Progress;
use crate::reader::{Cursor, Fields, Format, Reader, Source, missing_field_error};

/// Normalizes `sources` into `out` (`.jsonl`, also `.zst` or `.gz`). A JSONL record keeps its other fields
/// as they stand; a text file or Parquet row becomes `{"id", "text", "source"}`. Rejects go to
/// `OUT.rejects.jsonl` when there are any.
///
/// # Errors
/// Unreadable sources, a full disk, an ending of `out` that is not known.
pub fn normalize(
    sources: &[Source],
    options: &feed::Options,
    out: &Path,
    progress: &Progress,
) -> Result<Account> {
    let mut options = options.clone();
    options.fields.keep_record = true;
    progress.begin("normalize", sources.iter().map(|s| s.size).sum());
    let mut rejects = Rejects::of(out);
    let mut sink = Sink::create(out)?;
    let account = feed::run(
        sources,
        &options,
        Removal::Nothing,
        LeftOut { rejects: Some(&mut rejects), ledger: None },
        progress,
        || (),
        |(), parcel: Parcel| Ok(lines(&parcel, &sources[parcel.source])),
        |lines: Vec<u8>| sink.write_all(&lines).map_err(|e| Error::io(out, &e)),
    )?;
    sink.finish(out)?;
    rejects.finish()?;
    Ok(account)
}

/// The first `limit` places that normalizing would change, each with its document's id.
///
/// # Errors
/// Unreadable sources, or none of a source's first records has the text field.
pub fn diff(
    sources: &[Source],
    fields: &Fields,
    options: Options,
    limit: usize,
) -> Result<Vec<(String, Change)>> {
    let normalizer = Normalizer::new(options);
    let mut changes = Vec::new();
    for source in sources {
        let mut reader = Reader::open(source, fields, Cursor::default())?;
        while let Some(chunk) = reader.next_chunk()? {
            let first = chunk.first;
            let batch = chunk.parse(source, fields);
            if let Some(reject) = batch.rejects.first().filter(|_| first && batch.documents.is_empty())
                && reject.reason == Reason::MissingField
            {
                return Err(missing_field_error(source, reject));
            }
            for document in batch.documents {
                let left = limit - changes.len();
                let found = normalizer.diff(&document.text, left);
                changes.extend(found.into_iter().map(|change| (document.id.clone(), change)));
                if changes.len() >= limit {
                    return Ok(changes);
                }
            }
        }
    }
    Ok(changes)
}

pub(super) fn lines(parcel: &Parcel, source: &Source) -> Vec<u8> {
    let mut out = Vec::new();
    for passed in &parcel.documents {
        let Document { id, text, record, .. } = &passed.document;
        match record {
            Some(record) if source.format == Format::Jsonl => {
                if passed.changed {
                    out.extend_from_slice(&record.raw.as_bytes()[..record.text.start]);
                    string(&mut out, text);
                    out.extend_from_slice(&record.raw.as_bytes()[record.text.end..]);
                } else {
                    out.extend_from_slice(record.raw.as_bytes());
                }
                let end = out.trim_ascii_end().len();
                out.truncate(end);
            }
            _ => {
                out.extend_from_slice(b"{\"id\": ");
                string(&mut out, id);
                out.extend_from_slice(b", \"text\": ");
                string(&mut out, text);
                out.extend_from_slice(b", \"source\": ");
                string(&mut out, &source.name);
                out.push(b'}');
            }
        }
        if let Some(verdict) = &passed.verdict {
            // The record is an object and has a text, so it ends in a brace with a field before it.
            out.pop();
            out.extend_from_slice(b", \"filter\": ");
            out.extend_from_slice(sonic_rs::to_string(verdict).unwrap_or_default().as_bytes());
            out.push(b'}');
        }
        out.push(b'\n');
    }
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(sonic_rs::to_string(text).unwrap_or_default().as_bytes());
}

/// The compressor that the file's name asks for.
pub(super) enum Sink {
    Plain(Whole),
    Zstd(zstd::Encoder<'static, Whole>),
    Gzip(flate2::write::GzEncoder<Whole>),
}

impl Sink {
    pub(super) fn create(out: &Path) -> Result<Self> {
        let file = Whole::create(out)?;
        Ok(match out.extension().and_then(|e| e.to_str()) {
            Some("zst") => Self::Zstd(zstd::Encoder::new(file, 3).map_err(|e| Error::io(out, &e))?),
            Some("gz") => Self::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
            _ => Self::Plain(file),
        })
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
        }
    }

    pub(super) fn finish(self, out: &Path) -> Result<()> {
        let file = match self {
            Self::Plain(file) => Ok(file),
            Self::Zstd(file) => file.finish(),
            Self::Gzip(file) => file.finish(),
        };
        file.map_err(|e| Error::io(out, &e))?.finish()
    }
}
