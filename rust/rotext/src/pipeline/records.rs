//! Documents as lines of JSON, and the file that they are written to.

use std::io::Write;
use std::path::Path;

use super::feed::Parcel;
use super::files::Whole;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::reader::{Format, Source};

/// A line for each document: a JSONL record as it stood but for a text that changed, else `{"id", "text", "source"}`; with
/// what the filter measured in the field `filter`, when that was asked.
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
