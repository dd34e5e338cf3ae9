//! Class 5: HTML entities left in the text (`&icirc;`, `&#259;`, `&#x219;`, `&shy;`).
//!
//! Only complete entities, with their semicolon, are decoded: `?a=1&copy=2` is a link. An entity that was escaped again
//! (`&amp;icirc;`) is decoded through all layers, so a second run finds nothing.

use memchr::memchr_iter;

use super::code_pages::WESTERN;
use super::edit::Editor;
use super::entity_names::{LONGEST, lookup};
use super::rules::Id;
use super::words::{after, before, word_before};

/// Decodes all entities.
pub(super) fn decode(editor: &mut Editor) {
    let text = editor.text();
    for start in memchr_iter(b'&', text.as_bytes()) {
        if start < editor.done() {
            continue;
        }
        let mut at = start + 1;
        let mut last = None;
        // While the result is an ampersand, it may begin the next layer.
        while let Some((c, len)) = body(&text[at..]) {
            at += len;
            last = Some(c);
            if c != '&' {
                break;
            }
        }
        if let Some(c) = last.filter(|_| !mentioned(text, start, at) && !address(text, start, at)) {
            editor.put(start..at, c, Id::Entity);
        }
    }
}

/// Whether the entity at `start..end` is alone between quotation marks or in code. Then the text is about the entity.
fn mentioned(text: &str, start: usize, end: usize) -> bool {
    const QUOTES: &str = "\"'`„“”‘’«»‹›";
    let quote = |c: Option<char>| c.is_some_and(|c| QUOTES.contains(c));
    quote(before(text, start)) && quote(after(text, end))
}

/// Whether `&num;` is the address of a variable: a named sign that is not a letter stands after an operator or a word of C.
fn address(text: &str, start: usize, end: usize) -> bool {
    const WORDS: &[&str] = &["return", "sizeof", "const", "auto", "int", "char", "void", "case"];
    const VARIABLES: &[&str] = &[
        "num", "sum", "int", "prop", "sub", "sup", "cap", "cup", "and", "or", "ni", "image", "real", "lang",
        "rang", "part", "exist", "deg", "micro", "para", "sect", "copy", "reg", "not", "period", "comma",
        "excl", "quest", "colon", "semi", "equals", "plus", "ast", "sol",
    ];
    let name = text[start..end].trim_start_matches('&').trim_end_matches(';');
    if !VARIABLES.contains(&name) {
        return false;
    }
    let head = text[..start].strip_suffix(' ').unwrap_or(&text[..start]);
    let word = word_before(head, head.len());
    WORDS.contains(&word) || head.ends_with(['=', '(', ',', '*', '{'])
}

/// The character of an entity whose `&` was just read, and the number of bytes up to and including its semicolon.
fn body(rest: &str) -> Option<(char, usize)> {
    let window = &rest.as_bytes()[..rest.len().min(LONGEST.max(9) + 1)];
    let end = window.iter().position(|&b| b == b';')?;
    let name = &rest[..end];
    let c = match name.strip_prefix('#') {
        Some(number) => numeric(number)?,
        None => lookup(name)?,
    };
    Some((c, end + 1))
}

/// `&#537;`, `&#x219;`. 0x80 to 0x9F mean cp1252, as in every browser (HTML standard, section 13.2.5.80). A number that
/// is not a character of text (NUL, controls, surrogates, non-characters) is not decoded, so nothing is lost.
fn numeric(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
        None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    match char::from_u32(code)? {
        c @ ('\t' | '\n' | ' '..='~') => Some(c),
        '\r' => Some('\n'),
        '\0'..='\u{1F}' | '\u{7F}' | '\u{FFFE}' | '\u{FFFF}' => None,
        '\u{80}'..='\u{9F}' => Some(WESTERN[code as usize - 0x80]).filter(|c| !c.is_control()),
        c => Some(c),
    }
}
