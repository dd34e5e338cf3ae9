//! The small files beside a pack shard: document ends for numpy, the index of Megatron, the documents' table.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::entry::DocumentEntry;
use crate::error::{Error, Result};
use crate::fault::guard;

/// `.offsets.npy`: u64 document ends in tokens, starting with 0 (numpy format 1.0).
pub(super) fn offsets(ends: &[u64]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<u8', 'fortran_order': False, 'shape': ({},), }}", ends.len());
    // Magic, version and length take 10 bytes; the whole header is a multiple of 64 and ends in a newline.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(padded - header.len() - 1));
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(header.into_bytes());
    out.extend(ends.iter().flat_map(|end| end.to_le_bytes()));
    out
}

/// `.idx` of Megatron-Core (indexed_dataset.py): magic, version 1, dtype code, counts, i32 lengths, i64 byte pointers,
/// i64 document borders. One sequence is one document. The code is 8 (uint16) or, for ids of 4 bytes, 4 (int32: Megatron
/// has no uint32, and no vocabulary has 2^31 entries).
pub(super) fn megatron(ends: &[u64], width: usize) -> Vec<u8> {
    let documents = ends.len() as u64 - 1;
    let mut out = b"MMIDIDX\0\0".to_vec();
    out.extend(1u64.to_le_bytes());
    out.push(if width == 2 { 8 } else { 4 });
    out.extend(documents.to_le_bytes());
    out.extend((documents + 1).to_le_bytes());
    // A document has at most 256 MiB of text, so fewer than 2^31 tokens.
    out.extend(ends.windows(2).flat_map(|pair| ((pair[1] - pair[0]) as u32).to_le_bytes()));
    out.extend(ends[..ends.len() - 1].iter().flat_map(|start| (start * width as u64).to_le_bytes()));
    out.extend((0..=documents).flat_map(u64::to_le_bytes));
    out
}

/// Writes a sidecar and syncs it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let run = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    run().map_err(|e| Error::io(path, &e))
}

/// Whether the documents' table at `path` has these document ends, in this order.
pub(super) fn table_has(path: &Path, ends: &[u64]) -> Result<bool> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    // The reader of Parquet panics at some damage, for example at a negative length of a column.
    let found = guard(|| has(file, ends)).and_then(|read| read.map_err(|e| e.to_string()));
    found.map_err(|what| {
        Error::data(format!("the documents' table is damaged ({what})")).at(path).hint("make the pack again")
    })
}

fn has(file: File, ends: &[u64]) -> parquet::errors::Result<bool> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
    let mut pairs = ends.windows(2);
    for batch in reader {
        let batch = batch?;
        let column = |name| batch.column_by_name(name)?.as_any().downcast_ref::<UInt64Array>();
        let (Some(starts), Some(lengths)) = (column("start"), column("length")) else { return Ok(false) };
        for (start, length) in starts.values().iter().zip(lengths.values()) {
            if pairs.next().is_none_or(|pair| (pair[0], pair[1] - pair[0]) != (*start, *length)) {
                return Ok(false);
            }
        }
    }
    Ok(pairs.next().is_none())
}

/// Rows of a row group, which is what the table keeps in memory.
const GROUP: usize = 65_536;

/// `.docs.parquet`: one row for each document, in the order of the tokens.
pub(super) struct Table {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    rows: Vec<(DocumentEntry, u64)>,
    path: std::path::PathBuf,
}

impl Table {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let number = |name| Field::new(name, DataType::UInt64, false);
        let text = |name| Field::new(name, DataType::Utf8, false);
        let schema = Arc::new(Schema::new(vec![
            text("id"),
            text("source"),
            number("start"),
            number("length"),
            number("bytes"),
        ]));
        let file = File::create(path).map_err(|e| Error::io(path, &e))?;
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(|e| broken(path, &e))?;
        Ok(Self { writer, schema, rows: Vec::new(), path: path.to_owned() })
    }

    pub(super) fn push(&mut self, entry: DocumentEntry, start: u64) -> Result<()> {
        self.rows.push((entry, start));
        if self.rows.len() == GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let text = |get: fn(&DocumentEntry) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(|(entry, _)| get(entry))))
        };
        let number = |get: fn(&(DocumentEntry, u64)) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(self.rows.iter().map(get)))
        };
        let columns = vec![
            text(|e| &e.id),
            text(|e| &e.source),
            number(|r| r.1),
            number(|r| r.0.tokens),
            number(|r| r.0.bytes),
        ];
        let write = |writer: &mut ArrowWriter<File>| {
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
            writer.write(&batch)?;
            writer.flush()
        };
        write(&mut self.writer).map_err(|e| broken(&self.path, &e))?;
        self.rows.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        let file = self.writer.into_inner().map_err(|e| broken(&self.path, &e))?;
        file.sync_all().map_err(|e| Error::io(&self.path, &e))
    }
}

fn broken(path: &Path, e: &parquet::errors::ParquetError) -> Error {
    Error::data(format!("the documents' table could not be written ({e})"))
        .at(path)
        .hint("check the space on the disk")
}
