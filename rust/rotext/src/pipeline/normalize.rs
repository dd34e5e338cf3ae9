//! `rotools normalize`: files in, one JSONL file of repaired documents out, record for record.

use std::path::Path;

use super::output::{DecisionLog, RecordWriter, RejectsFile, record_lines};
use super::stream::{DocumentStream, Options as StreamOptions, ProcessedChunk, StreamReport};
use crate::document::Reason;
use crate::error::{Error, Result};
use crate::normalize::{Change, Normalizer, Options};
use crate::progress::Progress;
use crate::reader::{Fields, Reader, Source, missing_field_error};

/// Normalizes `sources` into `out` (`.jsonl`, also `.zst` or `.gz`). A JSONL record keeps the bytes of its other fields. A text
/// file or Parquet row becomes `{"id", "text", "source"}`. Rejects are written to `OUT.rejects.jsonl` if there are any.
///
/// # Errors
/// Unreadable sources, a full disk.
pub fn normalize(
    sources: &[Source],
    options: &StreamOptions,
    out: &Path,
    progress: &Progress,
) -> Result<StreamReport> {
    let mut options = options.clone();
    options.fields.keep_record = true;
    progress.begin("normalize", sources.iter().map(|s| s.size).sum());
    let mut rejects = RejectsFile::beside(out);
    let mut records = RecordWriter::create(out)?;
    let stream = DocumentStream {
        decisions: DecisionLog { rejects: Some(&mut rejects), ledger: None },
        ..DocumentStream::new(sources, &options, progress)
    };
    let report = stream.run(
        || (),
        |(), chunk: ProcessedChunk| Ok(record_lines(&chunk, &sources[chunk.source])),
        |lines: Vec<u8>| records.write_all(&lines).map_err(|e| Error::io(out, &e)),
    )?;
    records.finish(out)?;
    rejects.finish()?;
    Ok(report)
}

/// The first `limit` changes that normalization would make, each with the id of its document.
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
        let mut reader = Reader::open(source, fields)?;
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
