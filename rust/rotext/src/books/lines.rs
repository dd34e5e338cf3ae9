//! From words to lines in reading order, for pages of one or two columns.

use super::words::Word;

/// Words on one baseline, from left to right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Its words.
    pub words: Vec<Word>,
    /// Left end.
    pub x0: f32,
    /// Right end.
    pub x1: f32,
    /// Baseline.
    pub y: f32,
    /// The size of most of its characters.
    pub em: f32,
    /// The stretch of text that it belongs to. Lines of another stretch are in another column, or above or below.
    pub block: u16,
}

impl Line {
    fn of(mut words: Vec<Word>, block: u16) -> Self {
        words.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        // The first word of a line has no space before it.
        let x0 = words.iter().map(|w| w.x0).fold(f32::INFINITY, f32::min);
        let x1 = words.iter().map(|w| w.x1).fold(f32::NEG_INFINITY, f32::max);
        let y = words.iter().find(|w| !w.raised).or(words.first()).map_or(0.0, |w| w.y);
        let em = main_size(&words);
        Self { words, x0, x1, y, em, block }
    }

    /// Its words, with one space between them.
    #[must_use]
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(96);
        for word in &self.words {
            if !word.glued && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word.text);
        }
        text
    }
}

/// The size of most characters, to a tenth of a point.
pub(super) fn main_size(words: &[Word]) -> f32 {
    let mut sizes: Vec<(i32, usize)> = Vec::new();
    for word in words {
        let size = (word.em * 10.0).round() as i32;
        match sizes.iter_mut().find(|(known, _)| *known == size) {
            Some((_, count)) => *count += word.text.len(),
            None => sizes.push((size, word.text.len())),
        }
    }
    sizes.into_iter().max_by_key(|&(size, count)| (count, size)).map_or(10.0, |(size, _)| size as f32 / 10.0)
}

/// The words grouped by baseline, from the top of the page to its foot.
#[must_use]
pub(super) fn rows(words: Vec<Word>) -> Vec<Vec<Word>> {
    let mut words = words;
    words.sort_by(|a, b| b.y.total_cmp(&a.y));
    let mut rows: Vec<Vec<Word>> = Vec::new();
    for word in words {
        match rows.last_mut() {
            // The first word of a row is its highest; baselines of one row differ by less than a third of an em.
            Some(row) if row[0].y - word.y < 0.33 * word.em.max(row[0].em) => row.push(word),
            _ => rows.push(vec![word]),
        }
    }
    rows
}

/// The lines in reading order: top to bottom, and on a page with two columns the left one first.
#[must_use]
pub(super) fn lines(words: Vec<Word>) -> Vec<Line> {
    let gutter = gutter(&words);
    let rows = rows(words);
    let mut lines = Vec::with_capacity(rows.len());
    let Some(gutter) = gutter else {
        lines.extend(rows.into_iter().map(|row| Line::of(row, 0)));
        return lines;
    };
    let mut block = 0;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let across = across(&rows, gutter);
    for (row, across) in rows.into_iter().zip(across) {
        if across {
            flush(&mut lines, &mut left, &mut right, &mut block);
            lines.push(Line::of(row, block));
            continue;
        }
        let (l, r): (Vec<Word>, Vec<Word>) =
            row.into_iter().partition(|word| f32::midpoint(word.x0, word.x1) < gutter);
        left.extend(l);
        right.extend(r);
    }
    flush(&mut lines, &mut left, &mut right, &mut block);
    lines
}

fn flush(lines: &mut Vec<Line>, left: &mut Vec<Word>, right: &mut Vec<Word>, block: &mut u16) {
    for column in [left, right] {
        if !column.is_empty() {
            *block = block.saturating_add(1);
            // The baselines of two columns may differ, so each column is divided into rows separately.
            lines.extend(rows(std::mem::take(column)).into_iter().map(|row| Line::of(row, *block)));
        }
    }
    *block = block.saturating_add(1);
}

/// Which rows are set across both columns.
///
/// A line of the left column that is too long extends into the gutter. But no word of its row crosses the edge of the
/// right column, and the rows next to it leave the gutter free. A row of a title or an abstract is different.
fn across(rows: &[Vec<Word>], gutter: f32) -> Vec<bool> {
    let crossing: Vec<bool> = rows.iter().map(|row| crosses(row, gutter)).collect();
    let first = |row: &Vec<Word>| row.iter().map(|w| w.x0).filter(|x0| *x0 >= gutter).min_by(f32::total_cmp);
    let mut starts: Vec<f32> = rows
        .iter()
        .zip(&crossing)
        .filter(|(_, across)| !**across)
        .filter_map(|(row, _)| first(row))
        .collect();
    starts.sort_by(f32::total_cmp);
    let Some(&edge) = starts.get(starts.len() / 4) else { return crossing };
    let hangs = |row: &[Word]| !row.iter().any(|w| w.x0 < edge - 1.0 && w.x1 > edge);
    let free = |at: Option<usize>| at.and_then(|at| crossing.get(at)).is_some_and(|across| !across);
    rows.iter()
        .enumerate()
        .map(|(at, row)| crossing[at] && !(hangs(row) && (free(at.checked_sub(1)) || free(Some(at + 1)))))
        .collect()
}

/// Whether a word, or a word space, is at `x`: a word space of a line across the page may be at the gutter.
fn crosses(row: &[Word], x: f32) -> bool {
    row.iter().any(|word| word.x0 < x && word.x1 > x) || gap(row, x) < 0.6
}

/// The width of the gap of the row at `x`, in em; infinite if one side has no words.
fn gap(row: &[Word], x: f32) -> f32 {
    let left = row.iter().map(|w| w.x1).filter(|x1| *x1 <= x).fold(f32::NEG_INFINITY, f32::max);
    let right = row.iter().map(|w| w.x0).filter(|x0| *x0 >= x).fold(f32::INFINITY, f32::min);
    (right - left) / row.iter().map(|w| w.em).fold(0.0, f32::max)
}

/// Whether most rows with words on both sides of `x` have a gap as wide as that of two columns. Wide word spaces of a
/// loose paragraph, one below the other, are narrower.
fn is_wide(rows: &[&Vec<Word>], x: f32) -> bool {
    let mut gaps: Vec<f32> = rows.iter().map(|row| gap(row, x)).filter(|gap| gap.is_finite()).collect();
    gaps.sort_by(f32::total_cmp);
    // Columns with different baselines have no such rows.
    gaps.get(gaps.len() / 2).is_none_or(|middle| *middle > 0.85)
}

/// The place of the gap between two columns, if the page has two.
///
/// A gutter is a vertical line that the rows of a long stretch leave free, with text on both sides that fills its column.
/// A table of contents has numbers there and a dialogue has short lines; neither has a second column.
fn gutter(words: &[Word]) -> Option<f32> {
    const ROWS: usize = 4;
    if words.len() < 40 {
        return None;
    }
    let rows = rows(words.to_vec());
    let mut starts: Vec<f32> = words.iter().map(|w| w.x0).collect();
    let mut ends: Vec<f32> = words.iter().map(|w| w.x1).collect();
    starts.sort_by(f32::total_cmp);
    ends.sort_by(f32::total_cmp);
    // The width of the text, without outliers.
    let (x0, x1) = (starts[starts.len() / 50], ends[ends.len() - 1 - ends.len() / 50]);
    let width = x1 - x0;
    if width <= 0.0 {
        return None;
    }
    // Candidates: a gutter is at least an em wide, so the middle is searched in steps of less than that.
    let mut best: (usize, Vec<f32>) = (0, Vec::new());
    for step in 48..=112 {
        let x = x0 + width * step as f32 / 160.0;
        let free = rows.iter().filter(|row| !crosses(row, x)).collect::<Vec<_>>();
        let side = |left: bool| {
            let mut filled = 0usize;
            let mut total = 0.0;
            for row in &free {
                let on = |w: &&Word| (f32::midpoint(w.x0, w.x1) < x) == left;
                let covered: f32 = row.iter().filter(on).map(|w| w.x1 - w.x0).sum();
                if covered > 0.0 {
                    filled += 1;
                    total += covered;
                }
            }
            (filled, total / filled.max(1) as f32)
        };
        let ((left, left_fill), (right, right_fill)) = (side(true), side(false));
        let enough = left.min(right) >= ROWS && 12 * left.min(right) >= left.max(right);
        let full = left_fill > 0.55 * (x - x0) && right_fill > 0.55 * (x1 - x);
        if enough && full && 2 * free.len() > rows.len() && free.len() >= best.0 && is_wide(&free, x) {
            if free.len() > best.0 {
                best = (free.len(), Vec::new());
            }
            best.1.push(x);
        }
    }
    // The middle of the gap, so that a line that is too long does not cross it.
    let x = *best.1.get(best.1.len() / 2)?;
    let crossing = |w: &&Word| w.x0 < x && w.x1 > x;
    if words.iter().filter(crossing).count() * 3 > words.len() {
        return None;
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn word(text: &str, x0: f32, y: f32) -> Word {
        let x1 = x0 + 5.0 * text.chars().count() as f32;
        Word { text: text.to_owned(), x0, x1, y, em: 10.0, font: 0, glued: false, raised: false }
    }

    /// `count` lines of five words from `x0` on, downwards from `top`; each word has the name of its line.
    fn column(name: char, x0: f32, top: f32, count: usize) -> Vec<Word> {
        (0..count)
            .flat_map(|line| {
                (0..5).map(move |at| {
                    let text: String = std::iter::repeat_n(name, 7).collect();
                    word(&text, x0 + 38.0 * at as f32, top - 12.0 * line as f32)
                })
            })
            .collect()
    }

    #[test]
    fn two_columns_are_read_one_after_the_other() {
        let mut words = column('t', 140.0, 760.0, 1);
        words.extend(column('b', 300.0, 703.0, 20));
        words.extend(column('a', 50.0, 700.0, 20));
        let order: String =
            lines(words).iter().map(|line| line.words[0].text.chars().next().unwrap()).collect();
        assert_eq!(order, format!("t{}{}", "a".repeat(20), "b".repeat(20)));
    }

    #[test]
    fn a_short_second_column_and_a_line_that_sticks_out() {
        // The end of a chapter: four lines of the right column beside thirty of the left one.
        let mut words = column('a', 50.0, 700.0, 30);
        words.extend(column('b', 260.0, 700.0, 4));
        // The third line of the left column is too long; the right one begins with an indent there.
        words.push(word("a", 240.0, 676.0));
        let order: String =
            lines(words).iter().map(|line| line.words[0].text.chars().next().unwrap()).collect();
        assert_eq!(order, format!("{}{}", "a".repeat(30), "b".repeat(4)));
    }

    #[test]
    fn loose_lines_below_each_other_are_no_columns() {
        // Ten times the same loose line among lines that end early: its widest spaces are in one place.
        let mut words = Vec::new();
        for row in 0..10_u8 {
            let y = 700.0 - 24.0 * f32::from(row);
            words.extend((0..5_u8).flat_map(|n| {
                let x = 33.0 * f32::from(n);
                [word("aaaaaa", 50.0 + x, y), word("aaaaaa", 218.5 + x, y)]
            }));
            words.push(word("bbbbbbbbbbbbbbbbbbbbbbbbbb", 50.0, y - 12.0));
        }
        let order = lines(words);
        assert_eq!(order.len(), 20);
        assert!(order.iter().all(|line| line.block == 0));
    }

    #[test]
    fn one_column_stays_one() {
        let mut words = column('a', 50.0, 700.0, 30);
        words.extend(column('b', 240.0, 700.0, 30));
        assert!(lines(words).iter().all(|line| line.words.len() == 10));
        // Short lines of a dialogue, and a table of contents.
        let mut contents: Vec<Word> =
            (0..30).map(|n| word("Capitolul", 50.0, 700.0 - 12.0 * n as f32)).collect();
        contents.extend((0..30).map(|n| word("12", 400.0, 700.0 - 12.0 * n as f32)));
        assert!(lines(contents).iter().all(|line| line.words.len() == 2));
    }

    #[test]
    fn rows_hold_what_shares_a_baseline() {
        let rows = rows(vec![word("jos", 0.0, 10.0), word("sus", 0.0, 30.0), word("lângă", 40.0, 29.0)]);
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }
}
