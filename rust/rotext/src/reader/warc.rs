//! Web archives: the pages of WARC files, and the texts of WET files. Source: ISO 28500 (WARC 1.1).
//!
//! One thread cuts the records. Parsing a page (its charset, its main text) is the costly part, and is done in parallel.

use std::io::{BufRead, BufReader, Read};

use super::stream::Stream;
use super::{
    CHUNK_BYTES, Chunk, Fields, MAX_RECORD_BYTES, Payload, charset, html, note_charset, reject_empty,
};
use crate::document::{Batch, Document, Reason, Record, Reject};
use crate::error::{Error, Place, Result};
use crate::reader::Source;

/// The longest head of a record or of an HTTP message.
const HEAD_BYTES: u64 = 1 << 20;

/// A record with a page or text, not parsed yet.
pub(super) struct Page {
    /// Its number among the records of the file, from 1.
    pub(super) number: u64,
    id: Option<String>,
    url: String,
    kind: Kind,
    pub(super) bytes: Vec<u8>,
    /// The length of a record that is too long to keep.
    too_long: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An HTTP message with a page.
    Response,
    /// A page without an HTTP message.
    Resource { html: bool },
    /// A text that was made from a page (WET).
    Conversion,
}

/// The records of a file.
pub(super) struct Records {
    input: BufReader<Stream>,
    number: u64,
    error: Option<Error>,
    path: std::path::PathBuf,
    ended: bool,
}

impl Records {
    pub(super) fn new(source: &Source, stream: Stream) -> Self {
        let input = BufReader::with_capacity(64 << 10, stream);
        Self { input, number: 0, error: None, path: source.path.clone(), ended: false }
    }

    /// # Errors
    /// The file is damaged; what was read before it has been returned.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let (first_line, mut bytes, mut pages) = (self.number, 0, Vec::new());
        while bytes < CHUNK_BYTES && !self.ended {
            match self.record() {
                Ok(Some(page)) => {
                    bytes += page.bytes.len() + 64;
                    pages.push(page);
                }
                Ok(None) => {}
                Err(error) => (self.ended, self.error) = (true, Some(error)),
            }
        }
        if pages.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        let moved = self.input.get_mut().moved();
        let payload = Payload::Pages(pages);
        Ok(Some(Chunk { bytes, payload, first_line, end_line: self.number, moved, first: false }))
    }

    /// The next record; `None` for one that holds no page, and at the end.
    fn record(&mut self) -> Result<Option<Page>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.line(&mut line)? == 0 {
                self.ended = true;
                return Ok(None);
            }
            if !line.trim_ascii().is_empty() {
                break;
            }
        }
        self.number += 1;
        if !line.starts_with(b"WARC/") {
            return Err(self.damaged("no WARC record begins here"));
        }
        let (mut kind, mut id, mut url, mut content, mut length) =
            (Vec::new(), None, String::new(), Vec::new(), None);
        let mut head = 0;
        loop {
            line.clear();
            let read = self.line(&mut line)?;
            head += read as u64;
            if read == 0 || head > HEAD_BYTES {
                return Err(self.damaged("the record has no end of its head"));
            }
            let Some((name, value)) = field(&line) else {
                if line.trim_ascii().is_empty() {
                    break;
                }
                continue;
            };
            match name.as_str() {
                "warc-type" => kind = value.to_ascii_lowercase(),
                "warc-record-id" => id = Some(text(value).trim_matches(['<', '>']).to_owned()),
                "warc-target-uri" => url = text(value).trim_matches(['<', '>']).to_owned(),
                "content-type" => content = value.to_ascii_lowercase(),
                "content-length" => length = text(value).parse::<u64>().ok(),
                _ => {}
            }
        }
        let Some(length) = length else { return Err(self.damaged("the record has no length")) };
        let html = content.starts_with(b"text/html") || content.starts_with(b"application/xhtml");
        let kind = match kind.as_slice() {
            b"response" if content.starts_with(b"application/http") => Some(Kind::Response),
            b"resource" if html || content.starts_with(b"text/plain") => Some(Kind::Resource { html }),
            b"conversion" => Some(Kind::Conversion),
            _ => None,
        };
        let mut page =
            kind.map(|kind| Page { number: self.number, id, url, kind, bytes: Vec::new(), too_long: 0 });
        let mut part = (&mut self.input).take(length);
        let read = match &mut page {
            Some(page) if length <= MAX_RECORD_BYTES as u64 => {
                part.read_to_end(&mut page.bytes).map(|n| n as u64)
            }
            page => {
                if let Some(page) = page {
                    page.too_long = length;
                }
                std::io::copy(&mut part, &mut std::io::sink())
            }
        };
        let read = read.map_err(|e| self.input.get_ref().broken(&e))?;
        if read < length {
            return Err(self.damaged("the last record is cut off"));
        }
        Ok(page)
    }

    fn line(&mut self, line: &mut Vec<u8>) -> Result<usize> {
        let read = (&mut self.input).take(HEAD_BYTES).read_until(b'\n', line);
        read.map_err(|e| self.input.get_ref().broken(&e))
    }

    fn damaged(&self, what: &str) -> Error {
        let place = Place { path: self.path.clone(), line: Some(self.number), byte: None };
        Error::damaged(format!("the web archive is damaged: {what}"))
            .at_place(place)
            .hint("download the file again; the records before this one are readable")
    }
}

/// Name and value of a field of a head.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((text(&line[..colon]).to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

impl Page {
    /// Adds its document to `batch`, or a reject.
    pub(super) fn parse(self, source: &Source, fields: &Fields, batch: &mut Batch) {
        let line = self.number;
        let id = self.id.unwrap_or_else(|| source.generated_id(line));
        let raw = if self.url.is_empty() { id.clone() } else { self.url.clone() }.into_bytes();
        let mut reject = |reason, what: String| {
            batch.rejects.push(Reject { line, byte: None, reason, what, raw: raw.clone() })
        };
        if self.too_long > 0 {
            let what = format!("a record of {} bytes is longer than {MAX_RECORD_BYTES} bytes", self.too_long);
            return reject(Reason::TooLong, what);
        }
        let (bytes, label, html) = match self.kind {
            Kind::Conversion => (self.bytes, None, false),
            Kind::Resource { html } => (self.bytes, None, html),
            Kind::Response => match http(&self.bytes) {
                Ok(page) => (page.body, page.charset, page.html),
                Err(what) => return reject(Reason::WrongType, what),
            },
        };
        let decoded =
            if html { charset::decode_page(bytes, label.as_deref()) } else { charset::decode(bytes) };
        let text = if html { html::main_text(&decoded.text, &self.url) } else { Some(decoded.text.clone()) };
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            batch.rejects.push(reject_empty(line, raw));
            return;
        };
        note_charset(&decoded, &id, line, batch);
        let record = fields.keep_record.then(|| {
            let literal = |text: &str| sonic_rs::to_string(text).unwrap_or_default();
            let mut raw = format!("{{\"id\": {}, \"url\": {}, \"text\": ", literal(&id), literal(&self.url));
            let start = raw.len();
            raw.push_str(&literal(&text));
            let range = start..raw.len();
            raw.push_str(&format!(", \"source\": {}}}", literal(&source.name)));
            Record { raw, text: range }
        });
        batch.documents.push(Document { id, named_by_place: false, text, line, record });
    }
}

/// The page of an HTTP message.
struct Message {
    body: Vec<u8>,
    charset: Option<String>,
    html: bool,
}

/// Parses an HTTP response. `Err` says why it holds no page.
fn http(bytes: &[u8]) -> std::result::Result<Message, String> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| (at, at + 4));
    let end = end.or_else(|| memchr::memmem::find(bytes, b"\n\n").map(|at| (at, at + 2)));
    let (head, body) =
        end.map(|(head, body)| (&bytes[..head], &bytes[body..])).ok_or("the response has no body")?;
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = text(lines.next().unwrap_or_default());
    let code = status.split_whitespace().nth(1).unwrap_or_default();
    if !code.starts_with('2') {
        return Err(format!("the response has the status {code}"));
    }
    let (mut kind, mut charset, mut encoding, mut chunked) = (String::new(), None, String::new(), false);
    for (name, value) in lines.filter_map(field) {
        let value = text(value).to_ascii_lowercase();
        match name.as_str() {
            "content-type" => {
                let label = value.split("charset=").nth(1).map(|rest| rest.trim_matches(['"', '\'', ' ']));
                charset = label.map(|label| label.split(';').next().unwrap_or_default().to_owned());
                kind = value.split(';').next().unwrap_or_default().trim().to_owned();
            }
            "content-encoding" => encoding = value,
            "transfer-encoding" => chunked = value.contains("chunked"),
            _ => {}
        }
    }
    let html = matches!(kind.as_str(), "" | "text/html" | "application/xhtml+xml");
    if !html && kind != "text/plain" {
        return Err(format!("the response is {kind}, not a page"));
    }
    // Many crawlers undo both encodings and keep the header.
    let body = if chunked { unchunk(body).unwrap_or_else(|| body.to_vec()) } else { body.to_vec() };
    let mut plain = Vec::new();
    let mut read = |reader: &mut dyn Read| {
        reader
            .take(MAX_RECORD_BYTES as u64)
            .read_to_end(&mut plain)
            .map_err(|e| format!("the response is damaged ({e})"))
    };
    let packed = match encoding.as_str() {
        "gzip" | "x-gzip" if body.starts_with(&[0x1f, 0x8b]) => {
            read(&mut flate2::read::MultiGzDecoder::new(body.as_slice()))?;
            true
        }
        "deflate" if !body.starts_with(b"<") => {
            if body.first().is_some_and(|byte| byte & 0x0f == 8) {
                read(&mut flate2::read::ZlibDecoder::new(body.as_slice()))?;
            } else {
                read(&mut flate2::read::DeflateDecoder::new(body.as_slice()))?;
            }
            true
        }
        "br" if !body.starts_with(b"<") => {
            read(&mut brotli_decompressor::Decompressor::new(body.as_slice(), 4096))?;
            true
        }
        "zstd" if body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
            let mut decoder = zstd::Decoder::new(body.as_slice()).map_err(|e| e.to_string())?;
            read(&mut decoder)?;
            true
        }
        _ => false,
    };
    Ok(Message { body: if packed { plain } else { body }, charset, html })
}

/// The body of a chunked message; `None` if it is not chunked any more.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(body.len());
    loop {
        let end = memchr::memchr(b'\n', body)?;
        let line = std::str::from_utf8(&body[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        body = &body[end + 1..];
        if size == 0 {
            return Some(plain);
        }
        plain.extend_from_slice(body.get(..size)?);
        body = &body[size..];
        body = body.strip_prefix(b"\r\n").or(body.strip_prefix(b"\n")).unwrap_or(body);
    }
}
