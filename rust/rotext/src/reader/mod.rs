//! Reading: JSONL (plain, .gz, .zst), Parquet, plain text, folders, standard input.
//!
//! One thread reads and decompresses ([`Reader::next_chunk`], which is cheap and sequential). Many threads parse
//! ([`Chunk::parse`], which is the costly part). A chunk has about 1 MiB of whole records, so the number of chunks in flight bounds
//! the memory, and the size of a file does not.
//!
//! # Examples
//!
//! ```
//! use rotext::reader::{Cursor, Fields, Reader, expand};
//!
//! # fn main() -> rotext::error::Result<()> {
//! let folder = tempfile::tempdir().expect("a folder for the example");
//! let path = folder.path().join("web.jsonl");
//! std::fs::write(&path, "{\"id\": \"a\", \"text\": \"Bună ziua.\"}\n{\"title\": \"fără text\"}\n").expect("a file");
//! let (sources, fields) = (expand(&[path.display().to_string()])?, Fields::default());
//! let mut reader = Reader::open(&sources[0], &fields, Cursor::default())?;
//! while let Some(chunk) = reader.next_chunk()? {
//!     let batch = chunk.parse(&sources[0], &fields);
//!     assert_eq!(batch.documents[0].text, "Bună ziua.");
//!     assert_eq!((batch.rejects[0].line, batch.rejects[0].reason.name()), (2, "missing-field"));
//! }
//! # Ok(())
//! # }
//! ```

pub mod charset;
mod jsonl;
mod lines;
mod parquet;
mod source;
mod stream;

pub use source::{Compression, Format, Source, expand, spool};
pub use stream::Stream;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::document::{Batch, Document, Reason, Reject};
use crate::error::{Error, Result};

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
}

impl Default for Fields {
    fn default() -> Self {
        Self { text: "text".into(), id: None, keep_record: false }
    }
}

/// How far a source has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// Bytes of decompressed input (rows, for Parquet).
    pub offset: u64,
    /// Lines or rows.
    pub lines: u64,
}

/// Whole records of one source, not parsed yet.
pub struct Chunk {
    payload: Payload,
    /// Lines before the first record.
    first_line: u64,
    /// Where the source continues after this chunk.
    pub end: Cursor,
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
    Batch(Batch),
    TooLong { bytes: u64 },
}

/// Reads a source, chunk by chunk.
pub struct Reader {
    source: Source,
    inner: Inner,
    first: bool,
}

enum Inner {
    Lines(lines::Lines),
    Text(Option<Stream>),
    Parquet(parquet::Rows),
}

impl Reader {
    /// Opens `source` and moves to `from`.
    ///
    /// # Errors
    /// The file cannot be opened or is a folder; a Parquet file is damaged or lacks the text column.
    pub fn open(source: &Source, fields: &Fields, from: Cursor) -> Result<Self> {
        let inner = match source.format {
            Format::Jsonl => Inner::Lines(lines::Lines::open(source, from)?),
            Format::Text if from.lines > 0 => Inner::Text(None),
            Format::Text => Inner::Text(Some(Stream::open(source)?)),
            Format::Parquet => Inner::Parquet(parquet::Rows::open(source, fields, from)?),
        };
        Ok(Self { source: source.clone(), inner, first: from == Cursor::default() })
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// The compressed data are cut off, a Parquet page is damaged, the disk fails.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let chunk = match &mut self.inner {
            Inner::Lines(lines) => lines.next_chunk()?,
            Inner::Text(stream) => match stream.take() {
                Some(stream) => Some(whole_text(stream)?),
                None => None,
            },
            Inner::Parquet(rows) => rows.next_chunk(&self.source)?,
        };
        Ok(chunk.map(|mut chunk| {
            chunk.first = std::mem::take(&mut self.first);
            chunk
        }))
    }
}

/// The fields of a source and their types, from its first record (JSONL) or its schema (Parquet). A text file has none.
///
/// # Errors
/// The file cannot be opened or read.
pub fn columns(source: &Source) -> Result<Vec<(String, String)>> {
    match source.format {
        Format::Parquet => parquet::columns(source),
        Format::Text => Ok(Vec::new()),
        Format::Jsonl => {
            let mut head = Vec::new();
            Stream::open(source)?.read_up_to(&mut head, CHUNK_BYTES)?;
            Ok(jsonl::columns(&head))
        }
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
        end: Cursor { offset: size, lines: 1 },
        moved: stream.moved(),
        first: false,
    })
}

impl Chunk {
    /// XXH3-64 of the records, to recognize the chunk in a later pass.
    #[must_use]
    pub fn hash(&self) -> u64 {
        match &self.payload {
            Payload::Lines(bytes) | Payload::Text(bytes) => xxh3_64(bytes),
            Payload::TooLong { bytes } => xxh3_64(&bytes.to_le_bytes()),
            Payload::Batch(batch) => {
                let mut hash = Xxh3::new();
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
        match self.payload {
            Payload::Lines(bytes) => jsonl::parse(bytes, self.first_line, source, fields),
            Payload::Batch(batch) => batch,
            Payload::Text(bytes) => {
                let text = charset::decode(bytes);
                let mut batch = Batch::default();
                if text.trim().is_empty() {
                    batch.rejects.push(reject_empty(1, Vec::new()));
                } else {
                    let document = Document { id: source.name.clone(), text, line: 1, record: None };
                    batch.documents.push(document);
                }
                batch
            }
            Payload::TooLong { bytes } => {
                let what =
                    format!("a record of at least {bytes} bytes is longer than {MAX_RECORD_BYTES} bytes");
                let reject = Reject {
                    line: self.first_line + 1,
                    byte: None,
                    reason: Reason::TooLong,
                    what,
                    raw: Vec::new(),
                };
                Batch { documents: Vec::new(), rejects: vec![reject] }
            }
        }
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
