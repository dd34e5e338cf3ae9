//! Class 26: words in the styled letters of mathematics (`𝐎𝐟𝐞𝐫𝐭𝐚`), which posts use as bold and italic. A formula has single
//! letters of them (`𝑥 + 𝑦`), so only words that are spelled like Romanian or have four letters are repaired.

use super::edit::Editor;
use super::lexicon::plausible;
use super::rules::Id;

/// The letter or digit without its style (Unicode block Mathematical Alphanumeric Symbols).
fn plain(c: char) -> Option<char> {
    let code = c as u32;
    let (first, letters): (u32, &[u8]) = match code {
        0x1D400..=0x1D6A3 => (0x1D400, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        0x1D7CE..=0x1D7FF => (0x1D7CE, b"0123456789"),
        _ => return None,
    };
    Some(char::from(letters[(code - first) as usize % letters.len()]))
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

/// Repairs the words.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let mut at = 0;
    while let Some(start) = memchr::memmem::find(&text.as_bytes()[at..], &[0xF0, 0x9D]).map(|n| at + n) {
        let (mut word, mut letters, mut digits) = (String::new(), 0, 0);
        at = start;
        for c in text[start..].chars() {
            match plain(c) {
                Some(good) => {
                    letters += u32::from(good.is_ascii_alphabetic());
                    digits += u32::from(good.is_ascii_digit());
                    word.push(good);
                }
                None if is_mark(c) && !word.is_empty() => word.push(c),
                None => break,
            }
            at += c.len_utf8();
        }
        if at == start {
            at += text[start..].chars().next().map_or(1, char::len_utf8);
        } else if letters >= 4 || digits >= 2 && letters == 0 || letters >= 2 && plausible(&word) {
            editor.replace(start..at, &word, Id::Styled);
        }
    }
}
