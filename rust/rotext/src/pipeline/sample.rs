//! A sample of a corpus: the first documents of some files, to measure on before a long run.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::output::AtomicFile;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::{Fields, Reader, Source};

/// How large the sample is, and how large the corpus.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Documents in the sample.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Bytes on disk of the parts of files that were read for it.
    pub disk: u64,
    /// Bytes on disk of all files.
    pub total_disk: u64,
    /// The sample is the whole corpus.
    pub whole: bool,
}

/// Writes about `bytes` of text to `out`: the first documents of files that are spread over `sources`, in whole chunks.
///
/// # Errors
/// A source cannot be read or is a stream, the disk is full.
pub fn sample(
    sources: &[Source],
    fields: &Fields,
    bytes: u64,
    out: &Path,
    progress: &Progress,
) -> Result<Sample> {
    if let Some(stream) = sources.iter().find(|source| source.stream) {
        let what = format!("{} is a stream, which cannot be read twice", stream.name);
        return Err(Error::usage(what).hint("write it to a file first"));
    }
    let mut sample =
        Sample { total_disk: sources.iter().map(|s| s.size).sum(), whole: true, ..Sample::default() };
    let mut file = AtomicFile::create(out)?;
    // As many files as can give at least one chunk each, evenly spread over all.
    let most = usize::try_from(bytes / crate::reader::CHUNK_BYTES as u64).unwrap_or(usize::MAX).max(1);
    let step = sources.len().div_ceil(most).max(1);
    sample.whole &= step == 1;
    let share = bytes / sources.len().div_ceil(step).max(1) as u64;
    for source in sources.iter().step_by(step) {
        let mut reader = Reader::open(source, fields)?;
        let until = sample.bytes + share;
        while let Some(chunk) = reader.next_chunk()? {
            progress.check()?;
            sample.disk += chunk.moved;
            for document in chunk.parse(source, fields).documents {
                sample.documents += 1;
                sample.bytes += document.text.len() as u64;
                let line = serde_json::json!({"id": document.id, "text": document.text});
                writeln!(file, "{line}").map_err(|e| Error::io(out, &e))?;
            }
            if sample.bytes >= until {
                sample.whole &= reader.next_chunk()?.is_none();
                break;
            }
        }
    }
    file.finish()?;
    Ok(sample)
}
