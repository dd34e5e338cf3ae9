//! Writes decisions as they are made.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{KEY, Row, VERSION};
use crate::error::{Error, Result};

/// Rows of a row group, which is what the writer keeps in memory.
const GROUP: usize = 32_768;

/// Writes a ledger. The caller gives the file its final name when it is whole.
pub struct Writer {
    out: ArrowWriter<File>,
    schema: Arc<Schema>,
    rows: Vec<Row>,
    path: PathBuf,
}

pub(super) fn schema() -> Schema {
    let column = |name, kind, null| Field::new(name, kind, null);
    Schema::new(vec![
        column("stage", DataType::Utf8, false),
        column("document", DataType::Utf8, false),
        column("source", DataType::Utf8, false),
        column("line", DataType::UInt64, false),
        column("action", DataType::Utf8, false),
        column("rule", DataType::Utf8, false),
        column("value", DataType::Float64, true),
        column("threshold", DataType::Float64, true),
        column("partner", DataType::Utf8, true),
        column("score", DataType::Float64, true),
        column("byte", DataType::UInt64, true),
    ])
}

impl Writer {
    /// An empty ledger at `path`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io(path, &e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), VERSION.to_owned())]))
            .build();
        let schema = Arc::new(schema());
        let out = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(|e| failed(path, &e))?;
        Ok(Self { out, schema, rows: Vec::new(), path: path.to_owned() })
    }

    /// Adds a decision. Call it in the order of the documents, and for one document in the order of the stages.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn push(&mut self, row: Row) -> Result<()> {
        self.rows.push(row);
        if self.rows.len() == GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let rows = &self.rows;
        let text = |get: fn(&Row) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get)))
        };
        let float = |get: fn(&Row) -> Option<f64>| -> ArrayRef {
            Arc::new(rows.iter().map(get).collect::<Float64Array>())
        };
        let columns: Vec<ArrayRef> = vec![
            text(|row| &row.stage),
            text(|row| &row.document),
            text(|row| &row.source),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.line))),
            text(|row| row.action.name()),
            text(|row| &row.rule),
            float(|row| row.value),
            float(|row| row.threshold),
            Arc::new(rows.iter().map(|row| row.partner.as_deref()).collect::<StringArray>()),
            float(|row| row.score),
            Arc::new(rows.iter().map(|row| row.byte).collect::<UInt64Array>()),
        ];
        let write = |out: &mut ArrowWriter<File>| {
            out.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
            out.flush()
        };
        write(&mut self.out).map_err(|e| failed(&self.path, &e))?;
        self.rows.clear();
        Ok(())
    }

    /// Writes the remaining rows and syncs the file.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let file = self.out.into_inner().map_err(|e| failed(&self.path, &e))?;
        file.sync_all().map_err(|e| Error::io(&self.path, &e))
    }
}

fn failed(path: &Path, e: &parquet::errors::ParquetError) -> Error {
    Error::data(format!("the ledger could not be written ({e})")).at(path).hint("check the space on the disk")
}
