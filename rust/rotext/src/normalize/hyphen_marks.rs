//! Class 6: signs that mark a place where a word may be broken: the soft hyphen, ¬ (FineReader), U+FFFE and U+0002 (PDFium).
//!
//! They draw nothing, so they go. But fonts and old code pages use the soft hyphen for the real hyphen of a clitic
//! (`n·a`, `să·i`) and for a dash. A group that cannot be one word gets its hyphen. A group that can (`mi·e`, `mie`) gets it
//! when no other word of the document has the sign.

use super::clitics::hyphened;
use super::edit::Editor;
use super::lexicon::{known, plausible};
use super::line_ends::gap;
use super::rules::Id;
use super::words::{after, before, letter, word_after, word_before};

/// What the document says about its soft hyphens, counted at the first question.
#[derive(Default)]
pub(super) struct Vote(Option<bool>);

impl Vote {
    /// Removes a soft hyphen, or puts the hyphen or dash that it stands for.
    pub(super) fn soft_hyphen(&mut self, editor: &mut Editor, at: usize, end: usize) {
        let text = editor.text();
        let space = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\n' | '\u{A0}'));
        let (prev, next) = (before(text, at), after(text, end));
        if letter(prev)
            && let Some(rest) = continues(text, end)
        {
            let with = if self.is_hyphen(text, at, rest) { "-" } else { "" };
            editor.replace(at..rest, with, Id::SoftHyphen);
        } else if space(prev)
            && next == Some(' ')
            && text[end..].trim_start_matches(' ').starts_with(char::is_alphanumeric)
        {
            editor.put(at..end, '–', Id::SoftHyphen);
        } else if letter(prev) && letter(next) && self.is_hyphen(text, at, end) {
            editor.put(at..end, '-', Id::SoftHyphen);
        } else {
            editor.replace(at..end, "", Id::SoftHyphen);
        }
    }

    fn is_hyphen(&mut self, text: &str, at: usize, end: usize) -> bool {
        let (left, right) = (word_before(text, at), word_after(text, end));
        // `Cluj-Napoca`, `n-era`: no word is broken before a capital or after one consonant.
        if starts_name(left, right) || elided(left, right) {
            return true;
        }
        match hyphened(text, at, end) {
            Some(true) => true,
            Some(false) => {
                let whole = format!("{}{}", word_before(text, at), word_after(text, end));
                !known(&whole) || *self.0.get_or_insert_with(|| only_groups(text))
            }
            None => false,
        }
    }

    /// Removes ¬ inside a word. A sign of logic (`p ¬ q`, `¬p`) stays.
    pub(super) fn not_sign(&mut self, editor: &mut Editor, at: usize, end: usize) {
        let text = editor.text();
        let rest = continues(text, end).unwrap_or(end);
        let (left, right) = (word_before(text, at), word_after(text, rest));
        let small = right.chars().next().is_some_and(char::is_lowercase);
        if left.chars().count() < 2 && hyphened(text, at, rest) != Some(true) || !small {
            return;
        }
        let hyphen = hyphened(text, at, rest) == Some(true);
        // Parts that hold another sign are no words yet, so letters on both sides are enough there.
        let more = |c: Option<char>| c == Some('¬');
        let parts = more(before(text, at - left.len())) || more(after(text, rest + right.len()));
        if hyphen || parts || right.chars().count() >= 2 && plausible(&format!("{left}{right}")) {
            editor.replace(at..rest, if hyphen { "-" } else { "" }, Id::SoftHyphen);
        }
    }

    /// The mark of a hyphen at a line end. Before a line end it is a hyphen again, which the rule of line ends reads.
    pub(super) fn line_end(&mut self, editor: &mut Editor, at: usize, end: usize) {
        let text = editor.text();
        let (prev, next) = (before(text, at), after(text, end));
        let rule = if end - at == 1 { Id::Control } else { Id::SoftHyphen };
        if letter(prev) && continues(text, end).is_some()
            || letter(prev) && letter(next) && self.is_hyphen(text, at, end)
        {
            editor.put(at..end, '-', rule);
        } else {
            editor.replace(at..end, "", rule);
        }
    }
}

/// Two names that a hyphen joins. A word in capitals is one word.
fn starts_name(left: &str, right: &str) -> bool {
    left.ends_with(char::is_lowercase) && right.starts_with(char::is_uppercase)
}

/// A consonant that has lost its vowel before a verb (`n-era`, `n-are`, `l-aș`).
fn elided(left: &str, right: &str) -> bool {
    let consonant =
        matches!(left, "n" | "N" | "l" | "L" | "m" | "M" | "s" | "S" | "v" | "V" | "c" | "C" | "d" | "D");
    consonant && right.starts_with(['a', 'e', 'o', 'i', 'u']) && known(right)
}

/// The start of the next line, if one begins at `end` with a small letter.
fn continues(text: &str, end: usize) -> Option<usize> {
    let next = end + gap(text, end)?;
    after(text, next).filter(|c| letter(Some(*c)) && c.is_lowercase()).map(|_| next)
}

/// Whether every soft hyphen between letters is in a group.
fn only_groups(text: &str) -> bool {
    text.match_indices('\u{AD}').all(|(at, sign)| {
        let end = at + sign.len();
        !letter(before(text, at)) || !letter(after(text, end)) || hyphened(text, at, end).is_some()
    })
}
