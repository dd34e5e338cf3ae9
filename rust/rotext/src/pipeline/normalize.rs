//! `rotools normalize`: files in, one JSONL file of repaired documents out, record for record.

use std::path::Path;

use super::feed::{self, Account, Parcel, Removal};
use super::files::Rejects;
use super::left_out::LeftOut;
use super::records::{Sink, lines};
use crate::document::Reason;
use crate::error::{Error, Result};
use crate::normalize::{Change, Normalizer, Options};
use crate::progress::Progress;
use crate::reader::{Cursor, Fields, Reader, Source, missing_field_error};

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
