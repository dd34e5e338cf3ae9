//! Class 24: sentences without the space between them (`de ieri.Antrenorul a plecat`): scrapers join paragraphs so.
//!
//! Host names, files, versions and code have dots too. So the word before the stop is in small letters, the word after it
//! begins with a capital, both are spelled like Romanian, prose is on both sides, and nothing of code is near.

use super::edit::Editor;
use super::lexicon::{bits, known};
use super::places::places;
use super::rules::Id;
use super::words::{REACH, after, before, is_letter, word_after, word_before};

/// Puts the spaces.
pub(super) fn part(editor: &mut Editor) {
    let text = editor.text();
    let may_be = |stop: u8, capital: u8, _| {
        ((stop == b'.') | (stop == b'!') | (stop == b'?'))
            & (capital.is_ascii_uppercase() | (capital >= 0xC3))
    };
    for at in places(text.as_bytes(), may_be) {
        let next = after(text, at + 1);
        if next.is_some_and(|c| is_letter(c) && c.is_uppercase()) && sentences(text, at) {
            editor.replace(at + 1..at + 1, " ", Id::GluedSentence);
        }
    }
}

/// Whether the stop at `at` ends a sentence and another one begins.
fn sentences(text: &str, at: usize) -> bool {
    const SHORT: &[&str] = &[
        "El", "Ea", "Ei", "Eu", "Nu", "Și", "Un", "La", "În", "Am", "Au", "De", "Ce", "Cu", "Pe", "Se", "Că",
        "Ne", "Iar", "Dar", "Din",
    ];
    let (left, right) = (word_before(text, at), word_after(text, at + 1));
    let end = at + 1 + right.len();
    let start = at - left.len();
    let letters = |word: &str| word.chars().count();
    let small = left.chars().all(char::is_lowercase) && letters(left) >= 3 && left.chars().all(romanian);
    let named = right.chars().skip(1).all(char::is_lowercase) && right.chars().all(romanian);
    if !small || !named {
        return false;
    }
    // Prose on both sides: a space, or a mark of a sentence. Hosts, paths and calls go on with signs.
    let begun =
        before(text, start).is_some_and(|c| matches!(c, ' ' | '\n' | '-' | '„' | '”' | '(' | '\u{A0}'));
    let rest = text[end..].trim_start_matches([',', '-']);
    let ended = rest.starts_with(char::is_whitespace)
        || rest.len() < text[end..].len() && rest.starts_with(is_letter);
    let left_known = known(left) || letters(left) >= 5 && bits(left) < 3.9;
    let right_known = SHORT.contains(&right)
        || letters(right) >= 3 && (known(right) || letters(right) >= 4 && bits(right) < 4.0);
    begun && ended && left_known && right_known && !code(text, at)
}

fn romanian(c: char) -> bool {
    c.is_ascii_alphabetic() || "ăâîșțşţĂÂÎȘȚŞŢ".contains(c)
}

/// Whether signs of code, of an address or of a file are near.
fn code(text: &str, at: usize) -> bool {
    let sign = |c: char| "{}<>=;\\/@_#*`|$".contains(c);
    let line = |c: &char| *c != '\n';
    text[..at].chars().rev().take(REACH).take_while(line).any(sign)
        || text[at + 1..].chars().take(REACH).take_while(line).any(sign)
        || text[at..].chars().take(REACH).collect::<String>().contains("()")
}
