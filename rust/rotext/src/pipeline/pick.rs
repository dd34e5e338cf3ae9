//! Documents by their ids, out of the files they came from.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{Cursor, Fields, Reader, Source};

/// The texts of the documents `wanted`, as they stand in `sources`; of two with one id the first. Reading stops when all
/// are found; what is not there is not in the answer.
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
        let mut reader = Reader::open(source, fields, Cursor::default())?;
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
