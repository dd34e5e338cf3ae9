//! Classes 6, 7 and 20: ligatures become letters, and invisible characters are removed.

use super::code_pages::WESTERN;
use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, letter};
use super::{hyphen_marks, private_use};

/// Removes invisible characters and replaces ligatures.
pub(super) fn clean(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    // MacRoman shows ă ș ț Ț as æ ø ﬂ ﬁ. In a text with many æ and ø, ﬁ and ﬂ are evidence of that and not ligatures.
    let mut mac_roman = None;
    let mut hyphen_marks = hyphen_marks::Vote::default();
    let mut at = 0;
    while let Some(n) = bytes[at..].iter().position(|&b| {
        b < 0x20 && !matches!(b, b'\t' | b'\n' | 12)
            || matches!(b, 0x7F | 0xC2 | 0xE2 | 0xEE | 0xEF | 0xF3 | 0xF4)
    }) {
        at += n;
        let Some(c) = after(text, at) else { break };
        let end = at + c.len_utf8();
        match c {
            'ﬀ'..='ﬄ' if !*mac_roman.get_or_insert_with(|| text.matches(['æ', 'ø']).take(3).count() == 3) =>
            {
                let letters = ["ff", "fi", "fl", "ffi", "ffl"][c as usize - 'ﬀ' as usize];
                editor.replace(at..end, letters, Id::Ligature);
            }
            '\u{AD}' => hyphen_marks.soft_hyphen(editor, at, end),
            '¬' => hyphen_marks.not_sign(editor, at, end),
            '\u{2}' | '\u{FFFE}' => hyphen_marks.line_end(editor, at, end),
            '\u{200B}' if glues(text, at, end) => editor.put(at..end, ' ', Id::ZeroWidth),
            '\u{FEFF}' | '\u{200B}' | '\u{2060}'..='\u{2064}' => editor.replace(at..end, "", Id::ZeroWidth),
            '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}'
                if !needs_joiner(text, at, end, c) =>
            {
                editor.replace(at..end, "", Id::ZeroWidth);
            }
            // The separators of Unicode and of old line ends.
            '\u{2028}' | '\u{2029}' => editor.put(at..end, '\n', Id::Control),
            '\r' => {
                let end = if bytes.get(end) == Some(&b'\n') { end + 1 } else { end };
                editor.put(at..end, '\n', Id::Control);
                at = end;
                continue;
            }
            '\u{80}'..='\u{9F}' => c1(editor, at, end, c),
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\u{C}') => {
                editor.replace(at..end, "", Id::Control)
            }
            '\u{E000}'..='\u{F8FF}' | '\u{F0000}'.. => {
                at = private_use::repair(editor, at);
                continue;
            }
            _ => {}
        }
        at = end;
    }
}

/// Whether the zero-width space is the only gap between two sentences.
fn glues(text: &str, at: usize, end: usize) -> bool {
    before(text, at).is_some_and(|c| ".!?…;:”".contains(c))
        && after(text, end).is_some_and(|c| c.is_uppercase() || "„«".contains(c))
}

/// Joiners are parts of emoji and of Arabic and Indic scripts. Direction marks belong to scripts that are written from
/// right to left. In other places both are noise.
fn needs_joiner(text: &str, at: usize, end: usize, c: char) -> bool {
    let (prev, next) = (before(text, at), after(text, end));
    let complex = |c: Option<char>| {
        c.is_some_and(
            |c| matches!(c, '\u{590}'..='\u{10FF}' | '\u{1780}'..='\u{18AF}' | '\u{FB1D}'..='\u{FEFC}'),
        )
    };
    let emoji = |c: Option<char>| {
        c.is_some_and(|c| matches!(c, '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}' | '\u{E0020}'..='\u{E007F}'))
    };
    match c {
        '\u{200D}' => emoji(prev) && emoji(next) || complex(prev) || complex(next),
        _ => complex(prev) || complex(next),
    }
}

/// Controls of Latin-1 are characters of cp1252: its quotation marks, dashes and letters (HTML standard, 13.2.5.80).
fn c1(editor: &mut Editor, at: usize, end: usize, c: char) {
    let meant = WESTERN[c as usize - 0x80];
    if c == '\u{85}' || !meant.is_control() && !letter(Some(meant)) && !matches!(meant, 'ˆ' | '˜') {
        editor.put(at..end, meant, Id::Control);
    } else {
        editor.replace(at..end, "", Id::Control);
    }
}
