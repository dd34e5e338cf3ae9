//! The small files beside a shard: document ends for numpy, the index of Megatron, the documents' table.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::writer::Entry;
use crate::error::{Error, Result};

/// `.offsets.npy`: u64 document ends in tokens, starting with 0 (numpy format 1.0).
pub(super) fn offsets(path: &Path, ends: &[u64]) -> Result<()> {
    let mut header = format!("{{'descr': '<u8', 'fortran_order': False, 'shape': ({},), }}", ends.len());
    // Magic, version and length take 10 bytes; the whole header is a multiple of 64 and ends in a newline.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(padded - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes();
    write(path, |out| {
        out.write_all(b"\x93NUMPY\x01\x00")?;
        out.write_all(&length)?;
        out.write_all(header.as_bytes())?;
        ends.iter().try_for_each(|end| out.write_all(&end.to_le_bytes()))
    })
}

/// `.idx` of Megatron-Core (indexed_dataset.py): magic, version 1, dtype code 8 (uint16), counts, i32 lengths,
/// i64 byte pointers, i64 document borders. One sequence a document.
pub(super) fn megatron(path: &Path, ends: &[u64]) -> Result<()> {
    let documents = ends.len() as u64 - 1;
    write(path, |out| {
        out.write_all(b"MMIDIDX\0\0")?;
        out.write_all(&1u64.to_le_bytes())?;
        out.write_all(&[8])?;
        out.write_all(&documents.to_le_bytes())?;
        out.write_all(&(documents + 1).to_le_bytes())?;
        for pair in ends.windows(2) {
            // A document has at most 256 MiB of text, so fewer than 2^31 tokens.
            out.write_all(&((pair[1] - pair[0]) as u32).to_le_bytes())?;
        }
        for start in &ends[..ends.len() - 1] {
            out.write_all(&(start * 2).to_le_bytes())?;
        }
        (0..=documents).try_for_each(|document| out.write_all(&document.to_le_bytes()))
    })
}

fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let run = || {
        let mut out = BufWriter::new(File::create(path)?);
        fill(&mut out)?;
        out.into_inner()?.sync_all()
    };
    run().map_err(|e| Error::io(path, &e))
}

/// Rows of a row group: what is held in memory.
const GROUP: usize = 65_536;

/// `.docs.parquet`: one row a document, in the order of the tokens.
pub(super) struct Table {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    rows: Vec<(Entry, u64)>,
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

    pub(super) fn push(&mut self, entry: Entry, start: u64) -> Result<()> {
        self.rows.push((entry, start));
        if self.rows.len() == GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let text = |get: fn(&Entry) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(|(entry, _)| get(entry))))
        };
        let number = |get: fn(&(Entry, u64)) -> u64| -> ArrayRef {
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
