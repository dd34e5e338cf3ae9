//! Accents that a font draws as characters of their own, joined to their letters by their place.
//!
//! TeX's OT1 fonts draw `ș` as an `s` and a separate `¸`. In the text alone, some of these cannot be repaired
//! (`num ˘ar`, `t¸ ˘a`). On the page they can, because the accent is over or under its letter.

use super::pdfium::Glyph;

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

/// Joins the accents of a page to the letters over or under which they are.
///
/// Most are next to their letter: TeX draws the accent first, then moves back. In Times the accent is a text object of its
/// own, a little higher than the line, and PDFium gives it after the whole run. Such an accent is joined to the letter of
/// its place, wherever in the stream that is.
pub(super) fn compose(glyphs: &[Glyph]) -> Vec<Glyph> {
    let mut out: Vec<Glyph> = glyphs.to_vec();
    if !glyphs.iter().any(|g| is_accent(g.c) || g.c == ',') {
        return out;
    }
    let mut gone = vec![false; out.len()];
    let mut apart: Vec<usize> = Vec::new();
    for at in 0..glyphs.len() {
        let accent = glyphs[at];
        if !is_accent(accent.c) && accent.c != ',' {
            continue;
        }
        // The next character is more likely than the one before: `¸s`, `˘a`.
        for distance in [1isize, -1, 2, -2] {
            let Some(index) = at.checked_add_signed(distance).filter(|index| *index < glyphs.len()) else {
                continue;
            };
            if let Some(good) = joined(&accent, &out[index], 1.2).filter(|_| !gone[index]) {
                out[index].c = good;
                gone[at] = true;
                break;
            }
        }
        if !gone[at] {
            apart.push(at);
        }
    }
    if !apart.is_empty() {
        join_apart(&apart, &mut out, &mut gone);
    }
    let mut gone = gone.into_iter();
    out.retain(|_| !gone.next().unwrap_or(false));
    out
}

/// Joins the accents at `apart` to the nearest letter at their place.
fn join_apart(apart: &[usize], out: &mut [Glyph], gone: &mut [bool]) {
    /// Letters are looked up by strips of this height, in points.
    const STRIP: f32 = 4.0;
    let strip = |y: f32| (y / STRIP).floor() as i32;
    let mut letters: Vec<(i32, f32, usize)> = out
        .iter()
        .enumerate()
        .filter(|(_, g)| g.c.is_alphabetic())
        .map(|(at, g)| (strip(g.y), f32::midpoint(g.ink[0], g.ink[1]), at))
        .collect();
    letters.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for &at in apart {
        let accent = out[at];
        let middle = f32::midpoint(accent.ink[0], accent.ink[1]);
        // The next line is 1.1 em away or more. An accent over a capital is 0.3 em higher than over a small letter.
        let reach = 0.45 * accent.em;
        let mut best: Option<(f32, usize, char)> = None;
        // A page of large type has few letters; a font of 1,000 points is no reason to look at all strips.
        let last = strip(accent.y + reach).min(strip(accent.y - reach).saturating_add(64));
        for row in strip(accent.y - reach)..=last {
            let from = letters.partition_point(|&(y, x, _)| (y, x) < (row, middle - accent.em));
            let near = letters[from..].iter().take_while(|&&(y, x, _)| y == row && x < middle + accent.em);
            for &(_, x, index) in near.take(64) {
                let Some(good) = joined(&accent, &out[index], 0.45).filter(|_| !gone[index]) else {
                    continue;
                };
                let distance = (x - middle).abs() + 0.5 * (out[index].y - accent.y).abs();
                if best.is_none_or(|(least, ..)| distance < least) {
                    best = Some((distance, index, good));
                }
            }
        }
        if let Some((_, index, good)) = best {
            out[index].c = good;
            gone[at] = true;
        }
    }
}

/// The letter that `accent` and `base` make, if the accent is over or under the base: the middle of its ink is within the
/// ink of the letter, and their baselines differ by less than `rise` em. A comma is an accent when it is under an s or a t.
fn joined(accent: &Glyph, base: &Glyph, rise: f32) -> Option<char> {
    let name = if accent.c == ',' { '¸' } else { accent.c };
    let good = accented(name, base.c)?;
    if accent.c == ',' && !matches!(base.c, 's' | 'S' | 't' | 'T') {
        return None;
    }
    let middle = f32::midpoint(accent.ink[0], accent.ink[1]);
    // A comma after a letter begins where the letter ends; a comma below does not.
    let slack = if accent.c == ',' { 0.0 } else { 0.08 * base.em };
    let over = middle > base.ink[0] - slack && middle < base.ink[1] + slack;
    (over && (base.y - accent.y).abs() < rise * base.em).then_some(good)
}
