//! From characters to words: accents are joined to their letters, spaces are found in the gaps, raised marks are
//! recognized.

use super::accents::compose;
use super::gaps;
use super::letters;
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

/// The words of a page, in the order in which it draws them.
#[must_use]
pub(super) fn words(glyphs: &[Glyph]) -> Vec<Word> {
    let mut glyphs = compose(glyphs);
    fold(&mut glyphs);
    let limits = gaps::limits(&glyphs);
    let mut words: Vec<Word> = Vec::with_capacity(glyphs.len() / 5);
    let mut last: Option<Glyph> = None;
    let mut space = true;
    for (g, limit) in glyphs.into_iter().zip(limits) {
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
            .map_or(Joined::Apart, |(before, word)| joined(&before, &g, word, limit, space));
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

/// Makes the letters of a ligature one character again. PDFium spells it, and its code may mean something else: fonts with
/// the table of the Macintosh show `ț` as the ligature fl. Its font decides that later, with all its words.
fn fold(glyphs: &mut Vec<Glyph>) {
    let place = |g: &Glyph| (g.x0, g.x1, g.y, g.font);
    let (mut kept, mut at) = (0, 0);
    while at < glyphs.len() {
        let mut end = at + 1;
        if glyphs[at].c == 'f' {
            end += glyphs[end..].iter().take(2).take_while(|g| place(g) == place(&glyphs[at])).count();
        }
        let spelled = (end > at + 1).then(|| glyphs[at..end].iter().map(|g| g.c).collect::<String>());
        glyphs[kept] = glyphs[at];
        match spelled.and_then(|letters| letters::ligature(&letters)) {
            Some(c) => (glyphs[kept].c, at) = (c, end),
            None => at += 1,
        }
        kept += 1;
    }
    glyphs.truncate(kept);
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

fn joined(before: &Glyph, g: &Glyph, word: &Word, limit: f32, space: bool) -> Joined {
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
    // The text beside a large initial is no mark: marks are not that small, and not letters.
    if g.em < 0.6 * word.em && g.c.is_alphabetic() && rise > 0.15 * em && !word.raised {
        return Joined::Apart;
    }
    let small = g.em < 0.85 * word.em || word.raised && (g.em - word.em).abs() < 0.1 * word.em;
    if space || gap > limit * em || gap < -0.6 * em.min(before.x1 - before.x0 + 0.5 * em) {
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
