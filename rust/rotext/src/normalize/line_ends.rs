//! Class 16: words and clitic groups that are broken at the end of a line. The hyphen of a broken word goes, the hyphen of
//! a group or of a compound stays. The lexicon is the document first, then the words of the books.

use super::edit::Editor;
use super::evidence::Evidence;
use super::hyphens::{HOSTS, folded, is_number, token_before};
use super::lexicon::{bits, known};
use super::rules::Id;
use super::words::{REACH, after, before, word_after};

/// What to do with a hyphen at the end of a line.
#[derive(Debug, PartialEq, Eq)]
enum Break {
    /// The hyphen belongs to the word: join the lines, keep it.
    Keep,
    /// The word was broken: join the lines, remove the hyphen.
    Join,
    /// Not decidable: leave everything.
    Leave,
}

/// The length of a line end at `at`: spaces, one line feed, the indentation of the next line. A blank line is a paragraph.
pub(super) fn gap(text: &str, at: usize) -> Option<usize> {
    let blank = |bytes: &[u8]| bytes.iter().take(REACH).take_while(|&&b| matches!(b, b' ' | b'\t')).count();
    let bytes = text.as_bytes().get(at..)?;
    let spaces = blank(bytes);
    if bytes.get(spaces) != Some(&b'\n') {
        return None;
    }
    Some(spaces + 1 + blank(&bytes[spaces + 1..]))
}

/// Whether the line ends at `at`, but for spaces.
pub(super) fn ends_line(text: &str, at: usize) -> bool {
    gap(text, at).is_some()
}

/// What is counted in a document when the first broken word asks.
#[derive(Default)]
pub(super) struct Words<'t>(Option<Evidence<'t>>);

/// A hyphen whose line end became a space (`precipita- țiile`). A hanging prefix (`pre- și postbelic`) and a dash look the
/// same, so the whole must be a word of the lexicon and the second part none.
pub(super) fn flattened<'t>(editor: &mut Editor<'t, '_>, at: usize, words: &mut Words<'t>) {
    let text = editor.text();
    if text.as_bytes().get(at + 1) != Some(&b' ') {
        return;
    }
    let left = token_before(text, at);
    // A dash between two spaces, mostly.
    if left.is_empty() {
        return;
    }
    let right = word_after(text, at + 2);
    let begun = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„“\"'(«—–’".contains(c));
    let ended = after(text, at + 2 + right.len()).is_none_or(|c| !c.is_alphanumeric() && c != '-');
    let small = !right.is_empty() && right.chars().all(char::is_lowercase);
    if !begun || !ended || !small || CONJUNCTIONS.contains(&right) {
        return;
    }
    let (l, r) = (folded(left), folded(right));
    if !has_vowel(&l) || !has_vowel(&r) || l.chars().count() < 2 || r.chars().count() < 2 {
        return;
    }
    // The lexicon is asked first, because the words of the document must be counted.
    let whole = format!("{l}{r}");
    let (left_known, right_known) = (known(&l), known(&r));
    let in_lexicon = known(&whole) && !(left_known && right_known);
    let spelled = !left_known && !right_known && l.chars().count() >= 3 && r.chars().count() >= 3;
    let word = in_lexicon || spelled && bits(&whole) < 3.2;
    if !word {
        return;
    }
    let evidence = words.0.get_or_insert_with(|| Evidence::of(text));
    let lone = !right_known && evidence.count(&r) <= 1;
    let fits = lone || in_lexicon && !left_known && evidence.count(&l) <= 1;
    if evidence.romanian && fits && evidence.count(&format!("{l}-{r}")) == 0 {
        editor.replace(at..at + 2, "", Id::LineEndHyphen);
    }
}

/// Words that follow a hanging prefix.
const CONJUNCTIONS: &[&str] =
    &["și", "sau", "ori", "ci", "până", "la", "respectiv", "de", "cu", "în", "nu", "iar", "dar", "a", "o"];

/// Class 16: the hyphen at `at` with its line end.
pub(super) fn join<'t>(editor: &mut Editor<'t, '_>, at: usize, words: &mut Words<'t>) {
    let text = editor.text();
    let Some(length) = gap(text, at + 1) else { return };
    let next = at + 1 + length;
    let left = token_before(text, at);
    let right = word_after(text, next);
    let begun = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„“\"'(«—–’".contains(c));
    if left.is_empty()
        || right.is_empty()
        || !begun
        || !right.chars().all(char::is_lowercase) && !capitals(left, right)
    {
        return;
    }
    let evidence = words.0.get_or_insert_with(|| Evidence::of(text));
    if !evidence.romanian {
        return;
    }
    let hyphen_follows = text[next + right.len()..].starts_with('-');
    match decide_break(left, right, hyphen_follows, evidence) {
        Break::Keep => editor.replace(at..next, "-", Id::LineEndHyphen),
        // A verse may end with a dash that touches its word (`privesc marea-`).
        Break::Join if short(text, at) && two_verses(&folded(left), &folded(right)) => {}
        Break::Join => editor.replace(at..next, "", Id::LineEndHyphen),
        Break::Leave => {}
    }
}

/// Whether the line that ends at `at` is as short as a verse. Lines of prose are longer.
fn short(text: &str, at: usize) -> bool {
    const VERSE: usize = 45;
    text[..at].chars().rev().take(VERSE).any(|c| c == '\n') || text[..at].chars().take(VERSE).count() < VERSE
}

/// Whether the two parts are words of their own, and the whole is none that the lexicon has. A verse may begin with one of these words
/// (`drăguțule-` `ce mai faci`), and then the lexicon need not have the last word of the verse before.
fn two_verses(left: &str, right: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "ce", "că", "cu", "și", "iar", "tu", "el", "ea", "eu", "nu", "pe", "de", "din", "în", "să", "mă",
        "când", "cînd", "unde", "cum", "dar", "mai", "căci", "prin", "peste",
    ];
    let own = known(left) || left.chars().count() >= 4 && BEGINNINGS.contains(&right);
    own && known(right) && !known(&format!("{left}{right}"))
}

fn capitals(left: &str, right: &str) -> bool {
    left.chars().count() > 1 && left.chars().all(char::is_uppercase) && right.chars().all(char::is_uppercase)
}

/// Whether the word ends with a definite article or a case ending. No syllable inside a longer word does, except the
/// endings that follow the article (`articole-lor`).
fn articulated(word: &str, right: &str) -> bool {
    let ending =
        ["ul", "ele", "ile", "ului", "elor", "ilor", "iei", "iile"].iter().any(|e| word.ends_with(e));
    ending && word.chars().count() >= 6 && !matches!(right, "lor" | "lui")
}

pub(super) fn has_vowel(word: &str) -> bool {
    word.contains(['a', 'e', 'i', 'o', 'u', 'y', 'ă', 'â', 'î', 'á', 'é', 'ó', 'ĭ', 'ŭ', 'ĕ'])
}

/// Rules R1 to R5 of the rule book. The lexicon is the document itself.
fn decide_break(left: &str, right: &str, hyphen_follows: bool, evidence: &mut Evidence) -> Break {
    const CLITICS: &[&str] = &[
        "se", "le", "ne", "vă", "mă", "mi", "ți", "și", "te", "lea", "ul", "ului", "urile", "uri", "urilor",
        "un", "au", "am", "ai", "ar", "ați", "aș", "al", "ale", "îi", "îl", "însa", "însul", "însele",
        "înșii", "însă", "nainte",
    ];
    if is_number(left) && left.bytes().all(|b| b.is_ascii_digit()) {
        return if matches!(right, "lea" | "a") { Break::Keep } else { Break::Leave };
    }
    if left.bytes().any(|b| b.is_ascii_digit()) {
        return Break::Leave;
    }
    let (l, r) = (folded(left), folded(right));
    // R1: every Romanian syllable has a vowel.
    if !has_vowel(&l) {
        return if HOSTS.contains(&l.as_str()) || l.chars().count() == 1 {
            Break::Keep
        } else {
            Break::Leave
        };
    }
    // R2: one letter alone is never broken off. A syllable cannot begin with n and another consonant either
    // (`mai-nainte`, `de-ncepu`): the î is elided.
    let mut letters = r.chars();
    let elided =
        matches!((letters.next(), letters.next()), (Some('n' | 'm'), Some(c)) if !has_vowel(&c.to_string()));
    if r.chars().count() == 1 || elided {
        return Break::Keep;
    }
    // R3: words that elide before un, o, însul.
    if matches!(l.as_str(), "într" | "intr" | "dintr" | "printr") {
        return Break::Keep;
    }
    let (joined, hyphened) = (evidence.count(&format!("{l}{r}")), evidence.count(&format!("{l}-{r}")));
    // R4: clitics, unless the document has the joined word.
    if CLITICS.contains(&r.as_str()) {
        let whole = joined > hyphened;
        return if whole { Break::Join } else { Break::Keep };
    }
    // R4b: compounds of după.
    if l == "după" && ["amiaz", "amiez", "masă", "mese"].iter().any(|begin| r.starts_with(begin)) {
        return Break::Keep;
    }
    // R5: what the document writes elsewhere.
    if joined > 0 || hyphened > 0 {
        return if hyphened > joined { Break::Keep } else { Break::Join };
    }
    // A word that continues with another hyphen, a compound, or two words that the document has: no evidence.
    let compound = l.chars().count() >= 5
        && ["o", "iv", "al", "ic", "ar", "ist", "ean", "esc"].iter().any(|ending| l.ends_with(ending));
    let two_words = evidence.count(&l) > 1 && evidence.count(&r) > 1;
    // Two acronyms (`RACR-AVZ`) look like one broken word in capitals.
    let acronyms = left.chars().all(char::is_uppercase) && (r.chars().count() < 4 || l.chars().count() < 3);
    if hyphen_follows
        || compound
        || acronyms
        || two_words
        || articulated(&l, &r)
        || COMPOUNDS.contains(&l.as_str())
        || !has_vowel(&r)
        || l.chars().count() < 2
    {
        return Break::Leave;
    }
    Break::Join
}

/// First parts of compounds that are written with a hyphen, and words that a clitic or a second half follows.
const COMPOUNDS: &[&str] = &[
    "nord", "sud", "est", "vest", "prim", "vice", "ex", "anti", "non", "pro", "bun", "rău", "câte", "cîte",
    "vre", "par", "fie", "alt", "de", "ne", "mai", "ce", "să", "că", "nu", "cel", "cea", "din", "prin", "pe",
    "la", "dumnezeu", "mass", "best", "top", "web", "show", "austro", "anglo", "franco", "greco", "ruso",
    "turco", "psiho", "luându",
];
