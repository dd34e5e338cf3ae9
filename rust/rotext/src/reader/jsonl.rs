//! Parses whole JSONL lines into documents.
//!
//! sonic-rs walks and validates an object once. Only the text and the id are unescaped.

use sonic_rs::{JsonValueTrait, LazyValue};

use super::reject_empty;
use super::source::Source;
use crate::document::{Batch, Document, Reason, Record, Reject};
use crate::reader::Fields;

pub(super) fn parse(bytes: Vec<u8>, first_line: u64, source: &Source, fields: &Fields) -> Batch {
    let mut batch = Batch::default();
    let valid = simdutf8::basic::from_utf8(&bytes).is_ok();
    let mut start = 0;
    let mut number = first_line;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
        let mut line = &bytes[start..end];
        start = end + 1;
        number += 1;
        if number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let result = if valid {
            // SAFETY: `bytes` is valid UTF-8 and a line is cut at ASCII bytes.
            record(unsafe { std::str::from_utf8_unchecked(line) }, number, source, fields)
        } else {
            match simdutf8::compat::from_utf8(line) {
                Ok(line) => record(line, number, source, fields),
                Err(e) => Err(Defect {
                    reason: Reason::InvalidUtf8,
                    byte: Some(e.valid_up_to() as u64),
                    what: "invalid UTF-8".into(),
                }),
            }
        };
        match result {
            Ok(document) if document.text.trim().is_empty() => {
                batch.rejects.push(reject_empty(number, line.to_vec()));
            }
            Ok(document) => batch.documents.push(document),
            Err(Defect { reason, byte, what }) => {
                batch.rejects.push(Reject { line: number, byte, reason, what, raw: line.to_vec() });
            }
        }
    }
    batch
}

struct Defect {
    reason: Reason,
    byte: Option<u64>,
    what: String,
}

impl Defect {
    fn new(reason: Reason, what: impl Into<String>) -> Self {
        Self { reason, byte: None, what: what.into() }
    }
}

/// sonic-rs validates nested values by recursion: some 15,000 brackets overflow the stack of a thread.
const MOST_LEVELS: usize = 1024;

/// The first bracket that is too deep. A line with few brackets, as nearly all are, costs one search.
fn too_deep(line: &[u8]) -> Option<usize> {
    memchr::memchr2_iter(b'[', b'{', line).nth(MOST_LEVELS)?;
    let (mut depth, mut quoted, mut at) = (0, false, 0);
    while let Some(&byte) = line.get(at) {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > MOST_LEVELS {
                    return Some(at);
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Parses one record. The last of several equal keys counts, as in Python's `json`.
fn record(line: &str, number: u64, source: &Source, fields: &Fields) -> Result<Document, Defect> {
    if let Some(byte) = too_deep(line.as_bytes()) {
        let what = format!("the JSON is nested more than {MOST_LEVELS} levels deep");
        return Err(Defect { reason: Reason::BrokenJson, byte: Some(byte as u64), what });
    }
    if !line.starts_with('{') {
        let what = "the line is not a JSON object";
        let json = sonic_rs::from_str::<sonic_rs::Value>(line).is_ok();
        return Err(Defect::new(if json { Reason::NotAnObject } else { Reason::BrokenJson }, what));
    }
    let id_field = fields.id.as_deref().unwrap_or("id");
    let (mut text, mut id) = (None, None);
    let mut end = 1;
    for entry in sonic_rs::to_object_iter(line) {
        let (key, value) = entry.map_err(|e| Defect {
            reason: Reason::BrokenJson,
            byte: Some(e.offset().min(line.len()) as u64),
            what: "broken JSON".into(),
        })?;
        end = span(line, &value).end;
        if key == fields.text {
            text = Some(value);
        } else if key == id_field {
            id = Some(value);
        }
    }
    // The iterator stops at the closing brace; nothing may follow it.
    let tail = line[end..].trim_start();
    if tail.strip_prefix('}').is_none_or(|rest| !rest.is_empty()) {
        return Err(Defect {
            reason: Reason::BrokenJson,
            byte: Some((line.len() - tail.len() + 1).min(line.len()) as u64),
            what: "broken JSON: text after the object".into(),
        });
    }
    let Some(value) = text else {
        return Err(missing(line, &fields.text));
    };
    if !value.is_str() {
        let what = format!("field `{}` is {}, not a string", fields.text, kind(&value));
        return Err(Defect::new(Reason::WrongType, what));
    }
    let range = span(line, &value);
    let broken = || Defect {
        reason: Reason::BrokenJson,
        byte: Some(range.start as u64),
        what: format!("field `{}` holds a broken escape", fields.text),
    };
    let decoded = value.as_str().ok_or_else(broken)?.to_owned();
    let id = match id {
        Some(value) if value.is_str() => value.as_str().unwrap_or_default().to_owned(),
        Some(value) if value.is_number() => value.as_raw_str().to_owned(),
        _ if fields.id.is_some() => return Err(missing(line, id_field)),
        _ => source.generated_id(number),
    };
    let record = fields.keep_record.then(|| Record { raw: line.to_owned(), text: range.clone() });
    Ok(Document { id, text: decoded, line: number, record })
}

/// The fields of the first line that is an object, and the types of their values.
pub(super) fn columns(bytes: &[u8]) -> Vec<(String, String)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut objects = lines.map(str::trim).filter(|line| line.starts_with('{'));
    let entries = objects.next().map(sonic_rs::to_object_iter);
    let good = entries.into_iter().flatten().filter_map(std::result::Result::ok);
    good.map(|(name, value)| (name.to_string(), kind(&value).to_owned())).collect()
}

/// The place of the raw value in its line.
fn span(line: &str, value: &LazyValue<'_>) -> std::ops::Range<usize> {
    let raw = value.as_raw_str();
    let start = raw.as_ptr() as usize - line.as_ptr() as usize;
    start..start + raw.len()
}

fn missing(line: &str, field: &str) -> Defect {
    let names: Vec<String> =
        sonic_rs::to_object_iter(line).filter_map(|e| e.ok().map(|(k, _)| k.to_string())).take(20).collect();
    let there = if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) };
    Defect::new(Reason::MissingField, format!("no field `{field}`{there}"))
}

fn kind(value: &LazyValue<'_>) -> &'static str {
    match value.as_raw_str().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
