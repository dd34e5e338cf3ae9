//! Rows of CSV and TSV with a header. Each row is a document.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use csv::ByteRecord;

use super::cells::no_column;
use super::source::Source;
use super::stream::Stream;
use super::{CHUNK_BYTES, Chunk, Fields, MAX_RECORD_BYTES, Payload, charset, note_charset, reject_empty};
use crate::document::{Batch, Document, Reason, Reject};
use crate::error::{Error, Place, Result};

pub(super) struct Rows {
    reader: csv::Reader<Limited>,
    used: Arc<AtomicU64>,
    text: usize,
    id: Option<usize>,
    done: u64,
    moved: u64,
    error: Option<Error>,
}

impl Rows {
    /// # Errors
    /// The header cannot be read, or lacks a column that the user named.
    pub(super) fn open(source: &Source, fields: &Fields, stream: Stream) -> Result<Self> {
        let (mut reader, used) = reader(stream);
        let names = header(source, &mut reader)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let find = |name: &str| names.iter().position(|n| *n == name);
        let text =
            find(&fields.text).ok_or_else(|| no_column(source, &fields.text, &names, "--text-field"))?;
        let id = match &fields.id {
            Some(name) => Some(find(name).ok_or_else(|| no_column(source, name, &names, "--id-field"))?),
            None => find("id"),
        };
        Ok(Self { reader, used, text, id, done: 0, moved: source.size, error: None })
    }

    /// # Errors
    /// The stream is damaged, or a quote is never closed.
    pub(super) fn next_chunk(&mut self, source: &Source) -> Result<Option<Chunk>> {
        let mut batch = Batch::default();
        let mut row = ByteRecord::new();
        let (before, mut bytes) = (self.done, 0);
        while bytes < CHUNK_BYTES && self.error.is_none() {
            self.used.store(0, Relaxed);
            match self.reader.read_byte_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    self.error = Some(broken(source, &e));
                    break;
                }
            }
            self.done += 1;
            bytes += row.as_slice().len() + 64;
            self.document(&row, source, &mut batch);
        }
        if self.done == before {
            return self.error.take().map_or(Ok(None), Err);
        }
        Ok(Some(Chunk {
            bytes,
            payload: Payload::Batch(batch),
            first_line: before,
            end_line: self.done,
            moved: std::mem::take(&mut self.moved),
            first: false,
        }))
    }

    fn document(&self, row: &ByteRecord, source: &Source, batch: &mut Batch) {
        let line = self.done;
        let id = self.id.and_then(|column| row.get(column)).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| source.generated_id(line), |id| charset::decode(id.to_vec()).text);
        let Some(cell) = row.get(self.text) else {
            let what = format!("the row has {} cells, and the text is cell {}", row.len(), self.text + 1);
            let raw = row.as_slice().to_vec();
            batch.rejects.push(Reject { line, byte: None, reason: Reason::MissingField, what, raw });
            return;
        };
        let decoded = charset::decode(cell.to_vec());
        if decoded.text.trim().is_empty() {
            batch.rejects.push(reject_empty(line, id.into_bytes()));
            return;
        }
        note_charset(&decoded, &id, line, batch);
        batch.documents.push(Document { id, named_by_place: false, text: decoded.text, line, record: None });
    }
}

/// The names of the columns.
///
/// # Errors
/// The header cannot be read.
pub(super) fn columns(source: &Source, stream: Stream) -> Result<Vec<(String, String)>> {
    let names = header(source, &mut reader(stream).0)?;
    Ok(names.into_iter().map(|name| (name, "text".to_owned())).collect())
}

fn reader(stream: Stream) -> (csv::Reader<Limited>, Arc<AtomicU64>) {
    let mut stream = stream.decode_utf16();
    let (skipped, named) = separator_line(stream.head());
    let delimiter = named.unwrap_or_else(|| delimiter(stream.head()));
    // A failed read shows up again when the rows are read.
    let _ = stream.read_exact(&mut vec![0; skipped]);
    let used = Arc::new(AtomicU64::new(0));
    let limited = Limited { inner: stream, used: Arc::clone(&used) };
    // Rows of another length are told by the cell that they lack.
    (csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(limited), used)
}

fn header(source: &Source, reader: &mut csv::Reader<Limited>) -> Result<Vec<String>> {
    let header = reader.byte_headers().map_err(|e| broken(source, &e))?;
    let name = |cell: &[u8]| charset::decode(cell.to_vec()).text.trim().to_owned();
    Ok(header.iter().map(name).collect())
}

/// The length of the line `sep=;`, which spreadsheets put before the header, and the delimiter that it names.
fn separator_line(head: &[u8]) -> (usize, Option<u8>) {
    let plain = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let mark = head.len() - plain.len();
    match plain {
        [b's', b'e', b'p', b'=', delimiter, b'\r', b'\n', ..] => (mark + 7, Some(*delimiter)),
        [b's', b'e', b'p', b'=', delimiter, b'\n', ..] => (mark + 6, Some(*delimiter)),
        _ => (0, None),
    }
}

/// The most frequent of tab, semicolon, comma and bar in the header, outside of quotes: a Romanian spreadsheet writes semicolons.
fn delimiter(head: &[u8]) -> u8 {
    let (mut counts, mut quoted) = ([0; 4], false);
    for &byte in head.iter().take_while(|byte| **byte != b'\n') {
        match byte {
            b'"' => quoted = !quoted,
            b'\t' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b',' if !quoted => counts[2] += 1,
            b'|' if !quoted => counts[3] += 1,
            _ => {}
        }
    }
    let most = counts.into_iter().max().unwrap_or_default();
    [b'\t', b';', b',', b'|']
        .into_iter()
        .zip(counts)
        .find(|(_, count)| *count == most && most > 0)
        .map_or(b',', |(d, _)| d)
}

/// A stream that gives one row at most the bytes of a record: an open quote would take the rest of the file into memory.
struct Limited {
    inner: Stream,
    used: Arc<AtomicU64>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if self.used.fetch_add(read as u64, Relaxed) > MAX_RECORD_BYTES as u64 {
            return Err(std::io::Error::other(TooLong));
        }
        Ok(read)
    }
}

#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row has more than 256 MiB: a quote is never closed")
    }
}

impl std::error::Error for TooLong {}

fn broken(source: &Source, e: &csv::Error) -> Error {
    let line = e.position().map(csv::Position::line);
    let place = Place { path: source.path.clone(), line, byte: None };
    let too_long = match e.kind() {
        csv::ErrorKind::Io(e) if e.raw_os_error().is_some() => return Error::io(&source.path, e),
        csv::ErrorKind::Io(e) => e.get_ref().is_some_and(|inner| inner.is::<TooLong>()),
        _ => false,
    };
    let hint = if too_long {
        "correct the row after which the quotes do not match"
    } else {
        "download or write the file again"
    };
    Error::damaged(format!("the rest of the file cannot be read ({e})")).at_place(place).hint(hint)
}
