//! Reading: JSONL (plain, .gz, .zst), Parquet, plain text, folders, standard input.
//!
//! One thread reads and decompresses ([`Reader::next_chunk`]: cheap, sequential); many threads parse
//! ([`Chunk::parse`]: the costly part). A chunk is about 1 MiB of whole records, so memory is bounded by the
//! number of chunks in flight and never by the size of a file.

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

/// Bytes of text a chunk aims at. Big enough that per-chunk costs vanish, small enough for caches and order.
pub const CHUNK_BYTES: usize = 1 << 20;

/// The longest record that is read, in bytes. A chunk holds at least one whole record, so this is what
/// bounds the memory of a run on hostile input.
pub const MAX_RECORD_BYTES: usize = 256 << 20;

/// Which fields of a record are the text and the id.
#[derive(Debug, Clone)]
pub struct Fields {
    /// Field of the text.
    pub text: String,
    /// Field of the id. `None`: `id` when the record has one, else `file:line`.
    pub id: Option<String>,
    /// Keep the JSONL record so that a writer can put a new text into it.
    pub keep_record: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self { text: "text".into(), id: None, keep_record: false }
    }
}

/// How far a source has been read; where a resumed run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// Bytes of decompressed input (rows, for Parquet).
    pub offset: u64,
    /// Lines or rows.
    pub lines: u64,
}

/// Some whole records of one source, not yet parsed.
pub struct Chunk {
    payload: Payload,
    /// Lines before the first record.
    first_line: u64,
    /// Where the source continues after this chunk.
    pub end: Cursor,
    /// Bytes in memory, what a budget counts.
    pub bytes: usize,
    /// Bytes that the file on disk moved on, for progress.
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

/// A source being read, chunk by chunk.
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
    /// Opens `source` and goes to `from`.
    ///
    /// # Errors
    /// The file cannot be opened, is a folder, or (Parquet) is damaged or lacks the text column.
    pub fn open(source: &Source, fields: &Fields, from: Cursor) -> Result<Self> {
        let inner = match source.format {
            Format::Jsonl => Inner::Lines(lines::Lines::open(source, from)?),
            Format::Text if from.lines > 0 => Inner::Text(None),
            Format::Text => Inner::Text(Some(Stream::open(source)?)),
            Format::Parquet => Inner::Parquet(parquet::Rows::open(source, fields, from)?),
        };
        Ok(Self { source: source.clone(), inner, first: from == Cursor::default() })
    }

    /// The next records, or `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read on: cut-off compression, a damaged Parquet page, a failing disk.
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

/// The fields of a source's records, by its first record (JSONL) or its schema (Parquet), with their types. A
/// text file has none.
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

/// A text file is one document; it is read whole, up to [`MAX_RECORD_BYTES`].
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
    /// XXH3-64 of the records, to know the chunk again.
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
                // A row that cannot be used has nothing but its place.
                batch.rejects.iter().for_each(|reject| hash.update(&reject.line.to_le_bytes()));
                hash.digest()
            }
        }
    }

    /// Turns the chunk into documents and rejects, in input order.
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

/// The error for a source none of whose records has the text field: a wrong `--text-field`, most likely.
#[must_use]
pub fn missing_field_error(source: &Source, reject: &Reject) -> Error {
    let named = reject.what.rsplit_once(": ").map_or("", |(_, names)| names);
    let hint = if named.is_empty() {
        "each line is a JSON object with a text, for example {\"text\": \"...\"}".to_owned()
    } else {
        format!("name the field of the text with --text-field (there are: {named})")
    };
    Error::data(reject.what.clone()).at_place(reject.place(&source.path)).hint(hint)
}
