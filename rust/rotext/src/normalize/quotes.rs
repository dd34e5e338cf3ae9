//! Class 21: a quotation that opens with two commas and closes with two apostrophes or a straight quotation mark
//! (`,,text''`). Both ends are needed, so the empty fields of a table stay.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before};

/// The longest quotation, in bytes.
const LONGEST: usize = 1000;
const CLOSING: [&str; 5] = ["''", "’’", "\"", "”", "“"];

/// Replaces the marks of each whole quotation.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    for at in memchr::memmem::find_iter(text.as_bytes(), ",,") {
        let end = at + 2;
        let opens = before(text, at).is_none_or(|c| c.is_whitespace() || "([—–-„".contains(c))
            && after(text, end).is_some_and(|c| c.is_alphanumeric() || "…„".contains(c));
        if at < editor.done() || !opens {
            continue;
        }
        let Some((close, mark)) = closing(text, end) else { continue };
        editor.put(at..end, '„', Id::CommaQuote);
        editor.put(close..close + mark.len(), '”', Id::CommaQuote);
    }
}

/// The end of the quotation that begins at `start`: the first closing mark after a letter or a sign, before another
/// opening one and before the end of the paragraph.
fn closing(text: &str, start: usize) -> Option<(usize, &'static str)> {
    let mut end = text.len().min(start + LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let body = &text[start..end];
    let body = &body[..body.find("\n\n").unwrap_or(body.len())];
    let body = &body[..body.find(",,").unwrap_or(body.len())];
    let (at, mark) = CLOSING.iter().filter_map(|mark| body.find(mark).map(|i| (start + i, *mark))).min()?;
    let after_word = before(text, at).is_some_and(|c| c.is_alphanumeric() || ".!?…,;)".contains(c));
    let ended = !after(text, at + mark.len()).is_some_and(char::is_alphanumeric);
    (after_word && ended).then_some((at, mark))
}
