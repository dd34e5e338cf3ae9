//! Characters that are drawn twice at one place: false bold type, shadows, and blocks that a program wrote again.

use rustc_hash::FxHashMap;

use super::pdfium::Glyph;

/// Two equal characters that are closer than this, in em, are one. The narrowest letters are 0.2 em wide.
const NEAR: f32 = 0.12;
/// The same in points, for large type.
const NEAR_POINTS: f32 = 1.5;

/// Removes what is drawn again. Returns the number of characters that were removed.
pub(super) fn remove(glyphs: &mut Vec<Glyph>) -> u32 {
    /// A cell is twice as wide as the distance, so a character has neighbours in four cells at most.
    const CELL: f32 = 2.0 * NEAR_POINTS;
    /// A drawing of a thousand dots at one place must not take quadratic time.
    const MOST: usize = 16;
    // For each character and cell the last one, and for each character the one before it in its cell.
    let mut seen: FxHashMap<(char, i32, i32), u32> = FxHashMap::default();
    seen.reserve(glyphs.len());
    let mut before = vec![u32::MAX; glyphs.len()];
    let cell = |x: f32| (x / CELL).floor() as i32;
    let mut gone = vec![false; glyphs.len()];
    let mut at = 0;
    while at < glyphs.len() {
        // PDFium gives the letters of a ligature one by one, all at one place: they are compared with what was before.
        let place = |g: &Glyph| (g.x0, g.x1, g.y, g.font);
        let end = at + glyphs[at..].iter().take_while(|g| place(g) == place(&glyphs[at])).count().max(1);
        for index in at..end {
            let g = &glyphs[index];
            let near = (NEAR * g.em).min(NEAR_POINTS);
            let same = |other: u32| {
                let other = &glyphs[other as usize];
                (other.x0 - g.x0).abs() < near
                    && (other.y - g.y).abs() < near
                    && (other.em - g.em).abs() < 0.1 * g.em
            };
            let (x, y) = (cell(g.x0 - NEAR_POINTS), cell(g.y - NEAR_POINTS));
            gone[index] = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].iter().any(|&(x, y)| {
                let first = seen.get(&(g.c, x, y)).copied();
                std::iter::successors(first, |other| {
                    Some(before[*other as usize]).filter(|at| *at != u32::MAX)
                })
                .take(MOST)
                .any(same)
            });
        }
        for index in (at..end).filter(|index| !gone[*index]) {
            let g = &glyphs[index];
            if let Some(last) = seen.insert((g.c, cell(g.x0), cell(g.y)), index as u32) {
                before[index] = last;
            }
        }
        at = end;
    }
    let count = gone.iter().filter(|gone| **gone).count();
    if count > 0 {
        let mut gone = gone.into_iter();
        glyphs.retain(|_| !gone.next().unwrap_or(false));
    }
    count as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x: f32, y: f32) -> Vec<Glyph> {
        let glyph = |(n, c): (usize, char)| {
            let x0 = x + 2.5 * n as f32;
            Glyph { c, x0, x1: x0 + 2.5, y, ink: [x0, x0 + 2.5], em: 10.0, font: 0 }
        };
        text.chars().enumerate().map(glyph).collect()
    }

    #[test]
    fn what_is_drawn_again_counts_once() {
        let mut drawn = line("illi ...", 10.0, 50.0);
        drawn.extend(line("alt", 10.0, 38.0));
        let once = drawn.clone();
        for (dx, dy) in [(0.0, 0.0), (0.4, 0.0), (-0.3, 0.3), (0.0, -0.9)] {
            let mut twice = once.clone();
            twice.extend(line("illi ...", 10.0 + dx, 50.0 + dy));
            assert_eq!(remove(&mut twice), 8);
            assert_eq!(twice, once);
        }
    }

    #[test]
    fn ligatures_keep_their_letters() {
        let mut drawn = line("ffa", 0.0, 0.0);
        drawn[1] = drawn[0];
        let once = drawn.clone();
        assert_eq!(remove(&mut drawn), 0);
        drawn.extend(once.clone());
        assert_eq!(remove(&mut drawn), 3);
        assert_eq!(drawn, once);
    }
}
