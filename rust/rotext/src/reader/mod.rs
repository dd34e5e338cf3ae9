//! Reading: JSON, Parquet, Arrow, CSV, web archives and plain text, compressed or not, from folders and standard input.
//!
//! One thread reads and decompresses ([`Reader::next_chunk`], which is cheap and sequential). Many threads parse
//! ([`Chunk::parse`], which is the costly part). A chunk has about 1 MiB of whole records, so the number of chunks in flight bounds
//! the memory, and the size of a file does not.
//!
//! # Examples
//!
//! ```
//! use rotext::reader::{Fields, Reader, expand};
//!
//! # fn main() -> rotext::error::Result<()> {
//! let folder = tempfile::tempdir().expect("a folder for the example");
//! let path = folder.path().join("web.jsonl");
//! std::fs::write(&path, "{\"id\": \"a\", \"text\": \"Bună ziua.\"}\n{\"title\": \"fără text\"}\n").expect("a file");
//! let (sources, fields) = (expand(&[path.display().to_string()])?, Fields::default());
//! let mut reader = Reader::open(&sources[0], &fields)?;
//! while let Some(chunk) = reader.next_chunk()? {
//!     let batch = chunk.parse(&sources[0], &fields);
//!     assert_eq!(batch.documents[0].text, "Bună ziua.");
//!     assert_eq!((batch.rejects[0].line, batch.rejects[0].reason.name()), (2, "missing-field"));
//! }
//! # Ok(())
//! # }
//! ```

mod cells;
pub mod charset;
mod charset_tables;
mod columns;
mod csv;
mod frames;
mod html;
mod input;
mod ipc;
mod json;
mod jsonl;
mod lines;
mod marks;
mod parquet;
mod remote;
mod sniff;
mod source;
mod split;
mod stream;
mod units;
mod unpack;
mod utf16;
mod values;
mod warc;
mod zip;

pub use input::Volume;
pub use marks::seek_table;
pub use remote::Remote;
pub use source::{Compression, Format, Source, expand, spool};
pub use split::Split;
pub use stream::Stream;
pub(crate) use units::parts;
pub use units::{Cut, Seams, UNIT_BYTES};

use std::io::Seek;
use std::ops::Range;

use input::Input;
use sniff::{Foreign, Sniffed, sniff};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::document::{Batch, Document, Note, Reason, Reject};
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{guard, trip};

/// The usual bytes of text in a chunk: large enough that the cost of a chunk does not matter, small enough for caches.
pub const CHUNK_BYTES: usize = 1 << 20;

/// The longest record that is read, in bytes. A chunk has at least one whole record, so this bounds the memory on hostile input.
pub const MAX_RECORD_BYTES: usize = 256 << 20;

/// The fields of text and id in a record.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The field of the text.
    pub text: String,
    /// The field of the id. `None`: the field `id` if the record has one, else `file:line`.
    pub id: Option<String>,
    /// Keep the JSONL record, so that a writer can replace its text.
    pub keep_record: bool,
    /// How a text file is divided into documents.
    pub split: Split,
}

impl Default for Fields {
    fn default() -> Self {
        Self { text: "text".into(), id: None, keep_record: false, split: Split::None }
    }
}

/// The meaning of a chunk. A change of what a parser makes of the same bytes changes this number, so that journals of older
/// versions are not replayed.
const READER_VERSION: u64 = 2;

/// Whole records of one source, not parsed yet.
pub struct Chunk {
    payload: Payload,
    /// Lines before the first record.
    first_line: u64,
    /// Lines of the source up to the end of the chunk.
    end_line: u64,
    /// Bytes in memory.
    pub bytes: usize,
    /// Bytes read from the file on disk, for progress.
    pub moved: u64,
    /// True for the first chunk of a source.
    pub first: bool,
}

enum Payload {
    Lines(Vec<u8>),
    Text(Vec<u8>),
    Texts(Vec<split::Part>),
    Pages(Vec<warc::Page>),
    Batch(Batch),
    TooLong { bytes: u64 },
    Damaged(Error),
}

/// Reads a source, chunk by chunk.
///
/// A source that is cut off, damaged or of another format gives what is readable, and then one reject that says why it ends.
pub struct Reader {
    source: Source,
    inner: Inner,
    first: bool,
    lines: u64,
}

enum Inner {
    Lines(lines::Lines),
    Values(values::Values),
    Text(Option<Stream>),
    Split(split::Parts),
    Parquet(parquet::Rows),
    Arrow(ipc::Rows),
    Csv(csv::Rows),
    Warc(warc::Records),
    Failed(Option<Error>),
}

impl Reader {
    /// Opens `source`.
    ///
    /// # Errors
    /// The file cannot be opened or is a folder; it lacks a column that the user named.
    pub fn open(source: &Source, fields: &Fields) -> Result<Self> {
        let inner = match readable(source, || Inner::open(source, fields)) {
            Err(error) if error.kind == ErrorKind::Damaged => Inner::Failed(Some(error)),
            inner => inner?,
        };
        Ok(Self { source: source.clone(), inner, first: true, lines: 0 })
    }

    /// Opens some units of `source`. Lines of JSON are counted from the first one of these units; rows of Parquet as ever.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_units(source: &Source, fields: &Fields, units: Range<u64>) -> Result<Self> {
        let inner = match readable(source, || Inner::open_units(source, fields, &units)) {
            Err(error) if error.kind == ErrorKind::Damaged => Inner::Failed(Some(error)),
            inner => inner?,
        };
        // A part must not be refused for a first chunk that is not the first of its source.
        Ok(Self { source: source.clone(), inner, first: units.start == 0, lines: 0 })
    }

    /// Counts lines from `lines`, the number of lines before the first one of these units. Rows of Parquet are counted from
    /// the start of the file in any case.
    pub fn count_from(&mut self, lines: u64) {
        if let Inner::Lines(inner) = &mut self.inner {
            inner.count_from(lines);
        }
        self.lines = lines;
    }

    /// Where a part of lines was read, once all its chunks are read. Other sources have no parts that begin within a record.
    #[must_use]
    pub fn seams(&self) -> Seams {
        match &self.inner {
            Inner::Lines(lines) => lines.seams(),
            _ => Seams::default(),
        }
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// The disk fails; the column of the text has another type.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let chunk = match readable(&self.source, || self.inner.next_chunk(&self.source)) {
            Err(error) if error.kind == ErrorKind::Damaged => {
                self.inner = Inner::Failed(None);
                Some(Chunk {
                    payload: Payload::Damaged(error),
                    first_line: self.lines,
                    end_line: self.lines,
                    bytes: 0,
                    moved: 0,
                    first: false,
                })
            }
            chunk => chunk?,
        };
        Ok(chunk.map(|mut chunk| {
            chunk.first = std::mem::take(&mut self.first);
            self.lines = chunk.end_line;
            chunk
        }))
    }
}

/// A panic over the format of a file means that the rest of the file cannot be read. What a format says of bytes that could not be
/// fetched is not its damage.
fn readable<T>(source: &Source, read: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = guard(read).unwrap_or_else(|panic| {
        let error = Error::damaged(format!("the rest of the file cannot be read (internal error: {panic})"));
        Err(error.at(&source.path).hint(Error::REPORT))
    });
    done.map_err(|error| source.failure(error))
}

impl Inner {
    fn open(source: &Source, fields: &Fields) -> Result<Self> {
        if source.format == Format::Unread {
            return Ok(Self::Failed(None));
        }
        let stream = Stream::open(source)?;
        Ok(match format(source, &stream)? {
            Format::Jsonl => {
                let stream = stream.decode_utf16();
                if values::has_values(stream.head()) {
                    Self::Values(values::Values::new(stream))
                } else {
                    Self::Lines(lines::Lines::new(stream))
                }
            }
            Format::Text if fields.split == Split::None => Self::Text(Some(stream)),
            Format::Text => Self::Split(split::Parts::new(stream, fields.split)),
            Format::Parquet => {
                let units = 0..source.units();
                Self::Parquet(parquet::Rows::open(source, fields, seekable(source, stream)?, units)?)
            }
            Format::Arrow if is_arrow_file(&stream) => {
                Self::Arrow(ipc::Rows::file(source, fields, seekable(source, stream)?)?)
            }
            Format::Arrow => Self::Arrow(ipc::Rows::stream(source, fields, stream)?),
            Format::Csv => Self::Csv(csv::Rows::open(source, fields, stream)?),
            Format::Warc => Self::Warc(warc::Records::new(source, stream)),
            Format::Unread => Self::Failed(None),
        })
    }

    fn open_units(source: &Source, fields: &Fields, units: &Range<u64>) -> Result<Self> {
        if units.start == 0 && units.end >= source.units() {
            return Self::open(source, fields);
        }
        if source.cut == Cut::RowGroups {
            let input = source.input()?;
            return Ok(Self::Parquet(parquet::Rows::open(source, fields, input, units.clone())?));
        }
        // The first unit of the part where something begins.
        for unit in units.clone() {
            if let Some(start) = source.unit_start(unit)? {
                let stream = Stream::open_at(source, start, unit, units.end)?;
                return Ok(Self::Lines(lines::Lines::part(stream, (start, unit), units.end)));
            }
        }
        Ok(Self::Failed(None))
    }

    fn next_chunk(&mut self, source: &Source) -> Result<Option<Chunk>> {
        match self {
            Self::Lines(lines) => lines.next_chunk(),
            Self::Values(values) => values.next_chunk(),
            Self::Text(stream) => stream.take().map(whole_text).transpose(),
            Self::Split(parts) => parts.next_chunk(),
            Self::Parquet(rows) => rows.next_chunk(source),
            Self::Arrow(rows) => rows.next_chunk(source),
            Self::Csv(rows) => rows.next_chunk(source),
            Self::Warc(records) => records.next_chunk(),
            Self::Failed(error) => error.take().map_or(Ok(None), Err),
        }
    }
}

/// The format of a stream. Its first bytes are more certain than its name.
fn format(source: &Source, stream: &Stream) -> Result<Format> {
    match sniff(stream.head(), Some(source.format)) {
        Sniffed::Format(format) => Ok(format),
        Sniffed::Unknown => Ok(source.format),
        Sniffed::Foreign(Foreign { what, hint }) => Err(Error::damaged(what).at(&source.path).hint(hint)),
        Sniffed::Zip => {
            let what =
                "the file is a zip archive that cannot be listed here: it is damaged, or inside another";
            Err(Error::damaged(what).at(&source.path).hint("unpack it first, and name the folder"))
        }
    }
}

fn is_arrow_file(stream: &Stream) -> bool {
    stream.head().starts_with(b"ARROW1")
}

/// The stream as a file that can be read at any place. A stream that has no such file is copied to one without a name.
fn seekable(source: &Source, mut stream: Stream) -> Result<Input> {
    if stream.is_file() {
        return source.input();
    }
    let folder = std::env::temp_dir();
    let mut file = tempfile::tempfile().map_err(|e| Error::io(&folder, &e))?;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let read = stream.read_up_to(&mut buffer, CHUNK_BYTES)?;
        std::io::Write::write_all(&mut file, &buffer).map_err(|e| Error::io(&folder, &e))?;
        if read < CHUNK_BYTES {
            file.rewind().map_err(|e| Error::io(&folder, &e))?;
            return Ok(Input::copy(file));
        }
    }
}

/// The fields of a source and their types, from its first record or its schema. A text file has none, and a file that cannot be
/// read has none.
///
/// # Errors
/// The file cannot be opened.
pub fn columns(source: &Source) -> Result<Vec<(String, String)>> {
    let found = || -> Result<Vec<(String, String)>> {
        let mut stream = Stream::open(source)?;
        Ok(match format(source, &stream)? {
            Format::Parquet => parquet::columns(source, seekable(source, stream)?)?,
            Format::Arrow if is_arrow_file(&stream) => {
                ipc::Rows::file(source, &Fields::default(), seekable(source, stream)?)?.columns()
            }
            Format::Arrow => ipc::Rows::stream(source, &Fields::default(), stream)?.columns(),
            Format::Csv => csv::columns(source, stream)?,
            Format::Text | Format::Warc | Format::Unread => Vec::new(),
            Format::Jsonl => {
                stream = stream.decode_utf16();
                let mut head = Vec::new();
                if values::has_values(stream.head()) {
                    match values::Values::new(stream).next_chunk()?.map(|chunk| chunk.payload) {
                        Some(Payload::Lines(bytes)) => head = bytes,
                        _ => return Ok(Vec::new()),
                    }
                } else {
                    stream.read_up_to(&mut head, CHUNK_BYTES)?;
                }
                jsonl::columns(&head)
            }
        })
    };
    match readable(source, found) {
        Err(error) if error.kind == ErrorKind::Damaged => Ok(Vec::new()),
        found => found,
    }
}

/// Reads a text file, which is one document, up to [`MAX_RECORD_BYTES`].
fn whole_text(mut stream: Stream) -> Result<Chunk> {
    let mut bytes = Vec::new();
    let size = stream.read_up_to(&mut bytes, MAX_RECORD_BYTES + 1)? as u64;
    let payload =
        if bytes.len() > MAX_RECORD_BYTES { Payload::TooLong { bytes: size } } else { Payload::Text(bytes) };
    Ok(Chunk {
        bytes: size as usize,
        payload,
        first_line: 0,
        end_line: 1,
        moved: stream.moved(),
        first: false,
    })
}

impl Chunk {
    /// Lines before the first record, in what was read of the source.
    #[must_use]
    pub fn first_line(&self) -> u64 {
        self.first_line
    }

    /// Lines up to its end, in what was read of the source.
    #[must_use]
    pub fn end_line(&self) -> u64 {
        self.end_line
    }

    /// Why the source ends here, if it is damaged.
    #[must_use]
    pub fn damage(&self) -> Option<&Error> {
        match &self.payload {
            Payload::Damaged(error) => Some(error),
            _ => None,
        }
    }

    /// XXH3-64 of the records, to recognize the chunk in a later pass.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let hash = |bytes: &[u8]| xxh3_64_with_seed(bytes, READER_VERSION);
        match &self.payload {
            Payload::Lines(bytes) | Payload::Text(bytes) => hash(bytes),
            Payload::TooLong { bytes } => hash(&bytes.to_le_bytes()),
            Payload::Damaged(error) => hash(error.to_string().as_bytes()),
            Payload::Texts(parts) => {
                let mut hash = Xxh3::with_seed(READER_VERSION);
                for part in parts {
                    hash.update(&part.line.to_le_bytes());
                    hash.update(&part.bytes);
                }
                hash.digest()
            }
            Payload::Pages(pages) => {
                let mut hash = Xxh3::with_seed(READER_VERSION);
                for page in pages {
                    hash.update(&page.number.to_le_bytes());
                    hash.update(&page.bytes);
                }
                hash.digest()
            }
            Payload::Batch(batch) => {
                let mut hash = Xxh3::with_seed(READER_VERSION);
                for document in &batch.documents {
                    for part in [&document.id, &document.text] {
                        hash.update(&(part.len() as u64).to_le_bytes());
                        hash.update(part.as_bytes());
                    }
                }
                // A row that cannot be used has only its place.
                batch.rejects.iter().for_each(|reject| hash.update(&reject.line.to_le_bytes()));
                hash.digest()
            }
        }
    }

    /// Turns the chunk into documents and rejects, in the order of the input. O(n) for n bytes.
    #[must_use]
    pub fn parse(self, source: &Source, fields: &Fields) -> Batch {
        let mut batch = Batch::default();
        let line = self.first_line + 1;
        match self.payload {
            Payload::Lines(bytes) => return lines_of_json(&bytes, self.first_line, source, fields),
            Payload::Batch(batch) => return batch,
            Payload::Text(bytes) => alone(&mut batch, 1, |batch| text(bytes, source.name.clone(), 1, batch)),
            Payload::Texts(parts) => {
                for part in parts {
                    let (bytes, line) = (part.bytes, part.line);
                    alone(&mut batch, line, |batch| text(bytes, source.generated_id(line), line, batch));
                }
            }
            Payload::Pages(pages) => {
                for page in pages {
                    alone(&mut batch, page.number, |batch| page.parse(source, fields, batch));
                }
            }
            Payload::TooLong { bytes } => {
                let mut what =
                    format!("a record of at least {bytes} bytes is longer than {MAX_RECORD_BYTES} bytes");
                if source.format == Format::Text && fields.split == Split::None {
                    what.push_str(
                        ": if the file has several documents, divide it with `rotools normalize --split`",
                    );
                }
                let (reason, raw) = (Reason::TooLong, Vec::new());
                batch.rejects.push(Reject { line, byte: None, reason, what, raw });
            }
            Payload::Damaged(error) => {
                let mut what = error.what.clone();
                if let Some(byte) = error.place.as_ref().and_then(|place| place.byte) {
                    what.push_str(&format!(", at byte {byte} of the text in it"));
                }
                let (reason, raw) = (Reason::Damaged, Vec::new());
                batch.rejects.push(Reject { line, byte: None, reason, what, raw });
                batch.damage = Some(error);
            }
        }
        batch
    }
}

/// Parses records of JSON. If that panics, each is parsed alone: one record must not cost the others.
fn lines_of_json(bytes: &[u8], first_line: u64, source: &Source, fields: &Fields) -> Batch {
    if let Ok(batch) = guard(|| jsonl::parse(bytes, first_line, source, fields)) {
        return batch;
    }
    let mut batch = Batch::default();
    for (before, line) in (first_line..).zip(bytes.split(|byte| *byte == b'\n')) {
        match guard(|| jsonl::parse(line, before, source, fields)) {
            Ok(one) => batch.append(one),
            Err(panic) => batch.rejects.push(Reject::internal(before + 1, &panic, line.to_vec())),
        }
    }
    batch
}

/// Parses one record into `batch`. If that panics, the record becomes a reject.
fn alone(batch: &mut Batch, line: u64, parse: impl FnOnce(&mut Batch)) {
    let mut own = Batch::default();
    match guard(|| parse(&mut own)) {
        Ok(()) => batch.append(own),
        Err(panic) => batch.rejects.push(Reject::internal(line, &panic, Vec::new())),
    }
}

/// Adds a document of plain text.
fn text(bytes: Vec<u8>, id: String, line: u64, batch: &mut Batch) {
    let decoded = charset::decode(bytes);
    trip("parse", &decoded.text);
    if decoded.text.trim().is_empty() {
        batch.rejects.push(reject_empty(line, Vec::new()));
        return;
    }
    note_charset(&decoded, &id, line, batch);
    batch.documents.push(Document { id, named_by_place: false, text: decoded.text, line, record: None });
}

/// Notes what the decoder guessed and repaired.
fn note_charset(decoded: &charset::Decoded, id: &str, line: u64, batch: &mut Batch) {
    let mut note = |rule: &'static str, value| {
        batch.notes.push(Note { id: id.to_owned(), line, rule: rule.into(), value: Some(value) });
    };
    if decoded.charset != "utf-8" {
        note(decoded.charset, decoded.sure);
    }
    if decoded.repaired > 0 {
        note("bad-utf8", decoded.repaired as f64);
    }
    if decoded.lost > 0 {
        note("lost-bytes", decoded.lost as f64);
    }
}

fn reject_empty(line: u64, raw: Vec<u8>) -> Reject {
    let what = "the document has no text".to_owned();
    Reject { line, byte: None, reason: Reason::Empty, what, raw }
}

/// The error for a source without the text field in any record. Most likely `--text-field` is wrong.
#[must_use]
pub fn missing_field_error(source: &Source, reject: &Reject) -> Error {
    let named = reject.what.rsplit_once(": ").map_or("", |(_, names)| names);
    let hint = if named.is_empty() {
        "each line is a JSON object with a text, for example {\"text\": \"...\"}".to_owned()
    } else {
        format!("the fields are {named}: name the field of the text with --text-field")
    };
    Error::data(reject.what.clone()).at_place(reject.place(&source.path)).hint(hint)
}
