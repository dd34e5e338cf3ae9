//! Class 17, hard hyphens, and what the rules about hyphens share: [`super::clitics`] for groups that a space or a dash
//! separates, [`super::line_ends`] for words that a line end separates.

use memchr::memmem;

use super::edit::Editor;
use super::places::places;
use super::rules::Id;
use super::words::{after, fold, is_letter, word_around};
use super::{clitics, line_ends};

/// Class 17: U+2010 and U+2011 look like U+002D, and Romanian is written with U+002D.
pub(super) fn soften(editor: &mut Editor) {
    let text = editor.text();
    for at in memmem::find_iter(text.as_bytes(), &[0xE2, 0x80]) {
        if matches!(after(text, at), Some('\u{2010}' | '\u{2011}')) {
            editor.replace(at..at + 3, "-", Id::HardHyphen);
        }
    }
}

/// Classes 18 and 16: a hyphen with a space beside it, or at the end of a line.
pub(super) fn join(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let mut words = line_ends::Words::default();
    let may_be = |a: u8, b: u8, _| {
        (a == b'-') & ((b == b' ') | (b == b'\n') | (b == b'\t')) | (a == b' ') & (b == b'-')
    };
    // A hyphen between two spaces is found twice.
    let mut next = 0;
    for place in places(bytes, may_be) {
        let at = if bytes[place] == b'-' { place } else { place + 1 };
        if at < next {
            continue;
        }
        next = at + 1;
        let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\n' | b'\t'));
        if blank(bytes.get(at + 1)) && line_ends::ends_line(text, at + 1) {
            line_ends::join(editor, at, &mut words);
        } else if (blank(bytes.get(at + 1)) || at > 0 && bytes[at - 1] == b' ') && !clitics::join(editor, at)
        {
            line_ends::flattened(editor, at, &mut words);
        }
    }
}

/// The word in lower case with modern letters, as in the lists.
pub(super) fn folded(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).map(fold).collect()
}

pub(super) fn is_number(word: &str) -> bool {
    !word.is_empty()
        && (word.bytes().all(|b| b.is_ascii_digit())
            || word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X' | b'L' | b'C' | b'M')))
}

/// The token that ends at `at`: letters, or digits.
pub(super) fn token_before(text: &str, at: usize) -> &str {
    let (start, _) = word_around(&text[..at], at, |c| is_letter(c) || c.is_ascii_digit());
    &text[start..at]
}

/// One-letter and elided words that occur only before a hyphen (`s-a`, `l-au`, `într-un`).
pub(crate) const HOSTS: &[&str] = &[
    "s", "l", "m", "n", "i", "v", "c", "d", "p", "mi", "ți", "și", "ne", "le", "te", "se", "vă", "ce", "de",
    "nu", "să", "că", "dacă", "ca", "cine", "care", "unde", "cum", "când", "cînd", "până", "pînă", "după",
    "pe", "într", "intr", "dintr", "printr", "a", "la", "fără", "prea", "așa", "ia", "mai", "ni", "li", "vi",
    "ți",
];
