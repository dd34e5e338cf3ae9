//! Class 8b: documents whose breve is after its letter (`Ga˘sim`, `s˘i`), and those of Scientific WorkPlace, where it is
//! ¼ before its letter (`form¼a`). Both are decided for the document: its places of this kind must outnumber the others.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, function_words, letter};

/// The letter of a base and the accent after it.
fn joined(base: char, accent: char) -> Option<char> {
    Some(match (base, accent) {
        ('a', '˘' | 'ˇ') => 'ă',
        ('A', '˘' | 'ˇ') => 'Ă',
        ('a', 'ˆ') => 'â',
        ('A', 'ˆ') => 'Â',
        ('i' | 'ı', 'ˆ') => 'î',
        ('I', 'ˆ') => 'Î',
        ('s', '˘') => 'ș',
        ('S', '˘') => 'Ș',
        ('t', '˘') => 'ț',
        ('T', '˘') => 'Ț',
        _ => return None,
    })
}

/// Repairs the document if it is of one of the two kinds. Says whether it did.
pub(super) fn repair(editor: &mut Editor) -> bool {
    let text = editor.text();
    let breves = behind(text);
    let quarters = quarters(text);
    let romanian = || function_words(text, 1) == 1;
    if breves && romanian() {
        for (at, accent) in text.match_indices(['˘', 'ˇ', 'ˆ']) {
            let base = before(text, at).zip(accent.chars().next());
            if let Some((base, good)) = base.and_then(|(base, c)| Some((base, joined(base, c)?))) {
                editor.put(at - base.len_utf8()..at + accent.len(), good, Id::SpacingAccent);
            }
        }
        return true;
    }
    if quarters && romanian() {
        for (at, sign) in text.match_indices('¼').filter(|&(at, _)| letter(before(text, at))) {
            let end = at + sign.len();
            match after(text, end) {
                Some('a') => editor.put(at..end + 1, 'ă', Id::SpacingAccent),
                Some('A') => editor.put(at..end + 1, 'Ă', Id::SpacingAccent),
                _ => {}
            }
        }
        return true;
    }
    false
}

/// Whether more breves have their letter before them than after them, and two places cannot be read otherwise.
fn behind(text: &str) -> bool {
    let (mut left, mut right) = (0, 0);
    for (at, accent) in text.match_indices(['˘', 'ˇ', 'ˆ']) {
        let next = after(text, at + accent.len());
        let fits_left =
            before(text, at).zip(accent.chars().next()).is_some_and(|(b, c)| joined(b, c).is_some());
        let fits_right = next.is_some_and(|c| matches!(c, 'a' | 'A' | 'i' | 'I' | 'ı'));
        left += u32::from(fits_left && !fits_right);
        right += u32::from(fits_right && !fits_left);
    }
    left >= 2 && left > 2 * right
}

/// Whether two places are ¼ inside a word before an a.
fn quarters(text: &str) -> bool {
    let inside =
        |at: &usize| letter(before(text, *at)) && matches!(after(text, at + '¼'.len_utf8()), Some('a' | 'A'));
    text.match_indices('¼').map(|(at, _)| at).filter(inside).take(2).count() == 2
}
