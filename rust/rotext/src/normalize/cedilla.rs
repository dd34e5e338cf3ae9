//! Class 1: ş with a cedilla (U+015F) is Turkish. ţ with a cedilla (U+0163) is neither Turkish nor Romanian. Romanian has ș and ț
//! with a comma below (U+0219, U+021B; ISO 8859-16, 2001).
//!
//! No Turkish word has ţ, so it is always replaced. ş stays in Turkish words. A word is Turkish if it has a letter that
//! Turkish has and Romanian does not (`Erdoğan Şükrü`), or if it is in the list below.

use memchr::{memchr_iter, memchr2_iter};

use super::Options;
use super::edit::Editor;
use super::lexicon::plausible;
use super::rules::Id;
use super::words::{after, before, function_words, is_letter, letter, word_around};

/// Maps the four letters.
pub(super) fn repair(editor: &mut Editor, options: &Options) {
    let text = editor.text();
    let mut turkish_document = None;
    let mut protected = 0..0;
    for at in memchr2_iter(0xC4, 0xC5, text.as_bytes()) {
        if text[at..].starts_with('İ') {
            dotted(editor, at);
            continue;
        }
        let good = match after(text, at) {
            Some('ş') => 'ș',
            Some('Ş') => 'Ș',
            Some('ţ') => 'ț',
            Some('Ţ') => 'Ț',
            _ => continue,
        };
        let alone = !letter(before(text, at)) && !letter(after(text, at + 2));
        if alone && chart_letter(text, at, at + 2) {
            continue;
        }
        if options.protect_turkish && matches!(good, 'ș' | 'Ș') {
            let (start, end) = word_around(text, at, is_letter);
            if protected.contains(&at)
                || is_turkish(&text[start..end])
                || *turkish_document.get_or_insert_with(|| turkish(text))
            {
                protected = start..end;
                continue;
            }
        }
        editor.put(at..at + 2, good, Id::Cedilla);
    }
}

/// İ in a Romanian word in capitals (`BĂİEȚİ`): a Turkish keyboard. The word has no other Turkish letter, and the text is
/// Romanian.
fn dotted(editor: &mut Editor, at: usize) {
    let text = editor.text();
    let (start, end) = word_around(text, at, is_letter);
    let word = text[start..end].replace('İ', "I");
    let capitals = word.chars().count() >= 3 && !word.contains(char::is_lowercase);
    let ours = word.chars().all(|c| c.is_ascii_uppercase() || "ĂÂÎȘȚŞŢ".contains(c));
    let near = |c: char| "ăâîșțĂÂÎȘȚţŢ".contains(c);
    if capitals && ours && plausible(&word) && text.contains(near) && function_words(text, 1) == 1 {
        editor.put(at..at + 'İ'.len_utf8(), 'I', Id::Cedilla);
    }
}

/// Whether the line of a single letter names the cedilla. Then the letter is the subject of the line (charts of code pages).
fn chart_letter(text: &str, start: usize, end: usize) -> bool {
    let from = text[..start].rfind('\n').map_or(0, |i| i + 1).max(floor(text, start.saturating_sub(80)));
    let to = text[end..].find('\n').map_or(text.len(), |i| end + i).min(floor(text, end + 80));
    let line = text[from..to].to_lowercase();
    line.contains("sedil") || line.contains("cedil")
}

/// The nearest boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

/// Letters of Turkish (and Azeri) that Romanian does not have.
fn turkish_letter(c: char) -> bool {
    matches!(c, 'ğ' | 'Ğ' | 'ı' | 'İ' | 'ö' | 'Ö' | 'ü' | 'Ü' | 'ç' | 'Ç' | 'ə' | 'Ə')
}

/// Turkish names whose letters are all Romanian too. Only whole words match, or a long name with a Romanian ending: the
/// name must be too long to begin a Romanian word.
const NAMES: &[&str] = &[
    "ataşehir",
    "beşiktaş",
    "eskişehir",
    "nevşehir",
    "akşehir",
    "alaşehir",
    "viranşehir",
    "başakşehir",
    "kahramanmaraş",
    "şanlıurfa",
    "uşak",
    "beştepe",
    "maltepe",
    "ayşe",
    "ayşegül",
    "şahin",
    "şener",
    "şenol",
    "şevket",
    "şerife",
    "demirtaş",
    "akşener",
    "aktaş",
    "şimşek",
    "yavaş",
    "keleş",
    "başak",
    "başbakan",
    "kardeş",
    "türkeş",
    "eşref",
    "reşat",
    "reşit",
    "nişantaşi",
    "paşabahçe",
    "kuşadasi",
    "şişli",
    "ateş",
    "savaş",
    "aydoğdu",
    "beşir",
    "elmaş",
    "bektaş",
    "göktaş",
    "karakaş",
    "karataş",
    "erdaş",
    "oktaş",
];

fn is_turkish(word: &str) -> bool {
    const ENDINGS: &[&str] = &["ul", "ului", "lui", "i", "ilor", "a", "ei", "iul", "e"];
    if word.contains(turkish_letter) {
        // A Romanian word with a foreign stem: it has a letter that Turkish does not have, or a Romanian ending and only
        // letters that German has too (`crenvürşti`).
        let ending = ["şti", "ştii", "ştilor", "şte", "şului", "şul"].iter().any(|e| word.ends_with(e));
        if ending && !word.contains(['ğ', 'Ğ', 'ı', 'İ', 'ç', 'Ç', 'ə', 'Ə']) {
            return false;
        }
        return !word.contains(['ă', 'ț', 'ţ', 'ș', 'Ă', 'Ț', 'Ţ', 'Ș']);
    }
    // Nearly every word ends here, without being copied.
    if !BEGINNINGS[beginning(word.as_bytes())] {
        return false;
    }
    let lower = word.to_lowercase();
    NAMES.iter().any(|name| {
        lower
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || name.chars().count() >= 8 && ENDINGS.contains(&rest))
    })
}

/// How the names begin, by [`beginning`].
static BEGINNINGS: [bool; 1 << 12] = {
    let (mut table, mut i) = ([false; 1 << 12], 0);
    while i < NAMES.len() {
        table[beginning(NAMES[i].as_bytes())] = true;
        i += 1;
    }
    table
};

/// A number for the first three bytes of a word, the same for capitals and small letters. (Ş and ş differ in the lowest bit
/// of their second byte, other letters in the bit of 0x20.) Different words may have the same number.
const fn beginning(word: &[u8]) -> usize {
    if word.len() < 3 {
        return 0;
    }
    const CASE: u8 = 0x21;
    let (a, b, c) = ((word[0] | CASE) as usize, (word[1] | CASE) as usize, (word[2] | CASE) as usize);
    (a << 5 ^ b << 3 ^ c) & 0xFFF
}

/// Whether the whole document is Turkish: it has many ğ, ı, İ, and hardly any Romanian letter.
fn turkish(text: &str) -> bool {
    // The four begin with C4, as ă does, and no other letter of the two alphabets does.
    let second = |at: usize| text.as_bytes().get(at + 1);
    let turkish = |at: &usize| matches!(second(*at), Some(0x9E | 0x9F | 0xB0 | 0xB1));
    let theirs = memchr_iter(0xC4, text.as_bytes()).filter(turkish).count();
    if theirs < 3 {
        return false;
    }
    let ours = |c: &char| matches!(c, 'ă' | 'Ă' | 'ț' | 'Ț' | 'ţ' | 'Ţ' | 'î' | 'Î' | 'ș' | 'Ș');
    theirs > 4 * text.chars().filter(ours).count()
}
