//! Rows of a Parquet file, read by columns: only text and id are read from the disk.

use std::fs::File;

use arrow_array::{Array, BinaryArray, Int32Array, Int64Array, LargeBinaryArray, LargeStringArray};
use arrow_array::{RecordBatch, StringArray, StringViewArray, UInt64Array};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::source::Source;
use super::{CHUNK_BYTES, Chunk, Cursor, Fields, Payload, reject_empty};
use crate::document::{Batch, Document, Reason, Reject};
use crate::error::{Error, Result};

/// The most rows of a chunk, however short they are.
const MAX_ROWS: i64 = 4096;

/// The columns and their types, as the schema names them.
pub(super) fn columns(source: &Source) -> Result<Vec<(String, String)>> {
    let file = File::open(&source.path).map_err(|e| Error::io(&source.path, &e))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(source, &e.to_string()))?;
    let fields = builder.schema().fields().iter();
    Ok(fields.map(|field| (field.name().clone(), field.data_type().to_string().to_lowercase())).collect())
}

pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    fields: Fields,
    at: Cursor,
    rows: u64,
    size: u64,
}

impl Rows {
    pub(super) fn open(source: &Source, fields: &Fields, from: Cursor) -> Result<Self> {
        let file = File::open(&source.path).map_err(|e| Error::io(&source.path, &e))?;
        let broken = |e: parquet::errors::ParquetError| damaged(source, &e.to_string());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        let names: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let there = |name: &str| names.iter().any(|n| n == name);
        let id = fields.id.clone().unwrap_or_else(|| "id".into());
        for (name, needed, option) in
            [(&fields.text, true, "--text-field"), (&id, fields.id.is_some(), "--id-field")]
        {
            if needed && !there(name) {
                return Err(Error::data(format!("no column `{name}`; there are: {}", names.join(", ")))
                    .at(&source.path)
                    .hint(format!("name the column with {option}")));
            }
        }
        let wanted = [fields.text.as_str(), id.as_str()];
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.into_iter().filter(|n| there(n)));
        let rows = builder.metadata().file_metadata().num_rows().unsigned_abs();
        // The rows of a chunk follow from the mean size of a text: a file of whole books must not be read 100 books at a time.
        let groups = builder.metadata().row_groups().iter();
        let texts = groups.flat_map(|group| group.columns().iter());
        let texts = texts.filter(|column| column.column_path().parts().first() == Some(&fields.text));
        let size: i64 = texts.map(|column| column.uncompressed_size()).sum();
        let batch = (rows as i64).saturating_mul(CHUNK_BYTES as i64) / size.max(1);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(batch.clamp(1, MAX_ROWS) as usize)
            .with_offset(from.offset as usize)
            .build()
            .map_err(broken)?;
        Ok(Self { reader, fields: fields.clone(), at: from, rows, size: source.size })
    }

    pub(super) fn next_chunk(&mut self, source: &Source) -> Result<Option<Chunk>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let columns = batch.map_err(|e| damaged(source, &e.to_string()))?;
        let before = self.at;
        self.at.offset += columns.num_rows() as u64;
        self.at.lines += columns.num_rows() as u64;
        let batch = documents(&columns, before.lines, source, &self.fields)?;
        let position =
            |rows: u64| (u128::from(self.size) * u128::from(rows) / u128::from(self.rows.max(1))) as u64;
        Ok(Some(Chunk {
            bytes: batch.documents.iter().map(|d| d.text.len()).sum(),
            payload: Payload::Batch(batch),
            first_line: before.lines,
            end: self.at,
            moved: position(self.at.lines) - position(before.lines),
            first: false,
        }))
    }
}

fn damaged(source: &Source, why: &str) -> Error {
    let why = why.lines().next().unwrap_or_default();
    let why = why.strip_prefix("Parquet error: ").unwrap_or(why);
    Error::data(format!("the Parquet file is damaged ({why})"))
        .at(&source.path)
        .hint("download or write the file again")
}

fn documents(columns: &RecordBatch, first: u64, source: &Source, fields: &Fields) -> Result<Batch> {
    let mut batch = Batch::default();
    let id = columns.column_by_name(fields.id.as_deref().unwrap_or("id"));
    let Some(text) = columns.column_by_name(&fields.text) else { return Ok(batch) };
    for row in 0..columns.num_rows() {
        let line = first + row as u64 + 1;
        let id = id.and_then(|c| number(c.as_ref(), row).or_else(|| cell(c.as_ref(), row).ok().flatten()));
        let id = id.unwrap_or_else(|| source.generated_id(line));
        let reject = |reason, what| Reject { line, byte: None, reason, what, raw: id.clone().into_bytes() };
        if text.is_null(row) {
            let what = format!("column `{}` is null", fields.text);
            batch.rejects.push(reject(Reason::WrongType, what));
            continue;
        }
        match cell(text.as_ref(), row) {
            Ok(Some(text)) if text.trim().is_empty() => {
                batch.rejects.push(reject_empty(line, id.into_bytes()));
            }
            Ok(Some(text)) => batch.documents.push(Document { id, text, line, record: None }),
            Ok(None) => {
                return Err(Error::data(format!(
                    "column `{}` holds {}, not text",
                    fields.text,
                    text.data_type()
                ))
                .at(&source.path)
                .hint("name the column of the text with --text-field"));
            }
            Err(()) => batch.rejects.push(reject(Reason::InvalidUtf8, "invalid UTF-8".into())),
        }
    }
    Ok(batch)
}

/// The cell as text; `None` for a type that is not text, `Err` for bytes that are not UTF-8.
fn cell(column: &dyn Array, row: usize) -> std::result::Result<Option<String>, ()> {
    let any = column.as_any();
    let bytes = |b: &[u8]| std::str::from_utf8(b).map(|s| Some(s.to_owned())).map_err(|_| ());
    if column.is_null(row) {
        Ok(None)
    } else if let Some(c) = any.downcast_ref::<StringArray>() {
        Ok(Some(c.value(row).to_owned()))
    } else if let Some(c) = any.downcast_ref::<LargeStringArray>() {
        Ok(Some(c.value(row).to_owned()))
    } else if let Some(c) = any.downcast_ref::<StringViewArray>() {
        Ok(Some(c.value(row).to_owned()))
    } else if let Some(c) = any.downcast_ref::<BinaryArray>() {
        bytes(c.value(row))
    } else if let Some(c) = any.downcast_ref::<LargeBinaryArray>() {
        bytes(c.value(row))
    } else {
        Ok(None)
    }
}

/// The cell as the digits of an integer: an id may be a number, a text may not.
fn number(column: &dyn Array, row: usize) -> Option<String> {
    let any = column.as_any();
    if column.is_null(row) {
        return None;
    }
    let wide = any.downcast_ref::<Int64Array>().map(|c| c.value(row).to_string());
    let short = || any.downcast_ref::<Int32Array>().map(|c| c.value(row).to_string());
    let unsigned = || any.downcast_ref::<UInt64Array>().map(|c| c.value(row).to_string());
    wide.or_else(short).or_else(unsigned)
}
