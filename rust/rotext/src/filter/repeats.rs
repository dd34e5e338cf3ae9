//! Passages that stand twice in a page: an article after its own copy for print, a comment thread that is shown twice.
//!
//! The page is good text, so the second passage is cut and the page stays. A statute repeats single formulas and a song
//! its refrain: nothing is cut unless the copies are long, and together a large part of the page.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// The shortest passage that is cut, in bytes.
const PASSAGE: usize = 300;
/// A smaller part of the page is left as it is.
const PART: f64 = 0.2;
/// A shorter line (a heading, a date) does not begin a passage.
const LINE: usize = 20;

/// The text without the second copies of its passages, and the number of lines that were cut.
///
/// Linear in the text: a passage is compared from its first line on, and one that is not cut is shorter than
/// 300 bytes.
#[must_use]
pub fn cut_repeats(text: &str) -> (Cow<'_, str>, u64) {
    if text.len() < 2 * PASSAGE {
        return (Cow::Borrowed(text), 0);
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut first: FxHashMap<u64, usize> = FxHashMap::default();
    let mut cut: Vec<std::ops::Range<usize>> = Vec::new();
    let (mut at, mut bytes) = (0, 0);
    while at < lines.len() {
        let line = lines[at].trim();
        if line.len() < LINE {
            at += 1;
            continue;
        }
        let earlier = *first.entry(xxh3_64(line.as_bytes())).or_insert(at);
        let (end, size) = if earlier < at { passage(&lines, earlier, at) } else { (at, 0) };
        if size >= PASSAGE {
            cut.push(at..end);
            bytes += size;
            at = end;
        } else {
            at += 1;
        }
    }
    if (bytes as f64) < PART * text.len() as f64 || cut.is_empty() {
        return (Cow::Borrowed(text), 0);
    }
    let mut out = String::with_capacity(text.len() - bytes);
    let (mut done, mut count) = (0, 0);
    for range in cut {
        lines[done..range.start].iter().for_each(|line| out.push_str(line));
        count += range.len() as u64;
        done = range.end;
    }
    lines[done..].iter().for_each(|line| out.push_str(line));
    out.truncate(out.trim_end().len());
    (Cow::Owned(out), count)
}

/// The end of the passage at `at` that is equal to the one at `earlier`, and its bytes. Blank lines may differ.
fn passage(lines: &[&str], earlier: usize, at: usize) -> (usize, usize) {
    let (mut i, mut j, mut end, mut size) = (earlier, at, at, 0);
    loop {
        while i < at && lines[i].trim().is_empty() {
            i += 1;
        }
        while j < lines.len() && lines[j].trim().is_empty() {
            j += 1;
        }
        if i >= at || j >= lines.len() || lines[i].trim() != lines[j].trim() {
            return (end, size);
        }
        size += lines[j].len();
        i += 1;
        j += 1;
        end = j;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = "Primarul a tăiat panglica podului nou, iar copiii au aruncat flori în apă.\n\
                           Lucrarea a durat doi ani și a costat mai puțin decât era scris în contract.\n\n\
                           Vechiul pod rămâne pietonilor, pentru că piatra lui ține de o sută de ani.\n\
                           La vară vor fi puse bănci și felinare pe malul drept al râului.\n";

    #[test]
    fn the_second_copy_goes() {
        let page = format!(
            "Știri locale\n{ARTICLE}Versiune pentru tipar\n{}\nSfârșit.\n",
            ARTICLE.replace("\n\n", "\n")
        );
        let (cut, lines) = cut_repeats(&page);
        assert_eq!(cut, format!("Știri locale\n{ARTICLE}Versiune pentru tipar\n\nSfârșit."));
        assert_eq!(lines, 4);
        assert_eq!(cut_repeats(&cut).1, 0);
        assert_eq!(cut_repeats(&ARTICLE.repeat(5)).0, ARTICLE.trim_end());
    }

    #[test]
    fn refrains_and_formulas_stay() {
        let song: String = (1..9)
            .map(|n| format!("Strofa {n} despre mare și despre vânt.\nHai acasă, hai acasă, dorule!\nHai acasă, la izvor, dorule!\n"))
            .collect();
        let statute: String =
            (1..40).map(|n| format!("Articolul {n} privește alte fapte, care nu se repetă: fapta {n}.\nFapta se pedepsește cu amendă.\n")).collect();
        for text in [song.as_str(), statute.as_str(), ARTICLE, "", "\n\n\n"] {
            assert_eq!(cut_repeats(text), (Cow::Borrowed(text), 0));
        }
    }
}
