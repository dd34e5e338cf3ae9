//! Classes 16, 17 and 18: hard hyphens, clitics that a space separates from their hyphen, words broken at the end of a
//! line.

use memchr::memmem;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, fold, function_words, is_letter, word_after, word_around};

/// Class 17: U+2010 and U+2011 look like U+002D, and Romanian is written with U+002D.
pub(super) fn soften(editor: &mut Editor) {
    let text = editor.text();
    for at in memmem::find_iter(text.as_bytes(), &[0xE2, 0x80]) {
        if matches!(after(text, at), Some('\u{2010}' | '\u{2011}')) {
            editor.replace(at..at + 3, "-", Id::HardHyphen);
        }
    }
}

/// Classes 18 and 16, which both begin with a hyphen after a letter.
pub(super) fn join(editor: &mut Editor) {
    let text = editor.text();
    let mut evidence = None;
    for at in memchr::memchr_iter(b'-', text.as_bytes()) {
        match text.as_bytes().get(at + 1) {
            Some(b' ') if splits_clitic(text, at) => editor.replace(at..at + 2, "-", Id::SplitClitic),
            Some(b'\n') => line_end(editor, at, &mut evidence),
            _ => {}
        }
    }
}

/// The word in lower case with modern letters, as in the lists.
fn folded(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).map(fold).collect()
}

fn is_number(word: &str) -> bool {
    !word.is_empty()
        && (word.bytes().all(|b| b.is_ascii_digit())
            || word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X' | b'L' | b'C' | b'M')))
}

/// The token that ends at `at`: letters, or digits.
fn token_before(text: &str, at: usize) -> &str {
    let (start, _) = word_around(&text[..at], at, |c| is_letter(c) || c.is_ascii_digit());
    &text[start..at]
}

/// One-letter and elided words that occur only before a hyphen (`s-a`, `l-au`, `într-un`).
pub(crate) const HOSTS: &[&str] = &[
    "s", "l", "m", "n", "i", "v", "c", "d", "p", "mi", "ți", "și", "ne", "le", "te", "se", "vă", "ce", "de",
    "nu", "să", "că", "dacă", "ca", "cine", "care", "unde", "cum", "când", "cînd", "până", "pînă", "după",
    "pe", "într", "intr", "dintr", "printr", "a", "la", "fără", "prea", "așa", "ia", "mai", "ni", "li", "vi",
    "ți",
];

/// Class 18: whether the space after the hyphen at `at` is between a word and its clitic. Only clitics of the closed
/// lists count: `pre- și postbelic`, `bi- sau tri` and a dash without its first space stay as they are.
fn splits_clitic(text: &str, at: usize) -> bool {
    let left = token_before(text, at);
    let right = word_after(text, at + 2);
    let ended = after(text, at + 2 + right.len()).is_none_or(|c| !c.is_alphanumeric() && c != '_');
    // The left part is one whole word, not the second half of a compound, an option or a path.
    let begun = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„“\"'(«—–’-".contains(c));
    if left.is_empty() || right.is_empty() || !ended || !begun {
        return false;
    }
    let (left, right) = (folded(left), right);
    if right.chars().any(char::is_uppercase) {
        return false;
    }
    let right = folded(right);
    let host = HOSTS.contains(&left.as_str());
    let number = is_number(token_before(text, at));
    match right.as_str() {
        "lea" => number,
        "a" if number => true,
        "a" | "am" | "ai" | "ar" | "au" | "aș" | "ați" | "o" | "e" | "îi" | "or" if host => {
            !(left == "a" || left == "c" && right == "e")
        }
        "un" => matches!(left.as_str(), "într" | "intr" | "dintr" | "printr" | "de" | "c" | "ș" | "p"),
        "al" | "ale" => left == "de",
        "o" | "și" | "se" => is_gerund(&left),
        // After a noun or a verb these are words of their own too (`zona de locuit- se admite`), so the host must be a
        // word that takes them.
        "te" => is_gerund(&left) || IMPERATIVES.contains(&left.as_str()),
        "vă" | "ne" | "le" => {
            is_gerund(&left)
                || is_plural_imperative(&left)
                || matches!(left.as_str(), "dă" | "ia" | "spune" | "fă")
        }
        "mi" | "ți" => {
            host || is_gerund(&left)
                || is_plural_imperative(&left)
                || matches!(left.as_str(), "dă" | "spune" | "fă" | "ia")
        }
        // l and i alone are not words.
        "l" | "i" => {
            host || left.chars().count() >= 3 && has_vowel(&left) && !PREFIXES.contains(&left.as_str())
        }
        "ul" | "ului" | "uri" | "urile" | "urilor" => left.chars().count() >= 2,
        _ => false,
    }
}

/// `văzându-`, `ducîndu-`: the only hosts of `se` and `și`.
fn is_gerund(word: &str) -> bool {
    word.chars().count() > 4 && ["ându", "îndu", "indu"].iter().any(|ending| word.ends_with(ending))
}

/// `adresați-`: the polite imperative.
fn is_plural_imperative(word: &str) -> bool {
    word.chars().count() > 4 && word.ends_with("ți")
}

/// Reflexive verbs in the imperative (`du-te`, `uită-te`).
const IMPERATIVES: &[&str] = &[
    "du",
    "uită",
    "gândește",
    "gîndește",
    "grăbește",
    "oprește",
    "întoarce",
    "așază",
    "așează",
    "ține",
    "roagă",
    "ridică",
    "culcă",
    "scoală",
    "joacă",
    "bucură",
    "apropie",
    "liniștește",
];

/// Prefixes that occur before a hanging hyphen (`micro- i…`); they are not hosts of clitics.
const PREFIXES: &[&str] = &[
    "pre", "post", "anti", "auto", "semi", "micro", "macro", "mini", "maxi", "non", "sub", "supra", "inter",
    "intra", "pro", "ultra", "super", "bio", "geo", "mono", "multi", "poli", "extra", "infra", "hiper",
    "contra", "ante",
];

/// How often each word occurs in the document, hyphens included. It is counted at the first question, by 64-bit hashes of
/// the words as [`folded`] writes them.
struct Evidence<'t> {
    text: &'t str,
    romanian: bool,
    counts: Option<FxHashMap<u64, u32>>,
}

/// Longer tokens are not words.
const WORD_BYTES: usize = 64;

impl<'t> Evidence<'t> {
    fn of(text: &'t str) -> Self {
        let ours = |c| matches!(c, 'ă' | 'ș' | 'ț' | 'î' | 'ş' | 'ţ');
        Self { text, romanian: text.contains(ours) || function_words(text, 1) >= 1, counts: None }
    }

    fn count(&mut self, word: &str) -> u32 {
        let counts = self.counts.get_or_insert_with(|| count_words(self.text));
        counts.get(&xxh3_64(word.as_bytes())).copied().unwrap_or(0)
    }
}

fn count_words(text: &str) -> FxHashMap<u64, u32> {
    let mut counts = FxHashMap::default();
    let mut word = Vec::with_capacity(2 * WORD_BYTES);
    let mut end = |word: &mut Vec<u8>| {
        // A broken word is no evidence: its hyphen ends the token.
        let hyphens = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|&&b| b == b'-').count();
        let (front, back) = (hyphens(&mut word.iter()), hyphens(&mut word.iter().rev()));
        if front < word.len() && word.len() - front - back <= WORD_BYTES {
            *counts.entry(xxh3_64(&word[front..word.len() - back])).or_default() += 1;
        }
        word.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphabetic() || c == '-' {
            word.push((c as u8).to_ascii_lowercase());
        } else if matches!(c, 'ă' | 'â' | 'î' | 'ș' | 'ț') {
            word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else if !c.is_ascii() && is_letter(c) {
            for lower in c.to_lowercase().map(fold) {
                word.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
            }
        } else if !word.is_empty() {
            end(&mut word);
        }
    }
    end(&mut word);
    counts
}

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

/// Class 16: the hyphen at `at` with its line end.
fn line_end<'t>(editor: &mut Editor<'t, '_>, at: usize, evidence: &mut Option<Evidence<'t>>) {
    let text = editor.text();
    let left = token_before(text, at);
    let right = word_after(text, at + 2);
    let begun = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„“\"'(«—–’".contains(c));
    if left.is_empty()
        || right.is_empty()
        || !begun
        || !right.chars().all(char::is_lowercase) && !capitals(left, right)
    {
        return;
    }
    let evidence = evidence.get_or_insert_with(|| Evidence::of(text));
    if !evidence.romanian {
        return;
    }
    let hyphen_follows = text[at + 2 + right.len()..].starts_with('-');
    match decide_break(left, right, hyphen_follows, evidence) {
        Break::Keep => editor.replace(at..at + 2, "-", Id::LineEndHyphen),
        Break::Join => editor.replace(at..at + 2, "", Id::LineEndHyphen),
        Break::Leave => {}
    }
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

fn has_vowel(word: &str) -> bool {
    word.contains(['a', 'e', 'i', 'o', 'u', 'y', 'ă', 'â', 'î', 'á', 'é', 'ó', 'ĭ', 'ŭ', 'ĕ'])
}

/// Rules R1 to R5 of the rule book. The lexicon is the document itself.
fn decide_break(left: &str, right: &str, hyphen_follows: bool, evidence: &mut Evidence) -> Break {
    const CLITICS: &[&str] = &[
        "se", "le", "ne", "vă", "mi", "ți", "și", "te", "lea", "ul", "ului", "urile", "uri", "urilor", "un",
        "au", "am", "ai", "ar", "ați", "aș", "al", "ale", "îi", "îl", "însa", "însul", "însele", "înșii",
        "însă", "nainte",
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
