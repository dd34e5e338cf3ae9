//! Class 20: characters of the private use area. Fonts of symbols put their signs at U+F020 to U+F0FF, and Adobe's Symbol its
//! pieces of brackets at U+F8E5 to U+F8FE.
//!
//! A bullet at the start of a line and a piece of a bracket alone in its line go. Inside a line a sign that Adobe's Symbol
//! has becomes that sign (Adobe, *Symbol encoding to Unicode*). Everything else stays: between letters it is a letter of
//! a font that nobody can read without the font.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, word_after, word_before};

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..)
}

/// A sign of a symbol font.
fn is_symbol(c: char) -> bool {
    matches!(c, '\u{F020}'..='\u{F0FF}' | '\u{F8E5}'..='\u{F8FE}')
}

/// Repairs the run of private characters at `at`. Returns the end of the part that was read.
pub(super) fn repair(editor: &mut Editor, at: usize) -> usize {
    let text = editor.text();
    let run = text[at..].find(|c| !is_private(c)).map_or(text.len(), |n| at + n);
    if !text[at..run].chars().all(is_symbol) {
        return run;
    }
    let blank = [' ', '\t', '\u{A0}'];
    let head = text[..at].trim_end_matches(blank);
    let tail = text[run..].trim_start_matches(blank);
    let begins = head.is_empty() || head.ends_with('\n');
    let ends = tail.is_empty() || tail.starts_with('\n');
    let rest = text.len() - tail.len();
    if begins && ends {
        let rest = if tail.is_empty() { rest } else { rest + 1 };
        editor.replace(head.len().max(editor.done())..rest, "", Id::PrivateUse);
        return rest;
    }
    let single = text[at..run].chars().nth(1).is_none();
    if begins && single && rest > run && bullet(text, at) {
        editor.replace(at..rest, "", Id::PrivateUse);
        return rest;
    }
    // Between letters, or beside a word of two letters, it is a letter. A variable of a formula has one (`∀y`).
    let (left, right) = (word_before(text, at), word_after(text, run));
    let word = |word: &str| word.chars().nth(1).is_some();
    if !left.is_empty() && !right.is_empty() || word(left) || word(right) {
        return run;
    }
    for (i, c) in text[at..run].char_indices() {
        if let Some(good) = meant(c) {
            editor.put(at + i..at + i + c.len_utf8(), good, Id::PrivateUse);
        }
    }
    run
}

/// Whether the sign is drawn as a bullet: of Symbol, or of Wingdings (squares, arrows, check marks).
fn bullet(text: &str, at: usize) -> bool {
    matches!(
        after(text, at),
        Some(
            '\u{F0B7}'
                | '\u{F0A7}'
                | '\u{F0A8}'
                | '\u{F0D8}'
                | '\u{F0FC}'
                | '\u{F076}'
                | '\u{F06E}'
                | '\u{F0D2}'
                | '\u{F097}'
                | '\u{F02D}'
                | '\u{F0E8}'
                | '\u{F0F0}'
                | '\u{F0FE}'
                | '\u{F06C}'
                | '\u{F071}'
                | '\u{F09F}'
        )
    )
}

/// The sign of Adobe's Symbol at U+F000 and its code. A space stands for codes that look like ASCII (digits, marks, capitals
/// of Greek that are Latin too): other fonts have other signs there, and nothing tells which font it was.
fn meant(c: char) -> Option<char> {
    const FROM_20: &str = "  ∀ ∃  ∋  ∗+ −              <=> ";
    const FROM_40: &str = "≅   Δ ΦΓ  ϑ Λ   ΠΘ Σ  ςΩΞΨ  ∴ ⊥ ";
    const FROM_60: &str = " αβχδεφγηιϕκλμνοπθρστυϖωξψζ   ∼";
    const FROM_A1: &str =
        "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓ 〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭";
    const PIECES: &str = "‾⏐⎯®©™⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪⎮⎞⎟⎠⎤⎥⎦⎫⎬⎭";
    let (table, first) = match c {
        '\u{F020}'..='\u{F03F}' => (FROM_20, 0xF020),
        '\u{F040}'..='\u{F05F}' => (FROM_40, 0xF040),
        '\u{F060}'..='\u{F07E}' => (FROM_60, 0xF060),
        '\u{F0A1}'..='\u{F0FE}' => (FROM_A1, 0xF0A1),
        '\u{F8E5}'..='\u{F8FE}' => (PIECES, 0xF8E5),
        _ => return None,
    };
    table.chars().nth(c as usize - first).filter(|&good| good != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_symbol_are_at_their_places() {
        for (code, sign) in [
            (0x22, '∀'),
            (0x24, '∃'),
            (0x2B, '+'),
            (0x2D, '−'),
            (0x3D, '='),
            (0x3E, '>'),
            (0x40, '≅'),
            (0x44, 'Δ'),
            (0x53, 'Σ'),
            (0x57, 'Ω'),
            (0x5E, '⊥'),
            (0x61, 'α'),
            (0x70, 'π'),
            (0x7A, 'ζ'),
            (0x7E, '∼'),
            (0xA3, '≤'),
            (0xAE, '→'),
            (0xB3, '≥'),
            (0xCE, '∈'),
            (0xE5, '∑'),
            (0xF2, '∫'),
        ] {
            assert_eq!(char::from_u32(0xF000 + code).and_then(meant), Some(sign), "{code:x}");
        }
        assert_eq!(meant('\u{F03A}'), None);
        assert_eq!(meant('\u{F8F4}'), Some('⎪'));
    }
}
