//! Class 3: ISO 8859-2 (or cp1250) bytes that are shown as Latin-1: º ª for ș Ș, þ Þ for ț Ț, ã Ã for ă Ă.
//!
//! The same characters are degrees and ordinals (`24ºC`, `1ª edición`), Icelandic and Portuguese. So the whole document
//! votes: it needs three strong patterns of two different letters, hardly any correct letters, less Portuguese than
//! evidence, and Romanian function words. Class 3b, a single ã in good Romanian, is decided word by word.

use memchr::memchr2_iter;

use super::edit::Editor;
use super::lexicon::{bits, known};
use super::rules::Id;
use super::words::{REACH, after, before, fold, function_words, is_letter, letter, word_around};

/// The letter that was meant.
fn meant(c: char) -> Option<char> {
    Some(match c {
        'º' => 'ș',
        'ª' => 'Ș',
        'þ' => 'ț',
        'Þ' => 'Ț',
        'ã' => 'ă',
        'Ã' => 'Ă',
        _ => return None,
    })
}

/// All suspects; in UTF-8 they are C2 xx or C3 xx.
fn suspects(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    memchr2_iter(0xC2, 0xC3, text.as_bytes())
        .filter_map(|at| after(text, at).filter(|&c| meant(c).is_some()).map(|c| (at, c)))
        .filter(|&(at, c)| {
            // No word has two of them side by side, and endless rows of Ã and Â are what mojibake leaves.
            let twin = |other: Option<char>| matches!((c, other), ('Ã' | 'ã', Some('Ã' | 'ã' | 'Â' | 'â')));
            !twin(before(text, at)) && !twin(after(text, at + c.len_utf8()))
        })
}

fn in_word(c: char) -> bool {
    is_letter(c) || c == 'º' || c == 'ª'
}

/// Repairs the whole document if it votes for that, else single words with ã.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    if vote(text) {
        let bytes = text.as_bytes();
        for at in memchr2_iter(0xC2, 0xC3, bytes) {
            let Some(c) = after(text, at) else { continue };
            if let Some(good) = meant(c).filter(|_| belongs(text, at, c)) {
                editor.put(at..at + c.len_utf8(), good, Id::Latin2);
            } else if let Some(good) = quote(text, at, c) {
                editor.put(at..at + c.len_utf8(), good, Id::Latin2);
            }
        }
    } else {
        tilde_words(editor);
    }
}

/// Whether the document shows Latin-2 as Latin-1.
fn vote(text: &str) -> bool {
    let (mut s, mut t, mut a, mut seen, mut portuguese) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for (at, c) in suspects(text) {
        let next = after(text, at + c.len_utf8());
        let prev = before(text, at);
        match c {
            'º' | 'ª' if belongs(text, at, c) => {
                seen += 1;
                let alone_i = next == Some('i') && !letter(prev);
                let inside = prev.is_some_and(char::is_lowercase)
                    && letter(prev)
                    && next.is_some_and(char::is_lowercase);
                let initial = c == 'ª' && next.is_some_and(char::is_lowercase) || c == 'º' && letter(next);
                s += u32::from(alone_i || inside || initial && !letter(prev));
            }
            'þ' | 'Þ' if belongs(text, at, c) => {
                seen += 1;
                t += u32::from(next.is_some_and(|n| "iaueãoâIAUEÃOÂ".contains(n)));
            }
            'ã' | 'Ã' => {
                if foreign_tilde(text, at) {
                    portuguese += 1;
                    continue;
                }
                seen += 1;
                a += u32::from(letter(prev) && !letter(next) || known_tilde(word(text, at)));
            }
            _ => {}
        }
    }
    let letters = u32::from(s > 0) + u32::from(t > 0) + u32::from(a > 0);
    if s + t + a < 3 || letters < 2 || portuguese >= s + t {
        return false;
    }
    // Turkish in cp1254 shows þ for ş, but it has ð and ý too.
    let (mut good, mut turkish) = (0u32, 0u32);
    for c in text.chars() {
        good += u32::from(matches!(c, 'ș' | 'ț' | 'ş' | 'ţ' | 'ă' | 'Ș' | 'Ț' | 'Ş' | 'Ţ' | 'Ă'));
        turkish += u32::from(matches!(c, 'ð' | 'ý' | 'Ð' | 'Ý'));
    }
    good * 10 < seen && turkish * 4 < t.max(1) && function_words(text, 1) >= 1
}

/// The word around `at`, with suspects.
fn word(text: &str, at: usize) -> &str {
    let (start, end) = word_around(text, at, in_word);
    &text[start..end]
}

/// Whether the suspect at `at` is part of a Romanian word, and not a degree, an ordinal or a foreign letter.
fn belongs(text: &str, at: usize, c: char) -> bool {
    let (prev, next) = (before(text, at), after(text, at + c.len_utf8()));
    let near = |c: Option<char>| c.is_some_and(in_word);
    match c {
        'º' | 'ª' => {
            // The sign of a temperature or an ordinal: after a digit, or before a final C or F.
            let digit = text[..at]
                .chars()
                .rev()
                .take(REACH)
                .find(|c| *c != ' ' && *c != '\u{A0}')
                .is_some_and(char::is_numeric);
            let touching = prev.is_some_and(char::is_numeric);
            let unit = matches!(next, Some('C' | 'F' | 'K')) && !letter(after(text, at + c.len_utf8() + 1));
            let number_word = matches!(word(text, at), "nº" | "Nº" | "Mª" | "Dª" | "Sª" | "Nª" | "nª");
            // `º-a dus`: the pronoun before its hyphen.
            let clitic = next
                .filter(|n| matches!(n, '-' | '’' | '\''))
                .is_some_and(|n| !letter(prev) && letter(after(text, at + c.len_utf8() + n.len_utf8())));
            (near(prev) || near(next) || clitic)
                && !touching
                && !(unit && (digit || !near(prev)))
                && !number_word
        }
        'þ' | 'Þ' => (near(prev) || near(next)) && !word(text, at).contains(foreign_letter),
        // The document has voted, so `fã-mi` is not Portuguese.
        _ => !foreign_letters(text, at),
    }
}

fn foreign_letter(c: char) -> bool {
    matches!(
        c,
        'á' | 'é'
            | 'í'
            | 'ó'
            | 'ú'
            | 'ý'
            | 'ð'
            | 'æ'
            | 'ö'
            | 'õ'
            | 'ñ'
            | 'Á'
            | 'É'
            | 'Í'
            | 'Ó'
            | 'Ú'
            | 'Ý'
            | 'Æ'
            | 'Ö'
    )
}

/// A Portuguese (Spanish, Breton) word: `não`, `São`, `maçã`, `Guimarães`, `irmã`.
fn foreign_tilde(text: &str, at: usize) -> bool {
    const WORDS: &[&str] = &[
        "irmã", "irmãs", "manhã", "manhãs", "amanhã", "romã", "romãs", "avelã", "avelãs", "hortelã", "alemã",
        "alemãs", "cristã", "cristãs", "talismã", "divã", "amanhãs", "anã", "vilã", "ímã", "galã", "cidadã",
        "fã", "fãs", "lã", "lãs", "rã", "rãs", "vãs", "sãs",
    ];
    foreign_letters(text, at) || WORDS.contains(&word(text, at).to_lowercase().as_str())
}

/// Whether the word of the ã at `at` has letters or pairs that Romanian does not have.
fn foreign_letters(text: &str, at: usize) -> bool {
    let lower = word(text, at).to_lowercase();
    ["ão", "ãi", "õ", "ç", "ñ"].iter().any(|p| lower.contains(p))
        && !romanian_ai(&lower)
        && !lower.starts_with("adãog")
        || lower.ends_with("ãe")
        || lower.ends_with("ães")
        || lower.contains(foreign_letter)
}

/// `ãi` is Portuguese only in `mãi` and `cãibra`; Romanian has `bãiat`, `copãi`, `rãi`.
fn romanian_ai(lower: &str) -> bool {
    lower.contains("ãi")
        && !["ão", "ãe", "õ", "ç", "ñ"].iter().any(|p| lower.contains(p))
        && !lower.starts_with("cãib")
}

/// Words that are Romanian in any context, when ã is read as ă.
fn known_tilde(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "că", "să", "mă", "vă", "dă", "stă", "dacă", "după", "fără", "până", "pînă", "lângă", "lîngă",
        "către", "număr", "numărul", "această", "încă", "două", "nouă", "său", "săi", "tău", "tăi", "însă",
        "iată", "astăzi",
    ];
    let folded: String = word.chars().map(fold).collect();
    WORDS.contains(&folded.as_str())
}

/// Class 3c: after the document has voted, ¥ and µ in the places of quotation marks are „ and ” of ISO 8859-16.
fn quote(text: &str, at: usize, c: char) -> Option<char> {
    let (prev, next) = (before(text, at), after(text, at + c.len_utf8()));
    match c {
        '¥' if letter(next) && !prev.is_some_and(char::is_alphanumeric) => Some('„'),
        'µ' if !letter(next) && (letter(prev) || matches!(prev, Some('.' | '!' | '?'))) => Some('”'),
        _ => None,
    }
}

/// Class 3b: ã in a document that is otherwise good. The word must be in lower case (or known) and have only Romanian
/// letters, and the document must be Romanian.
fn tilde_words(editor: &mut Editor) {
    let text = editor.text();
    let mut romanian = None;
    for (at, c) in suspects(text) {
        if meant(c) != Some('ă') && meant(c) != Some('Ă') {
            if single(text, at, c) && *romanian.get_or_insert_with(|| is_romanian(text)) {
                let good = meant(c).unwrap_or(c);
                editor.put(at..at + c.len_utf8(), good, Id::Latin2);
            }
            continue;
        }
        if foreign_tilde(text, at) {
            continue;
        }
        let word = word(text, at);
        let plain = word.chars().count() >= 4
            && word.chars().all(|c| matches!(c, 'a'..='z' | 'ã' | 'ă' | 'â' | 'î' | 'ș' | 'ț' | 'ş' | 'ţ'));
        if !(plain || known_tilde(word) || begins_sentence(text, word) || spelled(word)) {
            continue;
        }
        if *romanian.get_or_insert_with(|| is_romanian(text)) {
            editor.put(at..at + c.len_utf8(), if c == 'ã' { 'ă' } else { 'Ă' }, Id::TildeA);
        }
    }
}

/// Two function words (one is enough beside a letter that only Romanian has), and fewer than two of Portuguese.
fn is_romanian(text: &str) -> bool {
    let enough = if text.contains(['ș', 'ț', 'ă']) { 1 } else { 2 };
    function_words(text, enough) == enough && portuguese_words(text) < 2
}

/// The word around `at` with the letters that were meant.
fn repaired(word: &str) -> String {
    word.chars().map(|c| meant(c).unwrap_or(c)).collect()
}

/// Class 3 in a document that is otherwise good: one º ª þ Þ was forgotten. The word must be in the lexicon, or be long and
/// spelled like Romanian.
fn single(text: &str, at: usize, c: char) -> bool {
    let raw = word(text, at);
    let good = repaired(raw);
    // º and ª are small and raised: an ordinal is a number or a letter before them (`1ª`, `Nº`).
    let last = !letter(after(text, at + c.len_utf8()));
    let ordinal = matches!(c, 'º' | 'ª') && last && !ends_word(raw, c, &good);
    let upper = raw.chars().filter(|c| c.is_uppercase()).count();
    // A capital begins its word, or the word is in capitals.
    let fits = matches!(c, 'º' | 'þ') || raw.starts_with(c) || upper * 2 > raw.chars().count();
    // Between small letters it cannot be an ordinal (`nºs` has one letter before it), so a technical word needs no lexicon.
    let (prev, next) = (before(text, at), after(text, at + c.len_utf8()));
    let small = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || "ăâîșț".contains(c));
    let between = c == 'º' && small(prev) && small(next) && raw.chars().count() >= 5 && bits(&good) < 5.0;
    belongs(text, at, c)
        && !ordinal
        && fits
        && (known(&good)
            || between
            || raw.chars().count() >= 6 && bits(&good) < if raw.starts_with(c) { 4.1 } else { 3.7 })
}

/// Whether º is the last letter of a word (`oraº`, `haº`): of three letters or more, all small, that the lexicon has with ș and does not
/// have as `ora` followed by an ordinal sign. Nobody writes an ordinal sign after a whole word in small letters.
fn ends_word(raw: &str, c: char, good: &str) -> bool {
    let small = |c: char| c.is_ascii_lowercase() || "ăâîșț".contains(c);
    let stem = raw.trim_end_matches(c);
    c == 'º' && stem.chars().count() >= 2 && stem.chars().all(small) && (known(good) || bits(good) < 3.0)
}

/// Words in capitals (`RUGÃCIUNEA`), and names with ã inside (`Nãstase`), that are spelled like Romanian after the repair.
/// Portuguese names end in ã, ão, ães.
fn spelled(word: &str) -> bool {
    let good = repaired(word);
    let letters = word.chars().count();
    let ours = good.chars().all(|c| c.is_ascii_alphabetic() || "ăâîșțĂÂÎȘȚ".contains(c));
    let capitals = word.chars().all(|c| !c.is_lowercase());
    let inside = !word.ends_with('ã') && word.chars().next().is_some_and(char::is_uppercase);
    ours && letters >= 4 && (capitals || inside) && (known(&good) || bits(&good) < 4.3)
}

/// `Lucrãrile de …`: the capital only begins a sentence. Names of places end in ã (`Covilhã`).
fn begins_sentence(text: &str, word: &str) -> bool {
    let at = word.as_ptr().addr() - text.as_ptr().addr();
    let head = text[..at].trim_end_matches(' ');
    let mut letters = word.chars();
    (head.is_empty() || head.ends_with(['\n', '.', '!', '?', ':', '„', '—', '–']))
        && letters.next().is_some_and(char::is_uppercase)
        && word.chars().count() >= 5
        && !word.ends_with('ã')
        && letters.all(|c| matches!(c, 'a'..='z' | 'ã' | 'ă' | 'â' | 'î' | 'ș' | 'ț' | 'ş' | 'ţ'))
}

/// Function words of Portuguese that Romanian does not have.
fn portuguese_words(text: &str) -> usize {
    const WORDS: &[&str] = &["não", "uma", "com", "dos", "das", "em", "são", "para", "você", "também", "à"];
    text.split(|c: char| !is_letter(c)).filter(|w| WORDS.contains(w)).take(2).count()
}
