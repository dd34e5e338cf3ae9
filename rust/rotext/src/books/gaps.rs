//! Which gaps between characters are word spaces.
//!
//! No single width is right. Times has a space of 0.25 em, a justified line may shrink it to 0.1 em, and a heading may set
//! its letters 0.2 em apart. But within one line the spaces are nearly equal, and so are the gaps inside its words. So
//! the limit is found for each line, from its own gaps.

use super::pdfium::Glyph;
use super::words::is_space;

/// The limit, in em, of a line that says nothing about itself: kerning is narrower. TeX shrinks a word space to 0.22 em.
const SPACE: f32 = 0.16;
/// On a line that draws its spaces, a gap of this share of them is a space too.
const SHARE: f32 = 0.6;
/// That limit, at least and at most. A gap of 0.2 em is a space even in a stretched line: the run after it may be set
/// without stretching.
const BESIDE_DRAWN: (f32, f32) = (0.1, 0.2);
/// Wider gaps, in em, are columns and tabs. They say nothing about word spaces.
const COLUMN: f32 = 1.5;
/// Fewer gaps say nothing about a line.
const ENOUGH: usize = 6;

/// Characters on one baseline, drawn one after the other.
struct Stretch {
    end: usize,
    /// Gaps in which no space is drawn, in em, sorted.
    open: Vec<f32>,
    /// Gaps with a drawn space, in em, sorted.
    drawn: Vec<f32>,
    /// How many of the open gaps are between two letters.
    letters: usize,
}

/// For each character, the width in em from which the gap before it is a word space.
pub(super) fn limits(glyphs: &[Glyph]) -> Vec<f32> {
    let stretches = stretches(glyphs);
    let spaces = glyphs.iter().filter(|g| is_space(g.c)).count();
    let mut widths: Vec<f32> = stretches
        .iter()
        .flat_map(|stretch| stretch.drawn.iter().map(|gap| gap - stretch.tracking()))
        .collect();
    widths.sort_by(f32::total_cmp);
    let usual = widths.get(widths.len() / 2).copied().filter(|_| spaces * 20 > glyphs.len());
    let mut limits = Vec::with_capacity(glyphs.len());
    for stretch in &stretches {
        limits.resize(stretch.end, stretch.limit(usual));
    }
    limits
}

fn stretches(glyphs: &[Glyph]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut last: Option<Glyph> = None;
    let mut space = false;
    for (at, g) in glyphs.iter().enumerate() {
        if is_space(g.c) {
            space = true;
        } else {
            let gap = last.map(|before| (g.x0 - before.x1) / before.em.max(g.em));
            let follows = last.zip(gap).is_some_and(|(before, gap)| {
                (g.y - before.y).abs() < 0.5 * before.em.max(g.em) && gap > -1.0
            });
            if !follows || stretches.is_empty() {
                stretches.push(Stretch { end: at, open: Vec::new(), drawn: Vec::new(), letters: 0 });
            } else if let (Some(before), Some(gap), Some(stretch)) = (last, gap, stretches.last_mut())
                && gap < COLUMN
                && (0.8..1.25).contains(&(g.em / before.em))
                // The letters of a ligature have one place.
                && g.x0 != before.x0
            {
                if space { &mut stretch.drawn } else { &mut stretch.open }.push(gap);
                stretch.letters += usize::from(!space && before.c.is_alphabetic() && g.c.is_alphabetic());
            }
            (last, space) = (Some(*g), false);
        }
        if let Some(stretch) = stretches.last_mut() {
            stretch.end = at + 1;
        }
    }
    for stretch in &mut stretches {
        stretch.open.sort_by(f32::total_cmp);
        stretch.drawn.sort_by(f32::total_cmp);
    }
    stretches
}

impl Stretch {
    /// How far the letters of a word are apart: the middle gap, if most gaps are between letters and alike.
    fn tracking(&self) -> f32 {
        let gaps = &self.open;
        let alike = || gaps[gaps.len() / 2] - gaps[gaps.len() / 4] < 0.04;
        if gaps.len() < ENOUGH || self.letters * 5 < gaps.len() * 4 || !alike() {
            return 0.0;
        }
        gaps[gaps.len() / 2].clamp(-0.1, 0.6)
    }

    fn limit(&self, usual: Option<f32>) -> f32 {
        let tracking = self.tracking();
        let own = self.drawn.get(self.drawn.len() / 4).map(|gap| gap - tracking);
        let all = self.open.len() + self.drawn.len();
        // A line that draws one space in twelve characters or more draws all of them.
        if self.drawn.len() * 12 >= all
            && let Some(width) = own.or(usual)
        {
            return tracking + (SHARE * width).clamp(BESIDE_DRAWN.0, BESIDE_DRAWN.1);
        }
        let fallback = usual.map_or(SPACE, |width| (SHARE * width).clamp(BESIDE_DRAWN.0, BESIDE_DRAWN.1));
        tracking + self.valley(tracking).unwrap_or(fallback)
    }

    /// The middle of the widest step between the gaps inside words and those between them, if there are two such groups.
    fn valley(&self, tracking: f32) -> Option<f32> {
        /// A narrower step is within the kerning of a font.
        const STEP: f32 = 0.05;
        let gaps = &self.open;
        if gaps.len() < ENOUGH {
            return None;
        }
        let (at, step) = gaps
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| pair[0] - tracking < 0.25 && pair[1] - tracking > 0.07)
            .map(|(at, pair)| (at, pair[1].min(tracking + 0.4) - pair[0]))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let above = gaps.len() - at - 1;
        // One wide gap may be a quotation mark; words of two letters have as many gaps inside as between.
        let spread = gaps[at] - gaps[at / 10];
        let two = above >= 2 && above * 5 < gaps.len() * 3 && step > STEP && step > 0.7 * spread;
        two.then(|| (gaps[at] + 0.5 * step - tracking).clamp(0.05, 0.3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 10 points: letters 5 points wide; `inside` between letters, `between` between words, in points.
    fn line(text: &str, inside: f32, between: f32) -> Vec<Glyph> {
        let mut x = 0.0;
        let mut glyphs = Vec::new();
        for c in text.chars() {
            if c == ' ' {
                x += between - inside;
                continue;
            }
            glyphs.push(Glyph { c, x0: x, x1: x + 5.0, y: 0.0, ink: [x, x + 5.0], em: 10.0, font: 0 });
            x += 5.0 + inside;
        }
        glyphs
    }

    fn split(glyphs: &[Glyph]) -> Vec<String> {
        super::super::words::words(glyphs).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn the_gaps_of_a_line_say_what_a_space_is() {
        for (inside, between) in
            [(0.0, 1.0), (0.0, 1.3), (-0.2, 0.9), (0.1, 2.5), (0.5, 1.8), (2.0, 5.0), (3.0, 6.5)]
        {
            let found = split(&line("vine un om bun la noi", inside, between));
            assert_eq!(found, ["vine", "un", "om", "bun", "la", "noi"], "{inside} {between}");
        }
    }

    #[test]
    fn spaced_letters_are_one_word() {
        assert_eq!(split(&line("CUPRINS", 2.5, 0.0)), ["CUPRINS"]);
    }

    #[test]
    fn a_normal_space_between_two_runs_counts_beside_drawn_ones() {
        let mut glyphs = line("unul", 0.0, 0.0);
        for (n, word) in ["doi", "trei", "patru"].iter().enumerate() {
            let from = glyphs.last().map_or(0.0, |g| g.x1);
            let space = Glyph { c: ' ', x0: from, x1: from + 2.5, y: 0.0, ink: [from; 2], em: 10.0, font: 0 };
            if n > 0 {
                glyphs.push(space);
            }
            let moved = line(word, 0.0, 0.0).into_iter().map(|g| Glyph {
                x0: g.x0 + from + 2.5,
                x1: g.x1 + from + 2.5,
                ..g
            });
            glyphs.extend(moved);
        }
        assert_eq!(split(&glyphs), ["unul", "doi", "trei", "patru"]);
    }
}
