//! Class 3f: cp1250 (or ISO 8859-2, 8859-16) bytes that were read with a page that is not Latin-1: `cг lгsase` in cp1251,
//! `c„ l„sase` in MacRoman, `cπ lπsase` in a page of DOS.
//!
//! The document votes. A page is accepted if the ten letters that it shows for ă â î ș ț are in many words, and the words
//! become Romanian by the model of letters. Then each of its characters is undone: quotation marks and dashes too, if all
//! of the document is in the page, else letters inside words only.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::char_set::CharSet;
use super::charset_tables::{CodePage, all};
use super::code_pages::CENTRAL;
use super::edit::Editor;
use super::lexicon::Evidence;
use super::places::places;
use super::rules::Id;
use super::words::{after, before, high_runs, is_letter};

/// The pages that are tried. Others show Romanian letters as letters of good Romanian.
const PAGES: &[&str] = &[
    "windows-1251",
    "koi8-r",
    "iso-8859-5",
    "macintosh",
    "windows-1253",
    "IBM code page 437",
    "IBM code page 850",
];
/// ă Ă â Â î Î ș Ș ț Ț.
const BYTES: [u8; 10] = [0xE3, 0xC3, 0xE2, 0xC2, 0xEE, 0xCE, 0xBA, 0xAA, 0xFE, 0xDE];

/// A page that is tried, and the characters that it shows for [`BYTES`].
struct Suspect {
    page: &'static CodePage,
    letters: Vec<char>,
}

fn suspects() -> &'static [Suspect] {
    static SUSPECTS: OnceLock<Vec<Suspect>> = OnceLock::new();
    SUSPECTS.get_or_init(|| {
        let pages = all().iter().filter(|page| PAGES.contains(&page.name));
        pages
            .map(|page| Suspect { page, letters: BYTES.map(|b| page.upper[usize::from(b & 0x7F)]).to_vec() })
            .collect()
    })
}

/// The characters that any of the pages shows for [`BYTES`].
fn letters() -> &'static CharSet {
    static LETTERS: OnceLock<CharSet> = OnceLock::new();
    LETTERS.get_or_init(|| suspects().iter().flat_map(|suspect| &suspect.letters).copied().collect())
}

/// What `c` was before it was shown in `page`.
fn meant(page: &CodePage, c: char) -> Option<char> {
    Some(CENTRAL[usize::from(page.byte(c)? & 0x7F)])
}

/// Undoes the page, if there is one.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let mut counts: FxHashMap<char, u32> = FxHashMap::default();
    let letters = letters();
    let bytes = text.as_bytes();
    // None of the letters is among à to ÿ, or begins with the byte of ă or of ș.
    let may_be = |a: u8, b: u8, _| (a == 0xC2) | (a == 0xC3) & (b < 0xA0) | (a == 0xC5) | (a >= 0xCB);
    for start in places(bytes, may_be).filter(|&at| at == 0 || bytes[at - 1].is_ascii()) {
        let Some(c) = after(text, start).filter(|&c| letters.contains(c)) else { continue };
        let before_it = start > 0 && bytes[start - 1].is_ascii_alphabetic();
        let after_it = bytes[start..].iter().find(|b| b.is_ascii()).is_some_and(u8::is_ascii_lowercase);
        if before_it || after_it {
            *counts.entry(c).or_default() += 1;
        }
    }
    let vote = |suspect: &&Suspect| -> u32 { suspect.letters.iter().filter_map(|c| counts.get(c)).sum() };
    let Some(suspect) = suspects().iter().filter(|suspect| vote(suspect) >= 4).max_by_key(vote) else {
        return;
    };
    let Some(whole) = convinces(text, suspect) else { return };
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_ascii()) {
        let Some(good) = meant(suspect.page, c) else { continue };
        let end = at + c.len_utf8();
        let inside = suspect.letters.contains(&c)
            && (touches(before(text, at), suspect) || touches(after(text, end), suspect));
        if whole || inside {
            editor.put(at..end, good, Id::CodePage);
        }
    }
}

/// Whether the neighbour is a letter of a repaired word.
fn touches(c: Option<char>, suspect: &Suspect) -> bool {
    c.is_some_and(|c| c.is_ascii_alphabetic() || suspect.letters.contains(&c))
}

/// Whether the words become Romanian; then, whether every character of the document is in the page.
fn convinces(text: &str, suspect: &Suspect) -> Option<bool> {
    let (mut evidence, mut word, mut affected, mut latin) =
        (Evidence::default(), String::new(), false, false);
    let mut seen = Vec::new();
    let shows = |c: char| suspect.letters.contains(&c);
    let mut letters = high_runs(text)
        .flat_map(|(start, run)| run.char_indices().map(move |(i, c)| (start + i, c)))
        .filter(|&(_, c)| shows(c))
        .map(|(at, _)| at);
    let mut at = 0;
    loop {
        if word.is_empty() {
            // Between two words: the next word that matters is around the next letter of the page.
            let Some(next) = letters.find(|&next| next >= at) else { break };
            at = next - (text[at..next].len() - text[at..next].trim_end_matches(is_letter).len());
        }
        let c = after(text, at).unwrap_or(' ');
        at = (at + c.len_utf8()).min(text.len());
        let shown = Some(c).filter(|&c| shows(c));
        let good = shown.and_then(|_| meant(suspect.page, c)).unwrap_or(c);
        if is_letter(good) && (is_letter(c) || latin || !c.is_ascii()) {
            if word.len() < 128 {
                word.push(good);
            }
            latin |= c.is_ascii_alphabetic();
            affected |= shown.is_some();
            if shown.is_some() && !seen.contains(&good) {
                seen.push(good);
            }
        } else {
            // A word of one letter says nothing, and a word of foreign letters alone is foreign.
            if affected && latin {
                evidence.add(&word);
            }
            (affected, latin, _) = (false, false, word.clear());
        }
    }
    let good = evidence.words >= 4 && seen.len() >= 2 && evidence.convinces() && evidence.known >= 2;
    good.then(|| text.chars().all(|c| c.is_ascii() || meant(suspect.page, c).is_some_and(expected)))
}

/// Characters that a Romanian page in cp1250 has.
fn expected(c: char) -> bool {
    matches!(
        c,
        'ă' | 'â'
            | 'î'
            | 'ş'
            | 'ţ'
            | 'Ă'
            | 'Â'
            | 'Î'
            | 'Ş'
            | 'Ţ'
            | '\u{A0}'
            | '§'
            | '©'
            | '«'
            | '»'
            | '°'
            | '®'
    ) || matches!(
        c,
        '„' | '”'
            | '“'
            | '’'
            | '‘'
            | '‚'
            | '–'
            | '—'
            | '…'
            | '•'
            | '€'
            | '™'
            | 'é'
            | 'ö'
            | 'ü'
            | 'á'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_find_every_letter_of_a_page() {
        for c in suspects().iter().flat_map(|suspect| &suspect.letters) {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            assert!(matches!(bytes, [0xC2 | 0xC5 | 0xCB.., ..] | [0xC3, ..0xA0, ..]), "{c}");
        }
    }
}
