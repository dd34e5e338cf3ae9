//! Parses whole lines of JSON objects into documents.
//!
//! sonic-rs walks and validates an object once. Only the text and the id are unescaped. What it does not accept is scanned again
//! by [`json`](super::json), which repairs what Python's `json` reads too.

use std::borrow::Cow;
use std::ops::Range;

use super::source::Source;
use super::{Fields, json, reject_empty};
use crate::document::{Batch, Document, Note, Reason, Record, Reject};
use crate::fault::trip;

const BOM: &str = "\u{feff}";

pub(super) fn parse(bytes: &[u8], first_line: u64, source: &Source, fields: &Fields) -> Batch {
    let mut batch = Batch::default();
    let valid = simdutf8::basic::from_utf8(bytes).is_ok();
    let mut start = 0;
    let mut number = first_line;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
        let mut line = &bytes[start..end];
        start = end + 1;
        number += 1;
        // A byte order mark stands at the start of a file, and inside after `cat`.
        while let Some(rest) = line.strip_prefix(BOM.as_bytes()) {
            line = rest;
        }
        // JSON text sequences (RFC 7464) begin each record with a record separator.
        let line = line.trim_ascii_start();
        let line = line.strip_prefix(b"\x1e").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        let text = if valid {
            // SAFETY: `bytes` is valid UTF-8 and a line is cut at ASCII bytes.
            Ok(unsafe { std::str::from_utf8_unchecked(line) })
        } else {
            simdutf8::compat::from_utf8(line)
        };
        match text {
            Ok(text) => parse_line(text, number, source, fields, &mut batch),
            Err(e) => {
                let (byte, raw) = (Some(e.valid_up_to() as u64), line.to_vec());
                let (reason, what) = (Reason::InvalidUtf8, "invalid UTF-8".into());
                batch.rejects.push(Reject { line: number, byte, reason, what, raw });
            }
        }
    }
    batch
}

/// The records of a line: one, or several without a line end between them.
fn parse_line(line: &str, number: u64, source: &Source, fields: &Fields, batch: &mut Batch) {
    trip("parse", line);
    let mut rest = line;
    let mut place = Place { line: number, record: 1 };
    loop {
        let before = batch.notes.len();
        let (result, end) = match record(rest, place, source, fields, batch) {
            Ok((result, end)) => (result, end),
            // What is no JSON has no end.
            Err(defect) => (Err(defect), rest.len()),
        };
        let between = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
        let next = rest[end..].trim_start_matches(between);
        // The elements of an array without its brackets.
        let next = match next.strip_prefix(',').map(|next| next.trim_start_matches(between)) {
            Some(next) if result.is_ok() && (next.is_empty() || next.starts_with('{')) => next,
            _ => next,
        };
        let result = match result {
            // Anything but an object behind an object means that the line is broken.
            Ok(_) if !next.is_empty() && !next.starts_with('{') => Err(Defect {
                reason: Reason::BrokenJson,
                byte: Some((rest.len() - next.len()) as u64),
                what: "broken JSON: text after the object".into(),
            }),
            result => result,
        };
        let offset = (line.len() - rest.len()) as u64;
        let whole = next.is_empty() || !next.starts_with('{');
        let raw = if whole { rest } else { rest[..end].trim_end() };
        match result {
            Ok(document) if document.text.trim().is_empty() => {
                batch.notes.truncate(before);
                batch.rejects.push(reject_empty(number, raw.as_bytes().to_vec()));
            }
            Ok(document) => batch.documents.push(document),
            Err(Defect { reason, byte, what }) => {
                batch.notes.truncate(before);
                let byte = byte.map(|byte| byte + offset);
                let raw = raw.as_bytes().to_vec();
                batch.rejects.push(Reject { line: number, byte, reason, what, raw });
            }
        }
        if whole {
            return;
        }
        rest = next;
        place.record += 1;
    }
}

/// Where a record is: its line, and its number on the line.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    record: u64,
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

    fn broken(byte: usize) -> Self {
        Self { reason: Reason::BrokenJson, byte: Some(byte as u64), what: "broken JSON".into() }
    }
}

/// Above this many brackets a record may be nested so deep that sonic-rs, which calls itself for each level, overflows the stack.
const MOST_BRACKETS: usize = 1024;

/// The places of text and id in an object, each with its quotes.
#[derive(Default)]
struct Found {
    text: Option<Range<usize>>,
    id: Option<Range<usize>>,
    /// The byte after the object.
    end: usize,
}

/// The record at the start of `line`, good or bad, and the byte after it. `Err`: it is no JSON.
///
/// The last of several equal keys counts, as in Python's `json`.
#[allow(clippy::type_complexity)]
fn record(
    line: &str,
    place: Place,
    source: &Source,
    fields: &Fields,
    batch: &mut Batch,
) -> Result<(Result<Document, Defect>, usize), Defect> {
    let id_field = fields.id.as_deref().unwrap_or("id");
    let deep = memchr::memchr2_iter(b'[', b'{', line.as_bytes()).nth(MOST_BRACKETS).is_some();
    if !deep
        && let Some(found) = fast(line, &fields.text, id_field)
        && let Ok(document) = document(Cow::Borrowed(line), &found, place, source, fields)
    {
        return Ok((document, found.end));
    }
    let scan = json::scan(line).map_err(Defect::broken)?;
    if !line.starts_with('{') {
        let rest = line[scan.end..].trim_start();
        let what = "the line is not a JSON object";
        let reason = if rest.is_empty() { Reason::NotAnObject } else { Reason::BrokenJson };
        return Ok((Err(Defect::new(reason, what)), line.len()));
    }
    let end = scan.end;
    let counts = [("not-a-number", scan.not_numbers.len()), ("lone-surrogate", scan.lone_surrogates.len())];
    let (strict, scan) = if counts.iter().all(|(_, count)| *count == 0) {
        (Cow::Borrowed(line), scan)
    } else {
        let strict = json::repaired(&line[..end], &scan);
        let scan = json::scan(&strict).map_err(Defect::broken)?;
        (Cow::Owned(strict), scan)
    };
    let mut found = Found { end: scan.end, ..Found::default() };
    for (key, value) in scan.fields {
        let key = unescape(&strict[key]).unwrap_or_default();
        if key == fields.text {
            found.text = Some(value);
        } else if key == id_field {
            found.id = Some(value);
        }
    }
    let document = document(strict, &found, place, source, fields)?;
    if let Ok(document) = &document {
        for (rule, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let (id, value) = (document.id.clone(), Some(count as f64));
            batch.notes.push(Note { id, line: place.line, rule: rule.into(), value });
        }
    }
    Ok((document, end))
}

/// Walks an object with sonic-rs. `None`: it does not accept the object, or it did not look at an escape that is not right.
fn fast(line: &str, text_field: &str, id_field: &str) -> Option<Found> {
    if !line.starts_with('{') {
        return None;
    }
    let mut found = Found { end: 1, ..Found::default() };
    for entry in sonic_rs::to_object_iter(line) {
        let (key, value) = entry.ok()?;
        let raw = value.as_raw_str();
        let start = raw.as_ptr() as usize - line.as_ptr() as usize;
        let range = start..start + raw.len();
        found.end = range.end;
        if key == text_field {
            found.text = Some(range);
        } else {
            if key == id_field {
                found.id = Some(range);
            }
            // It walks over these values without a look at their escapes.
            if memchr::memchr(b'\\', raw.as_bytes()).is_some() {
                let scan = json::scan(raw).ok()?;
                if !scan.lone_surrogates.is_empty() {
                    return None;
                }
            }
        }
    }
    // The iterator stops at the closing brace.
    let tail = line[found.end..].trim_start();
    found.end = line.len() - tail.strip_prefix('}')?.len();
    Some(found)
}

/// The document of an object. The outer `Err` is an escape that cannot be decoded.
fn document(
    line: Cow<'_, str>,
    found: &Found,
    place: Place,
    source: &Source,
    fields: &Fields,
) -> Result<Result<Document, Defect>, Defect> {
    let inside = |name: &str| nested(&line[..found.end], name);
    let Some(range) = found.text.clone().or_else(|| inside(&fields.text)) else {
        return Ok(Err(missing(&line[..found.end], &fields.text)));
    };
    let value = &line[range.clone()];
    if !value.starts_with('"') {
        let what = format!("field `{}` is {}, not a string", fields.text, kind(value));
        return Ok(Err(Defect::new(Reason::WrongType, what)));
    }
    let text = unescape(value).ok_or_else(|| Defect::broken(range.start))?.into_owned();
    let mut named_by_place = false;
    let id = found.id.clone().or_else(|| fields.id.as_deref().and_then(inside));
    let id = match id.map(|range| &line[range]) {
        Some(value) if value.starts_with('"') => unescape(value).unwrap_or_default().into_owned(),
        Some(value) if kind(value) == "a number" => value.to_owned(),
        _ => match &fields.id {
            Some(name) => return Ok(Err(missing(&line[..found.end], name))),
            None => {
                named_by_place = true;
                let id = source.generated_id(place.line);
                if place.record > 1 { format!("{id}:{}", place.record) } else { id }
            }
        },
    };
    let record = fields.keep_record.then(|| {
        let mut raw = line.into_owned();
        raw.truncate(found.end);
        Record { raw, text: range }
    });
    Ok(Ok(Document { id, named_by_place, text, line: place.line, record }))
}

/// The place of the field `translation.ro`: the field `ro` of the object in the field `translation`.
fn nested(object: &str, name: &str) -> Option<Range<usize>> {
    let (outer, inner) = name.split_once('.')?;
    let scan = json::scan(object).ok()?;
    let named =
        |key: &Range<usize>, name: &str| unescape(&object[key.clone()]).is_some_and(|key| key == name);
    let (_, value) = scan.fields.into_iter().rev().find(|(key, _)| named(key, outer))?;
    let within = &object[value.clone()];
    if !within.starts_with('{') {
        return None;
    }
    let fields = json::scan(within).ok()?.fields.into_iter().rev();
    let key_is = |key: &Range<usize>| unescape(&within[key.clone()]).is_some_and(|key| key == inner);
    let own = fields.into_iter().find(|(key, _)| key_is(key)).map(|(_, range)| range);
    let found = own.or_else(|| nested(within, inner))?;
    Some(value.start + found.start..value.start + found.end)
}

/// The text of a string literal. `None`: an escape is broken.
fn unescape(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    sonic_rs::from_str(literal).ok().map(Cow::Owned)
}

/// The fields of the first record, and the types of their values.
pub(super) fn columns(bytes: &[u8]) -> Vec<(String, String)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut objects =
        lines.map(|line| line.trim_start_matches('\u{feff}').trim()).filter(|l| l.starts_with('{'));
    let Some(line) = objects.next() else { return Vec::new() };
    let Ok(scan) = json::scan(line) else { return Vec::new() };
    let name = |key: Range<usize>| unescape(&line[key]).unwrap_or_default().into_owned();
    scan.fields.into_iter().map(|(key, value)| (name(key), kind(&line[value]).to_owned())).collect()
}

fn missing(object: &str, field: &str) -> Defect {
    let fields = json::scan(object).map(|scan| scan.fields).unwrap_or_default();
    let names: Vec<String> = fields
        .into_iter()
        .filter_map(|(key, _)| Some(unescape(&object[key])?.into_owned()))
        .take(20)
        .collect();
    let there = if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) };
    Defect::new(Reason::MissingField, format!("no field `{field}`{there}"))
}

fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
