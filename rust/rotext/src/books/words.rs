//! From characters to words: accents are joined to their letters, spaces are found in the gaps, raised marks are
//! recognized.
//!
//! TeX sets words without space characters, and its OT1 fonts draw `ș` as an `s` and a separate `¸` (in a third of the
//! Romanian course notes on the web). In the text alone, some of these cannot be repaired (`num ˘ar`, `t¸ ˘a`). On the
//! page they can, because the accent is over or under its letter. So accents are joined here, by their place.

use super::pdfium::Glyph;

/// A run of characters of one font without a space in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Its characters.
    pub text: String,
    /// Left end, in points.
    pub x0: f32,
    /// Right end.
    pub x1: f32,
    /// Baseline, y upwards; for a raised word the baseline of its line.
    pub y: f32,
    /// Size of the font.
    pub em: f32,
    /// Number of the font.
    pub font: u16,
    /// No space is before it: it continues the word before.
    pub glued: bool,
    /// Small and above the line: a mark that points to a footnote, or an exponent.
    pub raised: bool,
}

/// Gaps narrower than this share of an em are kerning. TeX shrinks a word space to 0.22 em at most.
const SPACE: f32 = 0.16;
/// On a page that draws its spaces, a gap without one must be wider to count.
const SPACE_BESIDE_DRAWN: f32 = 0.30;

/// The words of a page, in the order in which it draws them.
#[must_use]
pub(super) fn words(glyphs: &[Glyph]) -> Vec<Word> {
    let glyphs = compose(glyphs);
    let spaces = glyphs.iter().filter(|g| is_space(g.c)).count();
    let threshold = if spaces * 20 > glyphs.len() { SPACE_BESIDE_DRAWN } else { SPACE };
    let mut words: Vec<Word> = Vec::with_capacity(glyphs.len() / 5);
    let mut last: Option<Glyph> = None;
    let mut space = true;
    for g in glyphs {
        if is_space(g.c) {
            space = true;
            continue;
        }
        if g.c.is_control() && g.x1 - g.x0 < 0.01 {
            continue;
        }
        // A mark at the start of a line is small and raised, and its line continues below it: `¹Notă`.
        if let (Some(before), Some(word), false) = (last, words.last_mut(), space)
            && word.em < 0.85 * g.em
            && (0.1..0.8).contains(&((before.y - g.y) / g.em))
            && (-0.1..0.35).contains(&((g.x0 - word.x1) / g.em))
            && !word.glued
        {
            (word.raised, word.y) = (true, g.y);
        }
        let joined = last
            .zip(words.last())
            .map_or(Joined::Apart, |(before, word)| joined(&before, &g, word, threshold, space));
        match (joined, words.last_mut()) {
            (Joined::Same, Some(word)) => {
                word.text.push(g.c);
                word.x1 = word.x1.max(g.x1);
            }
            (joined, word) => {
                let glued = matches!(joined, Joined::Glued | Joined::Raised);
                let raised = matches!(joined, Joined::Raised);
                let y = if matches!(joined, Joined::Apart) { g.y } else { word.map_or(g.y, |word| word.y) };
                let mut text = String::with_capacity(12);
                text.push(g.c);
                words.push(Word { text, x0: g.x0, x1: g.x1, y, em: g.em, font: g.font, glued, raised });
            }
        }
        last = Some(g);
        space = false;
    }
    // TeX without an opening quotation mark draws two commas.
    for word in words.iter_mut().filter(|word| word.text.contains(",,")) {
        let opens = |at: usize| word.text[at + 2..].chars().next().is_none_or(char::is_alphabetic);
        let places: Vec<usize> =
            word.text.match_indices(",,").map(|(at, _)| at).filter(|at| opens(*at)).collect();
        for at in places.into_iter().rev() {
            word.text.replace_range(at..at + 2, "„");
        }
    }
    words
}

/// How a character follows the one before.
#[derive(Clone, Copy)]
enum Joined {
    /// In the same word.
    Same,
    /// Without a space, but in another font or size.
    Glued,
    /// Without a space, small and above the line.
    Raised,
    /// After a space, or in another place.
    Apart,
}

fn joined(before: &Glyph, g: &Glyph, word: &Word, threshold: f32, space: bool) -> Joined {
    let em = before.em.max(g.em);
    let gap = g.x0 - before.x1;
    let rise = g.y - word.y;
    // PDFium returns the letters of a ligature one by one, all with the same place.
    if (g.x0 - before.x0).abs() < 0.01 * em && g.y == before.y && g.font == before.font && !space {
        return Joined::Same;
    }
    // The text after a mark that begins its line.
    if word.raised
        && !word.glued
        && word.em < 0.85 * g.em
        && (word.y - g.y).abs() < 0.01 * em
        && gap < 0.35 * em
    {
        return Joined::Glued;
    }
    let small = g.em < 0.85 * word.em || word.raised && (g.em - word.em).abs() < 0.1 * word.em;
    if space || gap > threshold * em || gap < -0.6 * em.min(before.x1 - before.x0 + 0.5 * em) {
        // A mark after a small space is still a mark (`cuvânt ¹`), so it stays on its line.
        return Joined::Apart;
    }
    if small && rise > 0.15 * em && rise < 0.8 * em {
        let same = word.raised && word.font == g.font && (before.y - g.y).abs() < 0.1 * em;
        return if same { Joined::Same } else { Joined::Raised };
    }
    if rise.abs() > 0.2 * em {
        return if rise.abs() < 0.5 * em && small { Joined::Glued } else { Joined::Apart };
    }
    let same = word.font == g.font && !word.raised && (g.em - word.em).abs() < 0.1 * em;
    if same { Joined::Same } else { Joined::Glued }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{A0}' | '\u{2000}'..='\u{200B}' | '\u{202F}' | '\u{3000}')
}

/// The letter that an accent and a base make. Only letters of Romanian text, and of names in it.
fn accented(accent: char, base: char) -> Option<char> {
    const TABLE: &[(&str, &str, &str)] = &[
        ("˘\u{306}", "aAeEiIuUgG", "ăĂĕĔĭĬŭŬğĞ"),
        ("ˇ\u{30C}", "aAcCsSzZeErRnN", "ăĂčČšŠžŽěĚřŘňŇ"),
        ("ˆ^\u{302}", "aAiIıeEoOuU", "âÂîÎîêÊôÔûÛ"),
        ("¸\u{327}\u{326}", "sStTcC", "șȘțȚçÇ"),
        ("´\u{301}", "aAeEiIıoOuUcCnN", "áÁéÉíÍíóÓúÚćĆńŃ"),
        ("`\u{300}", "aAeEiIıoOuU", "àÀèÈìÌìòÒùÙ"),
        ("¨\u{308}", "aAeEiIıoOuU", "äÄëËïÏïöÖüÜ"),
        ("˜~\u{303}", "nNaAoO", "ñÑãÃõÕ"),
    ];
    let (_, bases, composed) = TABLE.iter().find(|(accents, ..)| accents.contains(accent))?;
    let index = bases.chars().position(|c| c == base)?;
    composed.chars().nth(index)
}

fn is_accent(c: char) -> bool {
    matches!(c, '˘' | 'ˇ' | 'ˆ' | '^' | '¸' | '´' | '`' | '¨' | '˜' | '~' | '\u{300}'..='\u{327}')
}

/// Joins accents that are drawn as separate characters to the letter over or under which they are.
///
/// The letter is at most two characters away in drawing order (TeX draws the accent first, then moves back), and the
/// middle of the accent's ink is within its width. A comma is an accent when it is under an s or a t.
fn compose(glyphs: &[Glyph]) -> Vec<Glyph> {
    let mut out: Vec<Glyph> = glyphs.to_vec();
    if !glyphs.iter().any(|g| is_accent(g.c) || g.c == ',') {
        return out;
    }
    let mut gone = vec![false; out.len()];
    for at in 0..glyphs.len() {
        let accent = glyphs[at];
        if !is_accent(accent.c) && accent.c != ',' {
            continue;
        }
        let middle = f32::midpoint(accent.ink[0], accent.ink[1]);
        // The next character is more likely than the one before: `¸s`, `˘a`.
        for distance in [1isize, -1, 2, -2] {
            let Some(index) = at.checked_add_signed(distance).filter(|index| *index < glyphs.len()) else {
                continue;
            };
            let base = out[index];
            let name = if accent.c == ',' { '¸' } else { accent.c };
            let under = accent.c != ',' || matches!(base.c, 's' | 'S' | 't' | 'T');
            let Some(good) = accented(name, base.c).filter(|_| under && !gone[index]) else { continue };
            // A comma after a letter begins where the letter ends; a comma below does not.
            let slack = if accent.c == ',' { 0.0 } else { 0.08 * base.em };
            let over = middle > base.ink[0] - slack && middle < base.ink[1] + slack;
            if over && (base.y - accent.y).abs() < 1.2 * base.em {
                out[index].c = good;
                gone[at] = true;
                break;
            }
        }
    }
    let mut gone = gone.into_iter();
    out.retain(|_| !gone.next().unwrap_or(false));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Characters of 10 points on one line: (character, pen before, pen after).
    fn line(marks: &[(char, f32, f32)]) -> Vec<Glyph> {
        let glyph =
            |&(c, x0, x1): &(char, f32, f32)| Glyph { c, x0, x1, y: 100.0, ink: [x0, x1], em: 10.0, font: 0 };
        marks.iter().map(glyph).collect()
    }

    fn texts(glyphs: &[Glyph]) -> Vec<String> {
        words(glyphs).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn accents_join_the_letter_they_stand_on() {
        let drawn = line(&[
            ('c', 0., 4.),
            ('˘', 4., 9.),
            ('a', 4., 9.),
            ('s', 13., 17.),
            ('¸', 13., 17.),
            ('i', 17., 20.),
        ]);
        assert_eq!(texts(&drawn), ["că", "și"]);
        let below = line(&[('s', 0., 4.), (',', 1., 3.), ('i', 4., 7.), (',', 7., 9.)]);
        assert_eq!(texts(&below), ["și,"]);
        let after = line(&[('t', 0., 4.), (',', 4., 6.)]);
        assert_eq!(texts(&after), ["t,"]);
        let alone = line(&[('^', 0., 5.), ('a', 5., 10.)]);
        assert_eq!(texts(&alone), ["^a"]);
    }

    #[test]
    fn spaces_are_gaps() {
        let drawn = line(&[('a', 0., 5.), ('b', 5.5, 10.), ('c', 12.5, 17.)]);
        assert_eq!(texts(&drawn), ["ab", "c"]);
    }

    #[test]
    fn raised_marks_stay_on_their_line() {
        let mut drawn = line(&[('a', 0., 5.), ('1', 5., 8.), ('b', 12., 17.)]);
        (drawn[1].y, drawn[1].em) = (103.5, 7.0);
        let words = words(&drawn);
        assert!(words[1].raised && words[1].glued && words[1].y == 100.0);
        assert!(!words[2].raised && words[2].y == 100.0);
    }
}
