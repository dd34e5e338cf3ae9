//! Another edition of a law: nearly all words are equal, and the few that differ are what the text is about.
//!
//! An amended article says `5 ani` where the older one said `4 ani`. Both texts are worth keeping, and the newer is no copy of the
//! older. A copy that went through OCR differs in words too, but it has each error in few places, and few errors are numbers.
//! Texts of other kinds are copies whatever their numbers say: a page has other dates and counts of readers on each visit.

use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

use super::words::Words;

/// The words that number the parts of laws, contracts and statutes.
const PARTS: &str =
    "art articol articolul articolului articolele alin alineat alineatul alineatului lit litera literei";
/// A text of articles has at least this many of them, and one in so many words.
const FEWEST: usize = 10;
const WORDS_OF_A_PART: usize = 100;
/// A word that is exchanged for another one in so many places is a term. OCR may misread a word twice in the same way, so with fewer
/// places the exchange must be that of half of all its places.
const TERM: u32 = 5;
const FEW: u32 = 2;
/// After a difference, the texts go on together where so many words are equal, at most `REACH` words later.
const TOGETHER: usize = 3;
const REACH: usize = 12;
/// The numbers that are recognized by their hashes: those of articles, years, days, percents. In larger ones a stop cuts
/// words of three digits.
const NUMBERS: u32 = 10_000;

struct Known {
    parts: FxHashSet<u32>,
    numbers: FxHashSet<u32>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut words = Words::default();
        let mut hashes = |text: &str| -> FxHashSet<u32> {
            words.read(text);
            words.exact.iter().copied().collect()
        };
        let numbers: Vec<String> = (0..NUMBERS)
            .map(|number| number.to_string())
            .chain((0..1000).flat_map(|number| [format!("{number:02}"), format!("{number:03}")]))
            .collect();
        Known { parts: hashes(PARTS), numbers: hashes(&numbers.join(" ")) }
    })
}

/// Whether a text, as the exact hashes of its words, is numbered by articles.
pub(super) fn is_law(words: &[u32]) -> bool {
    let parts = words.iter().filter(|word| known().parts.contains(word)).count();
    parts >= FEWEST && parts * WORDS_OF_A_PART >= words.len()
}

/// Whether two texts, of which the first [is a law](is_law), are editions of it: where they differ between the first and the last article, a number stands for a
/// number, or a term for another term. O(n).
pub(super) fn is_other_edition(a: &[u32], b: &[u32]) -> bool {
    let known = known();
    // Before the first article and behind the last one are the date of a print and the count of readers.
    let is_part = |word: &u32| known.parts.contains(word);
    let Some(first) = a.iter().position(is_part) else { return false };
    let last = a.iter().rposition(is_part).unwrap_or(first);
    let mut terms: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let Some((left, right)) = meet(&a[i..], &b[j..]) else { return false };
        if (left, right) == (1, 1) && (first..last).contains(&i) {
            let pair = (a[i], b[j]);
            if known.numbers.contains(&pair.0) && known.numbers.contains(&pair.1) {
                return true;
            }
            *terms.entry(pair).or_default() += 1;
        }
        (i, j) = (i + left, j + right);
    }
    if terms.values().any(|times| *times >= TERM) {
        return true;
    }
    terms.retain(|_, times| *times >= FEW);
    let mut places: FxHashMap<u32, u32> = terms.keys().map(|(word, _)| (*word, 0)).collect();
    if !places.is_empty() {
        a.iter().for_each(|word| {
            if let Some(count) = places.get_mut(word) {
                *count += 1;
            }
        });
    }
    terms.iter().any(|((word, _), times)| places.get(word).is_some_and(|places| times * 2 >= *places))
}

/// How many words of each to leave out until the texts go on together. `None`: they do not.
fn meet(a: &[u32], b: &[u32]) -> Option<(usize, usize)> {
    let together = |left: usize, right: usize| {
        let (a, b) = (a.get(left..)?, b.get(right..)?);
        let length = TOGETHER.min(a.len()).min(b.len());
        // Two ends meet too.
        (a[..length] == b[..length] && (length == TOGETHER || a.len() == b.len())).then_some((left, right))
    };
    (1..=2 * REACH).find_map(|sum| {
        // The smallest change first; of these, one word for one word.
        let most = sum.min(REACH);
        let mut lefts: Vec<usize> = (sum - most..=most).collect();
        lefts.sort_by_key(|left| left.abs_diff(sum - left));
        lefts.into_iter().find_map(|left| together(left, sum - left))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<u32> {
        let mut words = Words::default();
        words.read(text);
        words.exact
    }

    fn other(a: &str, b: &str) -> bool {
        let (a, b) = (words(a), words(b));
        is_law(&a) && is_other_edition(&a, &b)
    }

    fn law() -> String {
        (1..=30)
            .map(|n| format!("Art. {n} Mandatul membrilor consiliului durează 4 ani și poate fi reînnoit o dată de ministerul culturii. "))
            .collect()
    }

    #[test]
    fn changed_numbers_and_terms_make_another_edition() {
        let old = law();
        let years = old.replacen("4 ani", "5 ani", 1);
        let office = old.replacen("culturii", "educației", 5);
        let longer = years.replacen("reînnoit o dată", "reînnoit de cel mult două ori", 2);
        for new in [&years, &office, &longer] {
            assert!(other(&old, new), "{new}");
            assert!(other(new, &old), "{new}");
        }
    }

    #[test]
    fn misprints_furniture_and_other_texts_are_no_editions() {
        let old = law();
        // OCR makes other errors each time, or a few of one kind.
        let misread = old
            .replacen("Mandatul", "Mandatnl", 3)
            .replacen("consiliului", "consiliu1ui", 1)
            .replacen("durează", "durcază", 1);
        let menu = format!("Acasă Legi Contact {old}");
        let cut = old[..old.len() / 2].to_owned();
        let print = |date: u32| format!("Tipărit la {date}.03. {old} Accesat de {date} ori.");
        assert!(!other(&print(12), &print(13)));
        for new in [&old, &misread, &menu, &cut] {
            assert!(!other(&old, new), "{new}");
        }
        // A page with a new count of readers.
        let page = |count: u32| {
            format!("{} Citit de {count} ori. {}", "Un om a plecat la drum. ".repeat(40), "A ajuns.")
        };
        assert!(!other(&page(12), &page(13)));
        assert!(!is_law(&[]));
    }
}
