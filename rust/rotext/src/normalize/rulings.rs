//! Class 25: rows of ruling signs. A tokenizer learns each length of them as a token.
//!
//! A line of eight or more equal signs (`====`, `____`) becomes three, which draws the same in every markup. A
//! long run of `─` before or after a title becomes three too. A line of a frame (`┌──┐`) goes, and the bars of its rows become
//! tabs. Trees of folders (`├── src`) have words in their lines and stay, and so do tables of `+`, `-` and `|`.

use memchr::{memchr, memrchr};

use super::edit::Editor;
use super::places::places;
use super::rules::Id;

/// A shorter line costs one or two tokens, and may be markup that counts its signs.
const LONG: usize = 8;

/// Repairs line by line. Only lines with three equal signs or a sign of a frame are read, and the lines after a frame.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let may_be = |a: u8, b: u8, c: u8| {
        let sign = (a == b'=') | (a == b'_') | (a == b'-') | (a == b'*') | (a == b'~');
        sign & (a == b) & (b == c) | (a == 0xE2) & ((b == 0x94) | (b == 0x95))
    };
    let mut candidates = places(bytes, may_be);
    let mut start = 0;
    // The line above is part of a frame.
    let mut frame = false;
    while start <= text.len() {
        if !frame {
            let Some(at) = candidates.from(start) else { return };
            start += memrchr(b'\n', &bytes[start..at]).map_or(0, |i| i + 1);
        }
        let end = memchr(b'\n', &bytes[start..]).map_or(text.len(), |i| start + i);
        let line = &text[start..end];
        let body = line.trim();
        if is_rule(body) {
            let from = start + (line.len() - line.trim_start().len());
            editor.replace(from..from + body.len(), &body[..3], Id::Ruling);
        } else if let Some(short) = titled(body) {
            let from = start + (line.len() - line.trim_start().len());
            editor.replace(from..from + body.len(), &short, Id::Ruling);
            frame = false;
        } else if is_border(body) {
            let (mut from, mut to) = (start, (end + 1).min(text.len()));
            if to == end && from > editor.done() && from > 0 {
                (from, to) = (from - 1, end);
            }
            editor.replace(from..to, "", Id::Ruling);
            frame = true;
        } else if frame && is_row(body) {
            let cells: Vec<&str> = body.trim_matches(bar).split(bar).map(str::trim).collect();
            editor.replace(start..end, &cells.join("\t"), Id::Ruling);
        } else {
            frame = false;
        }
        start = end + 1;
    }
}

/// A line of one sign. Eight dashes may be a line of a conflict or of front matter when words follow in the same line.
fn is_rule(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() >= LONG
        && matches!(bytes[0], b'=' | b'_' | b'-' | b'*' | b'~')
        && bytes.iter().all(|b| *b == bytes[0])
}

/// A title in its ruling line (`──────── Note`), with three signs for each long run. The corners of frames and the branches of
/// trees are at the outer end of their lines, so these stay.
fn titled(line: &str) -> Option<String> {
    let sign = |c: char| matches!(c, '─' | '━' | '═');
    if !(line.starts_with(sign) || line.ends_with(sign)) || !line.contains(char::is_alphabetic) {
        return None;
    }
    let mut short = String::with_capacity(line.len());
    let (mut last, mut run) = (None, 0);
    let mut held = String::new();
    for c in line.chars().chain(['\0']) {
        if Some(c) != last {
            short.push_str(if run >= LONG { &held[..3 * held.len() / run] } else { &held });
            held.clear();
            (last, run) = (Some(c).filter(|c| sign(*c)), 0);
        }
        held.push(c);
        run += usize::from(sign(c));
    }
    (short.len() < line.len()).then_some(short)
}

fn bar(c: char) -> bool {
    matches!(c, '│' | '┃' | '║')
}

/// A line of a frame: at least four signs for lines, and corners, crossings and spaces.
fn is_border(line: &str) -> bool {
    let rules = line.chars().filter(|c| matches!(c, '─' | '━' | '═' | '╌' | '┄')).count();
    rules >= 4 && line.chars().all(|c| matches!(c, '\u{2500}'..='\u{257F}' | ' '))
}

/// A row of a frame: a bar at both ends.
fn is_row(line: &str) -> bool {
    line.starts_with(bar) && line.ends_with(bar) && line.chars().nth(1).is_some()
}
