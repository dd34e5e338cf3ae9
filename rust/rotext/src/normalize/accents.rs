//! Class 8: LaTeX with OT1 fonts draws an accent and a letter as two signs, and PDF readers return two characters:
//! `Mult¸imi ¸si funct¸ii`, `S˘a se arate c˘a`, `ˆınt¸elegem`.
//!
//! Breve, circumflex and caron are before their letter. The cedilla is after t. It is before or after s, and this differs
//! between documents, so the document votes. In a document that is clearly of this kind, a space or a line break may be
//! between accent and letter. Charts of characters (`88 ˆ ACCENT CIRCUMFLEX`) are left alone.

use memchr::memchr2_iter;

use super::accents_after;
use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, function_words, is_letter, letter};

/// The accents of the document: C2 B8, CB 86, CB 87, CB 98.
fn accents(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    memchr2_iter(0xC2, 0xCB, text.as_bytes())
        .filter_map(|at| after(text, at).map(|c| (at, c)))
        .filter(|&(_, c)| matches!(c, '¸' | 'ˆ' | 'ˇ' | '˘'))
}

/// The letter of `accent` and `base`; the cedilla has a rule of its own.
fn joined(accent: char, base: char) -> Option<char> {
    Some(match (accent, base) {
        ('˘' | 'ˇ', 'a') => 'ă',
        ('˘' | 'ˇ', 'A') => 'Ă',
        ('ˆ', 'a') => 'â',
        ('ˆ', 'A') => 'Â',
        ('ˆ', 'i' | 'ı') => 'î',
        ('ˆ', 'I') => 'Î',
        _ => return None,
    })
}

fn comma_below(base: char) -> Option<char> {
    Some(match base {
        's' => 'ș',
        'S' => 'Ș',
        't' => 'ț',
        'T' => 'Ț',
        _ => return None,
    })
}

fn is_s(c: char) -> bool {
    matches!(c, 's' | 'S')
}

/// What the document shows about its accents.
struct Vote {
    /// Accents that touch a word: evidence of this kind of document.
    hits: u32,
    s_before: bool,
    t_before: bool,
    /// Accents have a space before them (`num ˘ar`) more often than not (`num˘ar`).
    apart: bool,
    /// A cedilla touches a t inside a word, which happens in no other language.
    with_t: bool,
}

fn vote(text: &str) -> Vote {
    let (mut hits, mut s, mut t, mut apart, mut with_t) = (0u32, 0i32, 0i32, 0i32, false);
    for (at, accent) in accents(text) {
        let end = at + accent.len_utf8();
        let (prev, next) = (before(text, at), after(text, end));
        if accent != '¸' {
            let Some(base) = next.filter(|&base| joined(accent, base).is_some()) else { continue };
            let after_base = after(text, end + base.len_utf8());
            apart += match prev {
                Some(' ' | '\n') if letter(before(text, at - 1)) => 1,
                c if letter(c) => -1,
                _ => 0,
            };
            let after_cedilla = prev == Some('¸') || prev == Some(' ') && before(text, at - 1) == Some('¸');
            hits += u32::from(
                letter(prev) || letter(after_base) || matches!(after_base, Some('¸' | '˘')) || after_cedilla,
            );
            continue;
        }
        let left = prev.filter(|&c| comma_below(c).is_some());
        let right = next.filter(|&c| comma_below(c).is_some());
        let wordy = match (left, right) {
            (Some(base), None) => {
                *if is_s(base) { &mut s } else { &mut t } -= 1;
                letter(next) || letter(before(text, at - 1)) || next.is_some_and(joined_mark)
            }
            (None, Some(base)) => {
                *if is_s(base) { &mut s } else { &mut t } += 1;
                letter(prev) || letter(after(text, end + 1)) || after(text, end + 1).is_some_and(joined_mark)
            }
            (Some(_), Some(_)) => true,
            (None, None) => false,
        };
        hits += u32::from(wordy);
        with_t |= wordy && left.or(right).is_some_and(|c| !is_s(c));
    }
    Vote { hits, s_before: s > 0, t_before: t > 0, apart: apart > 0, with_t }
}

fn joined_mark(c: char) -> bool {
    matches!(c, 'ˆ' | 'ˇ' | '˘' | '¸')
}

/// Joins the accents to their letters.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    if accents_after::repair(editor) {
        return;
    }
    let vote = vote(text);
    if vote.hits == 0 {
        return;
    }
    // A single caron or cedilla may be Czech or Turkish; breve and circumflex on a and i are Romanian.
    let romanian = vote.hits >= 2 || vote.with_t || function_words(text, 1) >= 1;
    let loose = vote.hits >= 3;
    for (at, accent) in accents(text) {
        let end = at + accent.len_utf8();
        if at < editor.done() || !romanian && matches!(accent, '¸' | 'ˇ') {
            continue;
        }
        if accent == '¸' {
            cedilla(editor, at, end, &vote, loose);
        } else {
            above(editor, at, end, accent, &vote, loose);
        }
    }
}

/// The byte after exactly one space or line break at `at`.
fn skip_one(text: &str, at: usize) -> Option<usize> {
    let c = after(text, at).filter(|c| matches!(c, ' ' | '\n' | '\u{A0}'))?;
    Some(at + c.len_utf8())
}

fn above(editor: &mut Editor, at: usize, end: usize, accent: char, vote: &Vote, loose: bool) {
    let text = editor.text();
    let mut base_at = end;
    let mut base = after(text, end).filter(|&c| joined(accent, c).is_some());
    if base.is_none() && loose {
        // `ˆ ın`: a space between accent and letter. A capital after the space is more likely the next word.
        if let Some(next) = skip_one(text, end) {
            base = after(text, next).filter(|&c| c.is_lowercase() && joined(accent, c).is_some());
            base_at = next;
        }
    }
    let Some(base) = base else { return };
    let base_end = base_at + base.len_utf8();
    let Some(good) = joined(accent, base) else { return };
    let mut start = at;
    if loose && (vote.apart || after_cedilla(text, at)) && continues(text, at, accent, base_at) {
        start = at - 1;
    }
    // ˆa alone is an estimator of statistics.
    if start == at
        && accent == 'ˆ'
        && matches!(base, 'a' | 'A')
        && !letter(before(text, at))
        && !letter(after(text, base_end))
    {
        return;
    }
    editor.put(start.max(editor.done())..base_end, good, Id::SpacingAccent);
}

/// Whether one space separates the accent at `at` from a cedilla (`t¸ ˘a`).
fn after_cedilla(text: &str, at: usize) -> bool {
    matches!(before(text, at), Some(' ' | '\n')) && before(text, at - 1) == Some('¸')
}

/// Whether the one space or line break before the accent at `at` is inside a word (`num ˘ar`, `DEPENDENT¸ ˘A`). No
/// Romanian word begins with â, and few begin with ă.
fn continues(text: &str, at: usize, accent: char, base_at: usize) -> bool {
    const INITIAL: &[&str] =
        &["asta", "astea", "ala", "alea", "aia", "al", "ast", "astia", "ai", "as", "aluia", "astuia"];
    let prev = before(text, at);
    if !matches!(prev, Some(' ' | '\n')) || !letter(before(text, at - 1)) && before(text, at - 1) != Some('¸')
    {
        return false;
    }
    // The word without its accents: `a¸stia` is `astia`.
    let word: String = text[base_at..]
        .chars()
        .take_while(|&c| is_letter(c) || joined_mark(c))
        .take(16)
        .filter(|&c| !joined_mark(c))
        .flat_map(char::to_lowercase)
        .collect();
    match accent {
        '˘' | 'ˇ' => !INITIAL.contains(&word.as_str()),
        'ˆ' => word.starts_with('a') && word.len() > 1,
        _ => false,
    }
}

fn cedilla(editor: &mut Editor, at: usize, end: usize, vote: &Vote, loose: bool) {
    let text = editor.text();
    let left = before(text, at).filter(|&c| comma_below(c).is_some() && at > editor.done());
    let mut right_at = end;
    let mut right = after(text, end).filter(|&c| comma_below(c).is_some());
    if left.is_none()
        && right.is_none()
        && loose
        && (vote.s_before || vote.t_before)
        && let Some(next) = skip_one(text, end)
    {
        right = after(text, next).filter(|&c| c.is_lowercase() && comma_below(c).is_some());
        right_at = next;
    }
    let take_left = match (left, right) {
        (None, None) => return,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        // `s¸t` is șt: Romanian has no sț.
        (Some(l), Some(r)) if is_s(l) && !is_s(r) => true,
        (Some(l), Some(r)) if !is_s(l) && is_s(r) => !vote.t_before || !vote.s_before,
        (Some(l), Some(_)) => !(if is_s(l) { vote.s_before } else { vote.t_before }),
    };
    if take_left {
        let Some(good) = left.and_then(comma_below) else { return };
        // `t¸ ˘a`: the space is an effect of the accents, unless a word with ă follows (`ăsta`).
        let mut stop = end;
        if let Some(next) = skip_one(text, end) {
            let mark = after(text, next);
            if matches!(mark, Some('˘' | 'ˇ')) && continues(text, next, '˘', next + '˘'.len_utf8()) {
                stop = next;
            }
        }
        editor.put(at - 1..stop, good, Id::SpacingAccent);
    } else if let Some(good) = right.and_then(comma_below) {
        editor.put(at..right_at + 1, good, Id::SpacingAccent);
    }
}
