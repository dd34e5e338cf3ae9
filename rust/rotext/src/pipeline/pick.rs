//! Finds documents by their ids in the files that they came from.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{Fields, Reader, Source};

/// The texts of the documents `wanted`, as `sources` have them. The first of two documents with one id counts. Reading stops
/// when all are found. An id that is not found is not in the result.
///
/// # Errors
/// A source cannot be read.
pub fn pick(
    sources: &[Source],
    fields: &Fields,
    wanted: &HashSet<String>,
    progress: &Progress,
) -> Result<HashMap<String, String>> {
    let mut found = HashMap::new();
    progress.begin("find examples", sources.iter().map(|source| source.size).sum());
    for source in sources {
        let mut reader = Reader::open(source, fields)?;
        while let Some(chunk) = reader.next_chunk()? {
            progress.check()?;
            progress.advance(chunk.moved);
            for document in chunk.parse(source, fields).documents {
                if wanted.contains(&document.id) {
                    found.entry(document.id).or_insert(document.text);
                }
            }
            if found.len() == wanted.len() {
                return Ok(found);
            }
        }
    }
    Ok(found)
}
