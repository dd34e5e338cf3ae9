//! Furniture: running heads and page numbers, found because they repeat from page to page, and removed.
//!
//! Heads alternate between left and right pages and change with the chapter. So each head is compared with the pages
//! around it, and a row with the same text at the same height is furniture. A number is a page number if it increases
//! with the pages. A row in the place of this book's furniture, set off from the text, is furniture too: a chapter of two
//! pages shows its head only once.

use rustc_hash::{FxHashMap, FxHashSet};

use super::words::Word;

/// How many pages around a page are compared: that many pages of a chapter may come before the next one begins.
const WINDOW: usize = 12;
/// Heights that differ by fewer points are the same; heights of scans vary more ([`Sheet::tolerance`]).
const SAME_HEIGHT: f32 = 3.0;

/// A title is larger than the row below it by more than this factor; a running head is not.
const TITLE_SIZE: f32 = 1.25;

/// A row is set off when its distance to the text is larger than this, in em. The lines of a text are about 1.2 em apart, and those
/// of a loosely set book less than this.
const SET_OFF: f32 = 1.55;

/// The rows of a page, from the top.
pub(super) struct Sheet<'w> {
    /// Words by baseline.
    pub rows: &'w [Vec<Word>],
    /// How much heights may differ from page to page: more for scans.
    pub tolerance: f32,
}

/// An outermost row.
struct Edge {
    /// Its letters in lower case, numbers as `#`.
    key: String,
    y: f32,
    em: f32,
    font: u16,
    /// Distance to the next row inwards, in em of that row.
    gap: f32,
    /// Numbers at its beginning and end.
    numbers: [Option<i64>; 2],
    /// It has only a number.
    bare: bool,
    /// The row, from the top.
    row: usize,
}

/// The indices of the rows of furniture, for each page.
#[must_use]
pub(super) fn find(sheets: &[Sheet<'_>]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = vec![Vec::new(); sheets.len()];
    let none: Vec<Vec<usize>> = vec![Vec::new(); sheets.len()];
    let outermost = |removed: &[Vec<usize>], top: bool| -> Vec<Option<Edge>> {
        sheets.iter().zip(removed).map(|(sheet, removed)| edge(sheet, removed, top)).collect()
    };
    // At both ends: the first page of a chapter has its number at the foot when the other pages have it in the head.
    let offsets = offsets(&[outermost(&none, true), outermost(&none, false)]);
    for top in [true, false] {
        // Twice: there may be a number above a head, or a line of ornaments below it.
        for round in 0..2 {
            let edges = outermost(&found, top);
            let rows = furniture_rows(sheets, &edges, &offsets, round > 0);
            if rows.iter().all(Option::is_none) {
                break;
            }
            for (found, row) in found.iter_mut().zip(rows) {
                found.extend(row);
            }
        }
    }
    found
}

/// The outermost row of a page at one end, apart from the rows `removed`.
fn edge(sheet: &Sheet<'_>, removed: &[usize], top: bool) -> Option<Edge> {
    let mut left = (0..sheet.rows.len()).filter(|row| !removed.contains(row));
    let (row, next) = if top {
        let row = left.next()?;
        (row, left.next())
    } else {
        let row = left.next_back()?;
        (row, left.next_back())
    };
    let words = &sheet.rows[row];
    let text = row_text(words);
    if text.chars().count() > 120 {
        return None;
    }
    let first = words.first()?;
    // The title of a chapter is at the same height in every chapter; its size distinguishes it from a head.
    let larger = |row: usize| sheet.rows[row].first().is_some_and(|other| first.em > TITLE_SIZE * other.em);
    // A footnote begins with a raised mark: `Ibidem` is at the foot of many pages.
    let leftmost = words.iter().min_by(|a, b| a.x0.total_cmp(&b.x0));
    if top && next.is_some_and(larger) || leftmost.is_some_and(|word| word.raised) {
        return None;
    }
    let gap = next.map_or(f32::INFINITY, |next| {
        let other = sheet.rows[next].first();
        other.map_or(f32::INFINITY, |other| (other.y - first.y).abs() / other.em.max(1.0))
    });
    let numbers = [text.split(' ').next().and_then(number), text.split(' ').next_back().and_then(number)];
    let bare = !text.contains(' ') && numbers[0].is_some()
        || text.split(' ').filter(|part| part.chars().any(char::is_alphanumeric)).count() == 1
            && text.split(' ').any(|part| number(part).is_some());
    let numbers = if bare { [text.split(' ').find_map(number), None] } else { numbers };
    let mut key = String::with_capacity(text.len());
    let is_number = |part: &&str| number(part).is_some();
    for part in text.split(' ').filter(|part| !is_number(part)) {
        key.extend(part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
    }
    Some(Edge { key, y: first.y, em: first.em, font: first.font, gap, numbers, bare, row })
}

/// The text of a row, from left to right.
pub(super) fn row_text(words: &[Word]) -> String {
    let mut sorted: Vec<&Word> = words.iter().collect();
    sorted.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut text = String::with_capacity(96);
    for word in sorted {
        if !word.glued && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

/// The value of a page number: `12`, `– 12 –`, `xiv`. Roman numerals must be canonical: `mi` and `di` are words.
fn number(part: &str) -> Option<i64> {
    let core = part
        .trim_matches(|c: char| matches!(c, '-' | '–' | '—' | '.' | '[' | ']' | '(' | ')' | '|' | '·' | '•'));
    if core.is_empty() || core.len() > 7 {
        return None;
    }
    if core.bytes().all(|b| b.is_ascii_digit()) {
        return core.parse().ok().filter(|_| core.len() <= 4);
    }
    let value = roman(core)?;
    (roman_text(value) == core.to_ascii_lowercase()).then_some(value)
}

fn roman(text: &str) -> Option<i64> {
    let value = |c: char| {
        Some(match c.to_ascii_lowercase() {
            'i' => 1,
            'v' => 5,
            'x' => 10,
            'l' => 50,
            'c' => 100,
            _ => return None,
        })
    };
    let values: Vec<i64> = text.chars().map(value).collect::<Option<_>>()?;
    let signed =
        |(at, &v): (usize, &i64)| if values.get(at + 1).is_some_and(|next| *next > v) { -v } else { v };
    Some(values.iter().enumerate().map(signed).sum())
}

fn roman_text(mut value: i64) -> String {
    let parts =
        [(100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")];
    let mut text = String::new();
    for (worth, letters) in parts {
        while value >= worth {
            value -= worth;
            text.push_str(letters);
        }
    }
    text
}

/// Whether two heads are equal except for a few letters, as OCR reads the same head.
fn alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longest = a.len().max(b.len());
    if longest < 5 || a.len().abs_diff(b.len()) * 5 > longest {
        return false;
    }
    distance(&a, &b) * 5 <= longest
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

/// The differences between printed numbers and page indices that three pages agree on. Front matter has its own
/// numbering, so every difference with enough support counts.
fn offsets(ends: &[Vec<Option<Edge>>; 2]) -> FxHashSet<i64> {
    let mut counts: FxHashMap<i64, usize> = FxHashMap::default();
    for (page, edges) in ends[0].iter().zip(&ends[1]).enumerate() {
        let numbers = [edges.0, edges.1].into_iter().flatten().flat_map(|edge| edge.numbers.iter().flatten());
        let mut seen: Vec<i64> = numbers.map(|number| number - page as i64).collect();
        seen.sort_unstable();
        seen.dedup();
        for offset in seen {
            *counts.entry(offset).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count >= 3).map(|(offset, _)| offset).collect()
}

/// The row of furniture on each page, if it has one. `inner`: rows further out were furniture already.
fn furniture_rows(
    sheets: &[Sheet<'_>],
    edges: &[Option<Edge>],
    offsets: &FxHashSet<i64>,
    inner: bool,
) -> Vec<Option<usize>> {
    let numbered = |page: usize, edge: &Edge| {
        edge.numbers.iter().flatten().any(|number| offsets.contains(&(number - page as i64)))
    };
    let same_height =
        |page: usize, a: &Edge, b: &Edge| (a.y - b.y).abs() < SAME_HEIGHT.max(sheets[page].tolerance);
    // Certain furniture: numbered, or repeated nearby at the same height.
    let sure: Vec<bool> = edges
        .iter()
        .enumerate()
        .map(|(page, edge)| {
            let Some(edge) = edge else { return false };
            if numbered(page, edge) && (edge.bare || set_off(edge)) {
                return true;
            }
            if edge.key.is_empty() {
                return false;
            }
            let around = page.saturating_sub(WINDOW)..(page + WINDOW + 1).min(edges.len());
            let same = around
                .filter(|other| *other != page)
                .filter_map(|other| edges[other].as_ref())
                .filter(|other| same_height(page, edge, other) && alike(&edge.key, &other.key))
                .count();
            // The same line at the top of two pages may be a refrain; a head is set off. A row below a head must always
            // be set off.
            same >= 3 && !inner || same >= 1 && set_off(edge)
        })
        .collect();
    // Where this book has its furniture: heights with support, and the fonts there.
    let support = sure.iter().filter(|sure| **sure).count();
    edges
        .iter()
        .enumerate()
        .map(|(page, edge)| {
            let edge = edge.as_ref()?;
            if sure[page] {
                return Some(edge.row);
            }
            if support < 3 {
                return None;
            }
            let mut near = 0;
            let mut font = 0;
            for other in
                edges.iter().zip(&sure).filter(|(_, sure)| **sure).filter_map(|(edge, _)| edge.as_ref())
            {
                if same_height(page, edge, other) {
                    near += 1;
                    font += usize::from(other.font == edge.font && (other.em - edge.em).abs() < 0.1);
                }
            }
            // It has the place and the font of furniture, and is set off or a number: so it is not the first line of a
            // text that happens to begin at this height.
            let placed = near >= 3 && font * 2 > near && (set_off(edge) || edge.bare);
            placed.then_some(edge.row)
        })
        .collect()
}

/// Whether more than a line's distance separates it from the text.
fn set_off(edge: &Edge) -> bool {
    edge.gap > SET_OFF
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(text: &str, y: f32) -> Vec<Word> {
        text.split(' ')
            .enumerate()
            .map(|(at, part)| {
                let x0 = 60.0 * at as f32;
                Word {
                    text: part.to_owned(),
                    x0,
                    x1: x0 + 50.0,
                    y,
                    em: 10.0,
                    font: 0,
                    glued: false,
                    raised: false,
                }
            })
            .collect()
    }

    /// A word that no other page has.
    fn name(number: usize) -> String {
        let mut number = number * 7_919 + 104_729;
        let mut name = String::new();
        while number > 0 {
            name.push((b'a' + (number % 26) as u8) as char);
            number /= 26;
        }
        name.repeat(3)
    }

    fn pages(count: usize, head: impl Fn(usize) -> String) -> Vec<Vec<Vec<Word>>> {
        let body = |page: usize| {
            (0..20).map(move |line| {
                row(
                    &format!("{} {}", name(31 * page + line), name(77 * line + page + 5)),
                    700.0 - 12.0 * line as f32,
                )
            })
        };
        (0..count)
            .map(|page| {
                let mut rows = vec![row(&head(page), 730.0)];
                rows.extend(body(page));
                rows.push(row(&format!("{}", page + 7), 440.0));
                rows
            })
            .collect()
    }

    fn found(pages: &[Vec<Vec<Word>>]) -> Vec<Vec<usize>> {
        let sheets: Vec<Sheet<'_>> = pages.iter().map(|rows| Sheet { rows, tolerance: 0.0 }).collect();
        find(&sheets)
    }

    #[test]
    fn heads_and_numbers_go_and_text_stays() {
        let heads = |page: usize| {
            if page.is_multiple_of(2) { "TITLUL CĂRȚII".into() } else { format!("Capitolul {}", page / 8) }
        };
        assert!(found(&pages(24, heads)).iter().all(|rows| *rows == [0, 21]));
    }

    #[test]
    fn a_chapter_of_one_page_loses_its_head_too() {
        let heads =
            |page: usize| if page == 5 { "Singurul ei cap".into() } else { "Viața la țară".into() };
        assert_eq!(found(&pages(20, heads))[5], [0, 21]);
    }

    #[test]
    fn a_number_at_the_foot_of_a_chapters_first_page_goes_by_those_in_the_heads() {
        let mut pages = pages(20, |page| format!("{} Viața la țară", page + 7));
        for (page, rows) in pages.iter_mut().enumerate() {
            rows.pop();
            if page % 9 == 4 {
                rows.remove(0);
                rows.push(row(&format!("{}", page + 7), 440.0));
            }
        }
        let found = found(&pages);
        assert!((0..20).all(|page| found[page] == [if page % 9 == 4 { 20 } else { 0 }]), "{found:?}");
    }

    #[test]
    fn text_alone_is_no_furniture() {
        let pages: Vec<Vec<Vec<Word>>> = pages(20, |page| format!("altceva {}", name(page)))
            .into_iter()
            .map(|rows| rows[1..21].to_vec())
            .collect();
        assert!(found(&pages).iter().all(Vec::is_empty));
    }

    #[test]
    fn roman_numbers_are_canonical() {
        assert_eq!(number("xiv"), Some(14));
        assert_eq!(number("– 12 –".split(' ').nth(1).unwrap()), Some(12));
        for word in ["mi", "iiii", "civil", "vi-l", "12345"] {
            assert_eq!(number(word), None, "{word}");
        }
    }
}
