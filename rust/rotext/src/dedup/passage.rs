//! The same article in two pages: other menus, headers and footers around one long run of equal words.
//!
//! The furniture of a page can be a third of it, so the 3-grams of two such pages are not alike enough. But one page has a
//! passage of the other, word for word, and little else.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// The share of a document's words in passages of the kept document, from which on it is a copy.
pub const PASSAGE: f64 = 0.7;
/// The fewest equal words in a row that count: a sentence, and more than a formula.
const RUN: usize = 20;
/// The fewest words of passages. A shorter page is judged by its 3-grams alone.
const WORDS: usize = 100;
/// The words that find a passage.
const SEED: usize = 8;
/// A paragraph that is shorter, in bytes, proposes no pair.
const PARAGRAPH: usize = 240;
/// The paragraphs of a document that propose pairs: the longest ones.
const PARAGRAPHS: usize = 3;

/// The share of `words` that stands in `other` in runs of at least 20 words; 0 if that is fewer than 100 words. O(n).
#[must_use]
pub fn shared_passages(words: &[u32], other: &[u32]) -> f64 {
    if words.len() < WORDS || other.len() < WORDS {
        return 0.0;
    }
    let mut first: FxHashMap<[u32; SEED], usize> = FxHashMap::default();
    for (at, seed) in other.windows(SEED).filter_map(<[u32]>::first_chunk::<SEED>).enumerate() {
        first.entry(*seed).or_insert(at);
    }
    let (mut at, mut shared) = (0, 0);
    while let Some(seed) = words[at..].first_chunk::<SEED>() {
        let run = first
            .get(seed)
            .map_or(0, |&there| words[at..].iter().zip(&other[there..]).take_while(|(a, b)| a == b).count());
        if run >= RUN {
            shared += run;
            at += run;
        } else {
            at += 1;
        }
    }
    if shared < WORDS { 0.0 } else { shared as f64 / words.len() as f64 }
}

/// Appends the hashes of the longest paragraphs, which propose pairs as a band does. Letters count as the key has them.
pub fn paragraph_hashes(text: &str, out: &mut Vec<u64>) {
    let mut longest: [&str; PARAGRAPHS] = [""; PARAGRAPHS];
    for line in text.split('\n') {
        if line.len() >= PARAGRAPH && line.len() > longest[PARAGRAPHS - 1].len() {
            longest[PARAGRAPHS - 1] = line;
            longest.sort_by_key(|line| std::cmp::Reverse(line.len()));
        }
    }
    let mut letters = Vec::new();
    for line in longest.into_iter().filter(|line| !line.is_empty()) {
        // Letters and digits alone: white space, punctuation and case do not count.
        letters.clear();
        letters.extend(line.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()));
        out.push(xxh3_64(&letters));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(from: u32, count: u32) -> Vec<u32> {
        (from..from + count).collect()
    }

    #[test]
    fn long_runs_count_and_short_ones_do_not() {
        let article = words(0, 300);
        let page = [words(1000, 40), article.clone(), words(2000, 40)].concat();
        let other = [words(3000, 60), article.clone(), words(4000, 10)].concat();
        assert_eq!(shared_passages(&page, &other), 300.0 / 380.0);
        assert_eq!(shared_passages(&article, &page), 1.0);
        // Formulas of 19 words, between other words.
        let formulas: Vec<u32> =
            (0..30).flat_map(|n| [words(n * 19, 19), words(5000 + n, 1)].concat()).collect();
        assert_eq!(shared_passages(&formulas, &words(0, 570)), 0.0);
        assert_eq!(shared_passages(&words(0, 99), &words(0, 300)), 0.0);
        assert_eq!(shared_passages(&[], &[]), 0.0);
    }

    #[test]
    fn the_longest_paragraphs_propose() {
        let hashes = |text: &str| {
            let mut out = Vec::new();
            paragraph_hashes(text, &mut out);
            out
        };
        let article = "Podul nou leagă cele două maluri. ".repeat(9);
        let (one, two) =
            (format!("Meniu\n{article}\nSubsol"), format!("Alt meniu\n{}\n", article.to_uppercase()));
        assert_eq!(hashes(&one).len(), 1);
        assert_eq!(hashes(&one), hashes(&two));
        assert_eq!(hashes(&one), hashes(&format!("Antet nou\n  {}\n", article.replace(". ", " ; "))));
        assert!(hashes("Scurt.").is_empty());
    }
}
