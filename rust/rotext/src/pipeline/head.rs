//! The beginning of files, as one JSONL file: a sample to measure on before a long run.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::files::Whole;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::{Cursor, Fields, Reader, Source};

/// What the sample stands for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Documents in the sample.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Bytes of the files, as they lie on the disk, that it was taken from.
    pub disk: u64,
    /// Bytes of all files.
    pub total_disk: u64,
    /// Everything was taken.
    pub whole: bool,
}

/// Writes the first documents of files spread over `sources` to `out`, about `bytes` of text, whole chunks of the reader.
///
/// # Errors
/// A source cannot be read or is a stream, the disk is full.
pub fn head(
    sources: &[Source],
    fields: &Fields,
    bytes: u64,
    out: &Path,
    progress: &Progress,
) -> Result<Head> {
    if let Some(stream) = sources.iter().find(|source| source.stream) {
        let what = format!("{} is a stream, which cannot be read twice", stream.name);
        return Err(Error::usage(what).hint("plan for files"));
    }
    let mut head = Head { total_disk: sources.iter().map(|s| s.size).sum(), whole: true, ..Head::default() };
    let mut file = Whole::create(out)?;
    // As many files as give a chunk or more each, evenly spread over all.
    let most = usize::try_from(bytes / crate::reader::CHUNK_BYTES as u64).unwrap_or(usize::MAX).max(1);
    let step = sources.len().div_ceil(most).max(1);
    head.whole &= step == 1;
    let share = bytes / sources.len().div_ceil(step).max(1) as u64;
    for source in sources.iter().step_by(step) {
        let mut reader = Reader::open(source, fields, Cursor::default())?;
        let until = head.bytes + share;
        while let Some(chunk) = reader.next_chunk()? {
            progress.check()?;
            head.disk += chunk.moved;
            for document in chunk.parse(source, fields).documents {
                head.documents += 1;
                head.bytes += document.text.len() as u64;
                let line = serde_json::json!({"id": document.id, "text": document.text});
                writeln!(file, "{line}").map_err(|e| Error::io(out, &e))?;
            }
            if head.bytes >= until {
                head.whole &= reader.next_chunk()?.is_none();
                break;
            }
        }
    }
    file.finish()?;
    Ok(head)
}
