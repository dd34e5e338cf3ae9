//! Looks up a document.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::write::schema;
use super::{Action, KEY, Row, VERSION};
use crate::error::{Error, Result};
use crate::fault::guard;

/// What a ledger says about a document.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Found {
    /// The decisions about it, in order.
    pub rows: Vec<Row>,
    /// The number of documents that this one represents: they were removed because it was kept.
    pub stands_for: u64,
    /// The first of those.
    pub examples: Vec<Row>,
}

/// The most of them that are named.
const EXAMPLES: usize = 10;

/// Finds every row about the document `id`, or about the place `file:line`. Reads the ledger once, row group by row group, in
/// O(n) for n rows.
///
/// # Errors
/// The file is missing, not a ledger, damaged, or of another version.
pub fn find(path: &Path, id: &str) -> Result<Found> {
    let mut found = Found::default();
    each_batch(path, |batch| scan(batch, id, &mut found))?;
    Ok(found)
}

/// Checks version and columns of a ledger, then calls `f` with its rows, batch by batch. The error of `f` says what is wrong
/// with a row.
pub(super) fn each_batch(
    path: &Path,
    f: impl FnMut(&RecordBatch) -> std::result::Result<(), String>,
) -> Result<()> {
    // The reader of Parquet panics at some damage, for example at a negative length of a column.
    guard(|| read_batches(path, f)).unwrap_or_else(|panic| Err(damaged(path, &panic)))
}

fn read_batches(
    path: &Path,
    mut f: impl FnMut(&RecordBatch) -> std::result::Result<(), String>,
) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(path, &e))?;
    let metadata = builder.metadata().file_metadata().key_value_metadata();
    let version =
        metadata.into_iter().flatten().find(|pair| pair.key == KEY).and_then(|pair| pair.value.as_deref());
    match version {
        Some(VERSION) => {}
        Some(other) => {
            return Err(Error::data(format!(
                "the ledger has format version {other}, this program reads {VERSION}"
            ))
            .at(path)
            .hint("read it with the program that wrote it, or make it again with `rotools pack`"));
        }
        None => return Err(Error::data("not a ledger").at(path).hint("a pack has one: pack/ledger.parquet")),
    }
    let same = |(a, b): (&std::sync::Arc<arrow_schema::Field>, &std::sync::Arc<arrow_schema::Field>)| {
        a.name() == b.name() && a.data_type() == b.data_type()
    };
    let expected = schema();
    if builder.schema().fields().len() != expected.fields().len()
        || !builder.schema().fields().iter().zip(expected.fields()).all(same)
    {
        return Err(damaged(path, &"its columns are not those of a ledger"));
    }
    for batch in builder.build().map_err(|e| damaged(path, &e))? {
        f(&batch.map_err(|e| damaged(path, &e))?).map_err(|what| damaged(path, &what))?;
    }
    Ok(())
}

fn damaged(path: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::data(format!("the ledger is damaged ({e})")).at(path).hint("make it again, or copy it again")
}

fn scan(batch: &RecordBatch, id: &str, found: &mut Found) -> std::result::Result<(), String> {
    let text = |column: usize| batch.column(column).as_string::<i32>();
    let (documents, sources, partners) = (text(1), text(2), text(8));
    let lines = batch.column(3).as_primitive::<UInt64Type>();
    // `id` may also be a place: file:line.
    let place = id.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u64>().ok()?)));
    for row in 0..batch.num_rows() {
        let at_place =
            place.is_some_and(|(file, line)| sources.value(row) == file && lines.value(row) == line);
        if documents.value(row) == id || at_place {
            found.rows.push(one(batch, row)?);
        }
        if partners.is_valid(row) && partners.value(row) == id {
            found.stands_for += 1;
            if found.examples.len() < EXAMPLES {
                found.examples.push(one(batch, row)?);
            }
        }
    }
    Ok(())
}

/// A row of a batch.
pub(super) fn one(batch: &RecordBatch, row: usize) -> std::result::Result<Row, String> {
    let text = |column: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
    let float = |column: usize| {
        let values = batch.column(column).as_primitive::<Float64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let whole = |column: usize| {
        let values = batch.column(column).as_primitive::<UInt64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let action = text(4);
    Ok(Row {
        stage: text(0).into(),
        document: text(1),
        source: text(2),
        line: whole(3).unwrap_or_default(),
        action: Action::from_name(&action).ok_or_else(|| format!("no action `{action}`"))?,
        rule: text(5).into(),
        value: float(6),
        threshold: float(7),
        partner: batch.column(8).is_valid(row).then(|| text(8)),
        score: float(9),
        byte: whole(10),
    })
}
