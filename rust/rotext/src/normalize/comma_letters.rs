//! Class 8c: LaTeX sets ș and ț as a letter and a comma, and PDF readers return both (`s,i`, `părint,ii`).
//!
//! A comma without its space looks the same (`a fost,iar`), so the whole must be a word of the lexicon. Two such words
//! in a document show that it is of this kind; then `s,i` and words that are spelled like Romanian are repaired too.

use super::edit::Editor;
use super::lexicon::{bits, known};
use super::places::places;
use super::rules::Id;
use super::words::{REACH, after, before, is_letter, word_around};

/// Repairs the words.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    if !text.contains("s,") && !text.contains("t,") {
        return;
    }
    let mut sure = None;
    let mut last = 0;
    for at in commas(text) {
        if at < last {
            continue;
        }
        let Some((start, end, word)) = word(text, at) else { continue };
        last = end;
        let long = word.chars().count() >= 4;
        let one = long && known(&word) && !known(&text[at + 1..end]) && end - at > 3;
        let fits =
            one || *sure.get_or_insert_with(|| document(text)) && (known(&word) || long && bits(&word) < 4.0);
        if fits {
            replace(editor, start, end);
        }
    }
}

/// The commas after s and t, before a letter or `space + i`.
fn commas(text: &str) -> impl Iterator<Item = usize> + '_ {
    let bytes = text.as_bytes();
    let may_be = |a: u8, b: u8, c: u8| {
        (b == b',') & ((a | 0x20 == b's') | (a | 0x20 == b't')) & ((c >= b'a') | (c == b' '))
    };
    places(bytes, may_be)
        .map(|at| at + 1)
        .filter(|at| !bytes[at + 1..].starts_with(b" ") || bytes[at + 2..].starts_with(b"i"))
}

fn comma_below(c: char) -> Option<char> {
    Some(match c {
        's' => 'ș',
        'S' => 'Ș',
        't' => 'ț',
        'T' => 'Ț',
        _ => return None,
    })
}

/// The word around the comma at `at`: letters, and commas between s or t and a small letter; and what it would be. A
/// single `s, i` has a space after its comma.
fn word(text: &str, at: usize) -> Option<(usize, usize, String)> {
    comma_below(before(text, at)?)?;
    let spaced = text[at..].starts_with(", i") && !before(text, at - 1).is_some_and(char::is_alphanumeric);
    let next = after(text, if spaced { at + 2 } else { at + 1 })?;
    if !is_letter(next) || !next.is_lowercase() {
        return None;
    }
    let inside = |c: char| is_letter(c) || c == ',';
    let (start, mut end) = word_around(text, at, inside);
    if spaced {
        end = at + 3;
        if after(text, end).is_some_and(|c| is_letter(c) || c == '-' || c == ',') {
            return None;
        }
    }
    let raw = text[start..end].trim_end_matches(',');
    end = start + raw.len();
    let mut word = String::with_capacity(raw.len());
    for c in raw.chars().filter(|&c| c != ' ') {
        if c == ',' {
            let good = comma_below(word.pop()?)?;
            word.push(good);
        } else {
            word.push(c);
        }
    }
    let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_@/\\=()[]{}".contains(c));
    let alone = !touches(before(text, start)) && !touches(after(text, end)) || raw.len() > 6;
    (word.len() < REACH && alone).then_some((start, end, word))
}

/// Whether two words of four letters or more are in the lexicon only with their commas as part of the letter.
fn document(text: &str) -> bool {
    let mut found = 0;
    let mut last = 0;
    for at in commas(text) {
        if at < last {
            continue;
        }
        if let Some((_, end, word)) = word(text, at) {
            last = end;
            found += u32::from(word.chars().count() >= 4 && known(&word));
            if found == 2 {
                return true;
            }
        }
    }
    false
}

/// Joins each comma of the word with the letter before it.
fn replace(editor: &mut Editor, start: usize, end: usize) {
    let text = editor.text();
    for (i, _) in text[start..end].match_indices(',') {
        let at = start + i;
        if let Some(good) = before(text, at).and_then(comma_below) {
            let stop = if text[at + 1..end].starts_with(' ') { at + 2 } else { at + 1 };
            editor.put(at - 1..stop, good, Id::CommaLetter);
        }
    }
}
