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
        // While the result is an ampersand, it may begin the next layer: `&amp;icirc;`. `= &amp;sum;` is the address of a variable.
        while let Some((c, len)) = body(&text[at..]) {
            if last.is_some() && address(text, start, &text[at..at + len - 1]) {
                break;
            }
            at += len;
            last = Some(c);
            if c != '&' {
                break;
            }
        }
        let name = text[start + 1..at].trim_end_matches(';');
        let stays = || mentioned(text, start, at) || address(text, start, name);
        if let Some(c) = last.filter(|c| !(stays() || *c == '&' && in_source(text, start, at))) {
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

/// Whether the `&amp;` at `start..end` is in the source of a page: in a link between straight quotation marks, in a line with a tag or
/// with code. A text that was escaped as a whole has no tags and no straight quotation marks left, but `&lt;` and `&quot;`.
fn in_source(text: &str, start: usize, end: usize) -> bool {
    const REACH: usize = 400;
    let head = &text[..start];
    let head = &head[head.rfind('\n').map_or(0, |at| at + 1)..];
    let tail = text[end..].lines().next().unwrap_or_default();
    let parameter = head.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tail.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && head.contains(['=', '?']);
    if !parameter
        || head.len() > REACH
        || [head, tail].iter().any(|part| part.contains("&lt;") || part.contains("&quot;"))
    {
        return false;
    }
    let quoted = ['"', '\''].iter().any(|quote| {
        let opened = head.matches(*quote).count() % 2 == 1;
        opened && tail.contains(*quote)
    });
    let code = ["=\"", "='", "= \"", "= '", "(\"", "('"].iter().any(|sign| head.contains(sign));
    quoted && code
}

/// Whether `&num;` is the address of a variable: a named sign that is not a letter stands after an operator or a word of C. `name`:
/// without its `&` and its semicolon.
fn address(text: &str, start: usize, name: &str) -> bool {
    const WORDS: &[&str] = &["return", "sizeof", "const", "auto", "int", "char", "void", "case"];
    const VARIABLES: &[&str] = &[
        "num", "sum", "int", "prop", "sub", "sup", "cap", "cup", "and", "or", "ni", "image", "real", "lang",
        "rang", "part", "exist", "deg", "micro", "para", "sect", "copy", "reg", "not", "period", "comma",
        "excl", "quest", "colon", "semi", "equals", "plus", "ast", "sol",
    ];
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
