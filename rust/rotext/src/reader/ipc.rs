//! Rows of Arrow IPC: a file, a stream, or the parts that `datasets` saves to a folder.

use std::io::{BufReader, Seek};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;

use super::cells::documents;
use super::input::Input;
use super::source::Source;
use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, Fields, Payload};
use crate::error::{Error, Result};

/// The most rows of a chunk, however short they are.
const MAX_ROWS: usize = 4096;

enum Batches {
    File(FileReader<BufReader<Input>>),
    Stream(StreamReader<BufReader<Stream>>),
}

/// The rows of a file or stream. Memory holds one batch as it was written.
pub(super) struct Rows {
    batches: Batches,
    fields: Fields,
    /// The open batch, its first row that was not returned, and the rows before it.
    open: Option<(RecordBatch, usize, u64)>,
    done: u64,
    moved: u64,
}

impl Rows {
    /// The file format, which a reader must seek in.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn file(source: &Source, fields: &Fields, mut file: Input) -> Result<Self> {
        file.rewind().map_err(|e| Error::io(&source.path, &e))?;
        let reader = FileReader::try_new(BufReader::new(file), None).map_err(|e| damaged(source, &e))?;
        Ok(Self::new(Batches::File(reader), fields, source.size))
    }

    /// The stream format.
    ///
    /// # Errors
    /// The schema is damaged.
    pub(super) fn stream(source: &Source, fields: &Fields, stream: Stream) -> Result<Self> {
        let reader = StreamReader::try_new(BufReader::new(stream), None).map_err(|e| damaged(source, &e))?;
        Ok(Self::new(Batches::Stream(reader), fields, source.size))
    }

    fn new(batches: Batches, fields: &Fields, moved: u64) -> Self {
        Self { batches, fields: fields.clone(), open: None, done: 0, moved }
    }

    /// The columns and their types.
    pub(super) fn columns(&self) -> Vec<(String, String)> {
        let schema = match &self.batches {
            Batches::File(reader) => reader.schema(),
            Batches::Stream(reader) => reader.schema(),
        };
        schema.fields().iter().map(|f| (f.name().clone(), f.data_type().to_string().to_lowercase())).collect()
    }

    /// # Errors
    /// A batch is damaged; the column of the text does not exist or has another type.
    pub(super) fn next_chunk(&mut self, source: &Source) -> Result<Option<Chunk>> {
        loop {
            if let Some((batch, at, before)) = &mut self.open
                && *at < batch.num_rows()
            {
                // The rows of a chunk follow from the mean size of a row.
                let mean = batch.get_array_memory_size() / batch.num_rows().max(1);
                let rows = (CHUNK_BYTES / mean.max(1)).clamp(1, MAX_ROWS).min(batch.num_rows() - *at);
                let found = documents(batch, *at..*at + rows, *before, source, &self.fields)?;
                *at += rows;
                let first_line = self.done;
                self.done += rows as u64;
                return Ok(Some(Chunk {
                    bytes: found.documents.iter().map(|d| d.text.len()).sum(),
                    payload: Payload::Batch(found),
                    first_line,
                    end_line: self.done,
                    moved: std::mem::take(&mut self.moved),
                    first: false,
                }));
            }
            let next = match &mut self.batches {
                Batches::File(reader) => reader.next(),
                Batches::Stream(reader) => reader.next(),
            };
            match next.transpose().map_err(|e| damaged(source, &e))? {
                Some(batch) => self.open = Some((batch, 0, self.done)),
                None => return Ok(None),
            }
        }
    }
}

fn damaged(source: &Source, e: &ArrowError) -> Error {
    let why = e.to_string();
    let why = why.lines().next().unwrap_or_default();
    Error::damaged(format!("the Arrow file is damaged ({why})"))
        .at(&source.path)
        .hint("download or write the file again")
}
