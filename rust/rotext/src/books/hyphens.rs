//! Hyphens at the ends of lines: of the word (`s-au`, `într-o`) or of the typesetter.
//!
//! Rules R1 to R5. A syllable has a vowel, and a printer leaves at least two letters, so a part without either is a
//! clitic. A lexicon alone decides the most common cases wrongly, because the joined form is a word too: `s-au` and
//! `sau`, `l-a` and `la`, `ne-am` and `neam`.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::normalize::HOSTS;
use crate::romanian::{Model, letter};

/// How often each word occurs in the book, hyphens included.
#[derive(Default)]
pub(super) struct Counts(FxHashMap<u64, u32>);

impl Counts {
    /// Counts a word that is whole inside a line.
    pub(super) fn add(&mut self, word: &str) {
        let word = word.trim_matches(|c: char| !c.is_alphabetic());
        if !word.is_empty() && word.len() <= 64 {
            *self.0.entry(folded(word)).or_default() += 1;
        }
    }

    fn of(&self, word: &str) -> u32 {
        self.0.get(&folded(word)).copied().unwrap_or(0)
    }
}

/// The hash of the word in lower case, with ș for ş and one kind of hyphen.
fn folded(word: &str) -> u64 {
    let mut folded = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        folded.push(match c {
            'ş' => 'ș',
            'ţ' => 'ț',
            '‐' | '‑' => '-',
            c => c,
        });
    }
    xxh3_64(folded.as_bytes())
}

/// Whether the hyphen between `left` and `right` (the letters on both sides of the line end) is part of the word. Without a
/// model of its language only the spelling of the book decides.
#[must_use]
pub(super) fn belongs(left: &str, right: &str, counts: &Counts, model: Option<&Model>) -> bool {
    const CLITICS: &[&str] = &[
        "se", "le", "ne", "vă", "mi", "ți", "și", "te", "lea", "ul", "ului", "urile", "uri", "urilor", "un",
        "au", "am", "ai", "ar", "ați", "aș", "al", "ale", "îi", "îl", "nainte",
    ];
    // A part with a hyphen (`aducându-i-|se`) is decided by the part next to the break.
    let left = left.rsplit(['-', '‐', '‑']).next().unwrap_or(left);
    let (l, r) = (lower(left), lower(right));
    let (Some(last), Some(first)) = (left.chars().next_back(), right.chars().next()) else { return true };
    if !last.is_alphabetic() || !first.is_alphabetic() {
        return true;
    }
    // `Cuza-|Vodă`; but a word in capitals is broken like any other word.
    if first.is_uppercase() && !left.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase) {
        return true;
    }
    let joined = format!("{l}{r}");
    let (whole, parted) = (counts.of(&joined), counts.of(&format!("{l}-{r}")));
    let Some(model) = model else { return parted > whole };
    // R1 and R2; `mai-|nainte`: no syllable begins with n and another consonant.
    let elided =
        matches!(r.chars().next(), Some('n' | 'm')) && r.chars().nth(1).is_some_and(|c| !is_vowel(c));
    if !l.contains(is_vowel) || r.chars().count() == 1 || elided {
        return true;
    }
    // R3: words that elide before un, o, însul.
    if matches!(l.as_str(), "într" | "intr" | "dintr" | "printr" | "pîntr" | "prîntr") {
        return true;
    }
    // R5: what the book writes elsewhere.
    if whole != parted {
        return parted > whole;
    }
    let known = model.knows_whole(&joined);
    // R4: clitics, unless the joined form is a word.
    if CLITICS.contains(&r.as_str()) {
        return !known;
    }
    // `ne-|om uita`, `de-|or veni`: the colloquial future, only after words that take it, because `-or` ends words too.
    // `neom` is in the lexicon, but nobody writes it; for `vioi` and `maior` it is the opposite.
    if matches!(r.as_str(), "oi" | "ăi" | "om" | "oți" | "eți" | "or") && HOSTS.contains(&l.as_str()) {
        return !matches!(joined.as_str(), "vioi" | "maior");
    }
    // `mătușă-|ta`, `frate-|meu`: a relative and its possessive.
    const WHOSE: &[&str] = &["ta", "sa", "me", "mea", "tu", "su", "tău", "său", "meu", "sei", "mei"];
    if WHOSE.contains(&r.as_str()) && !known && l.chars().count() >= 3 && model.knows_whole(&l) {
        return true;
    }
    // Two words whose joined form is not a word (`nord-|vest`).
    let words =
        l.chars().count() >= 3 && r.chars().count() >= 4 && model.knows_whole(&l) && model.knows_whole(&r);
    !known && words && counts.of(&l) > 1 && counts.of(&r) > 1
}

fn lower(word: &str) -> String {
    let modern = |c| match c {
        'ş' => 'ș',
        'ţ' => 'ț',
        c => c,
    };
    word.chars().flat_map(char::to_lowercase).map(modern).collect()
}

fn is_vowel(c: char) -> bool {
    // a e i o u y ă â î by their numbers; ĭ and ŭ count as the letters that they soften.
    matches!(letter(c), 1 | 5 | 9 | 15 | 21 | 25 | 27 | 28 | 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::romanian::model;

    #[test]
    fn clitics_keep_their_hyphen_and_words_lose_the_printers() {
        let counts = Counts::default();
        for (left, right) in [
            ("s", "au"),
            ("Dându", "i"),
            ("mai", "nainte"),
            ("într", "o"),
            ("2", "lea"),
            ("dându", "se"),
            ("Cuza", "Vodă"),
            ("l", "a"),
            ("printr", "însele"),
            ("ducându", "și"),
            ("mătușă", "ta"),
            ("ne", "om"),
            ("de", "or"),
        ] {
            assert!(belongs(left, right, &counts, Some(model())), "{left}-{right}");
        }
        for (left, right) in [
            ("pen", "tru"),
            ("vec", "tori"),
            ("frumu", "sețe"),
            ("spu", "se"),
            ("CAPI", "TOLUL"),
            ("vorbi", "ră"),
            ("aces", "te"),
            ("îndepăr", "tat"),
            ("ascul", "ta"),
            ("înseam", "nă"),
            ("interi", "or"),
            ("vi", "oi"),
        ] {
            assert!(!belongs(left, right, &counts, Some(model())), "{left}-{right}");
        }
    }

    #[test]
    fn the_book_decides_for_itself() {
        let mut counts = Counts::default();
        assert!(!belongs("câte", "va", &counts, Some(model())));
        counts.add("câte-va");
        assert!(belongs("câte", "va", &counts, Some(model())));
    }
}
