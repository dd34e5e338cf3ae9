//! Class 5c: letters as escapes of JSON or Java that were never decoded (`\u0103`). The escape must be a Romanian letter or a
//! quotation mark or dash, and a letter must touch it: an escape alone (`"\u0103"`) is a text about escapes.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, is_letter, letter};

/// Decodes the escapes of words.
pub(super) fn decode(editor: &mut Editor) {
    let text = editor.text();
    let places: Vec<(usize, char)> = memchr::memmem::find_iter(text.as_bytes(), "\\u")
        .filter(|&at| !text[..at].ends_with('\\'))
        .filter_map(|at| Some((at, escaped(text, at)?)))
        .collect();
    let letters = places.iter().filter(|&&(at, c)| is_letter(c) && touches(text, at)).count();
    // A pattern of characters has ranges or brackets around its escapes (`[a-z\u0103\u00e2]`).
    let pattern = text.contains("[a-z") || text.contains("[A-Z");
    if letters == 0 || pattern {
        return;
    }
    for (at, c) in places {
        if !is_letter(c) || touches(text, at) {
            editor.put(at..at + LENGTH, c, Id::Escape);
        }
    }
}

/// `\u` and four digits.
const LENGTH: usize = 6;

/// The character of the escape at `at`, if Romanian pages have it.
fn escaped(text: &str, at: usize) -> Option<char> {
    let digits = text.get(at + 2..at + LENGTH).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    ("ăâîșțşţĂÂÎȘȚŞŢ„”“’–—…«»".contains(c)).then_some(c)
}

/// Whether a letter of a word, or another escape of one, is beside the escape.
fn touches(text: &str, at: usize) -> bool {
    let end = at + LENGTH;
    let prev = text[..at].len() >= LENGTH
        && text.is_char_boundary(at - LENGTH)
        && text[at - LENGTH..].starts_with("\\u")
        && escaped(text, at - LENGTH).is_some_and(is_letter);
    let before_it = before(text, at).filter(char::is_ascii_alphabetic);
    letter(before_it) && !prev || letter(after(text, end)) || prev && letter(before(text, at - LENGTH))
}
