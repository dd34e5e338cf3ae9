//! Documents as lines of JSON, and the file that they are written to.

use std::io::Write;
use std::path::Path;

use super::super::stream::ProcessedChunk;
use super::AtomicFile;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::reader::Source;

/// One line for each document. A JSONL record keeps its bytes, except for a changed text;
/// a page of a web archive has its address. Another document becomes
/// `{"id", "text", "source"}`. When the filter annotates, the field `filter` has what it measured.
pub(in crate::pipeline) fn record_lines(chunk: &ProcessedChunk, source: &Source) -> Vec<u8> {
    let mut out = Vec::new();
    for kept in &chunk.documents {
        let Document { id, text, record, .. } = &kept.document;
        match record {
            Some(record) => {
                if kept.changed {
                    out.extend_from_slice(&record.raw.as_bytes()[..record.text.start]);
                    string(&mut out, text);
                    out.extend_from_slice(&record.raw.as_bytes()[record.text.end..]);
                } else {
                    out.extend_from_slice(record.raw.as_bytes());
                }
                let end = out.trim_ascii_end().len();
                out.truncate(end);
            }
            None => {
                out.extend_from_slice(b"{\"id\": ");
                string(&mut out, id);
                out.extend_from_slice(b", \"text\": ");
                string(&mut out, text);
                out.extend_from_slice(b", \"source\": ");
                string(&mut out, &source.name);
                out.push(b'}');
            }
        }
        if let Some(verdict) = &kept.verdict {
            // The record is an object with a text, so it ends in a brace that follows a field.
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

/// A file of records, compressed as its name asks: `.zst`, `.gz` or plain.
pub(in crate::pipeline) enum RecordWriter {
    Plain(AtomicFile),
    Zstd(zstd::Encoder<'static, AtomicFile>),
    Gzip(flate2::write::GzEncoder<AtomicFile>),
}

impl RecordWriter {
    pub(in crate::pipeline) fn create(out: &Path) -> Result<Self> {
        let file = AtomicFile::create(out)?;
        Ok(match out.extension().and_then(|e| e.to_str()) {
            Some("zst") => Self::Zstd(zstd::Encoder::new(file, 3).map_err(|e| Error::io(out, &e))?),
            Some("gz") => Self::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
            _ => Self::Plain(file),
        })
    }

    pub(in crate::pipeline) fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
        }
    }

    pub(in crate::pipeline) fn finish(self, out: &Path) -> Result<()> {
        let file = match self {
            Self::Plain(file) => Ok(file),
            Self::Zstd(file) => file.finish(),
            Self::Gzip(file) => file.finish(),
        };
        file.map_err(|e| Error::io(out, &e))?.finish()
    }
}
