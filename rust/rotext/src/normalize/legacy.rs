//! Class 3f: cp1250 (or ISO 8859-2, 8859-16) bytes that were read with a page that is not Latin-1: `cг lгsase` in cp1251,
//! `c„ l„sase` in MacRoman, `cπ lπsase` in a page of DOS. And bytes of the Romanian page of DOS or of the Macintosh: `cÇ lÇsase`, `cæ
//! læsase`. There ș may be a soft hyphen, which another rule would remove.
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

/// A page that Romanian was written in.
struct Written {
    upper: [char; 128],
    /// ă Ă â Â î Î ș Ș ț Ț.
    letters: [u8; 10],
    /// The pages that it is read with by mistake. Others show Romanian letters as letters of good Romanian.
    read_as: &'static [&'static str],
}

fn written() -> [Written; 3] {
    let upper = |name| all().iter().find(|page| page.name == name).map_or([' '; 128], |page| page.upper);
    let mut macintosh = upper("macintosh");
    for (byte, c) in [(0xAE, 'Ă'), (0xAF, 'Ș'), (0xBE, 'ă'), (0xBF, 'ș'), (0xDE, 'Ț'), (0xDF, 'ț')] {
        macintosh[byte - 0x80] = c;
    }
    [
        Written {
            upper: CENTRAL,
            letters: [0xE3, 0xC3, 0xE2, 0xC2, 0xEE, 0xCE, 0xBA, 0xAA, 0xFE, 0xDE],
            read_as: &[
                "windows-1251",
                "koi8-r",
                "iso-8859-5",
                "macintosh",
                "x-mac-cyrillic",
                "windows-1253",
                "ibm866",
                "IBM code page 437",
                "IBM code page 850",
                "IBM code page 852",
            ],
        },
        Written {
            upper: upper("IBM code page 852"),
            letters: [0xC7, 0xC6, 0x83, 0xB6, 0x8C, 0xD7, 0xAD, 0xB8, 0xEE, 0xDD],
            read_as: &["windows-1252", "windows-1250", "windows-1251", "IBM code page 437"],
        },
        Written {
            upper: macintosh,
            letters: [0xBE, 0xAE, 0x89, 0xE5, 0x94, 0xEB, 0xBF, 0xAF, 0xDF, 0xDE],
            read_as: &["macintosh", "windows-1252", "windows-1250"],
        },
    ]
}

/// A page that is tried, what the bytes were, and the characters that it shows for the Romanian letters.
struct Suspect {
    page: &'static CodePage,
    upper: [char; 128],
    letters: Vec<char>,
}

fn suspects() -> &'static [Suspect] {
    static SUSPECTS: OnceLock<Vec<Suspect>> = OnceLock::new();
    SUSPECTS.get_or_init(|| {
        let mut suspects = Vec::new();
        for Written { upper, letters, read_as } in written() {
            for page in all().iter().filter(|page| read_as.contains(&page.name)) {
                let shown = letters.map(|byte| page.upper[usize::from(byte & 0x7F)]);
                // A letter that the page shows as itself is no evidence.
                let changed = |(c, byte): &(char, u8)| *c != upper[usize::from(byte & 0x7F)];
                let letters = shown.into_iter().zip(letters).filter(changed).map(|(c, _)| c).collect();
                suspects.push(Suspect { page, upper, letters });
            }
        }
        suspects
    })
}

/// The characters that any of the pages shows for the letters.
fn letters() -> &'static CharSet {
    static LETTERS: OnceLock<CharSet> = OnceLock::new();
    LETTERS.get_or_init(|| suspects().iter().flat_map(|suspect| &suspect.letters).copied().collect())
}

impl Suspect {
    /// What `c` was before it was shown in the page.
    fn meant(&self, c: char) -> Option<char> {
        Some(self.upper[usize::from(self.page.byte(c)? & 0x7F)])
    }
}

/// Undoes the page, if there is one.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let mut counts: FxHashMap<char, u32> = FxHashMap::default();
    let letters = letters();
    let bytes = text.as_bytes();
    // Of the letters only æ and ø are among à to ÿ, and none begins with the byte of ș or is ă.
    let may_be = |a: u8, b: u8, _| {
        (a == 0xC2)
            | (a == 0xC3) & ((b < 0xA0) | (b == 0xA6) | (b == 0xB8))
            | (a == 0xC4) & (b >= 0x84)
            | (a == 0xC5)
            | (a == 0xC6)
            | (a >= 0xCB)
    };
    for start in places(bytes, may_be).filter(|&at| at == 0 || bytes[at - 1].is_ascii()) {
        let Some(c) = after(text, start).filter(|&c| letters.contains(c)) else { continue };
        let before_it = start > 0 && bytes[start - 1].is_ascii_alphabetic();
        let after_it = bytes[start..].iter().find(|b| b.is_ascii()).is_some_and(u8::is_ascii_lowercase);
        if before_it || after_it {
            *counts.entry(c).or_default() += 1;
        }
    }
    let vote = |suspect: &&Suspect| -> u32 { suspect.letters.iter().filter_map(|c| counts.get(c)).sum() };
    let Some(suspect) = suspects().iter().filter(|suspect| vote(suspect) >= 3).max_by_key(vote) else {
        return;
    };
    let Some(whole) = convinces(text, suspect) else { return };
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_ascii()) {
        let Some(good) = suspect.meant(c) else { continue };
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
        let good = shown.and_then(|_| suspect.meant(c)).unwrap_or(c);
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
    // In a single sentence every word must be in the lexicon.
    let sentence = evidence.words >= 2 && evidence.known == evidence.words;
    let enough = sentence || evidence.words >= 4 && evidence.known >= 2;
    // A single letter may be a letter of formulas or of another language.
    let good = enough && seen.len() >= 2 && evidence.convinces();
    good.then(|| text.chars().all(|c| c.is_ascii() || suspect.meant(c).is_some_and(expected)))
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
            | 'ș'
            | 'ț'
            | 'Ș'
            | 'Ț'
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
        for &c in suspects().iter().flat_map(|suspect| &suspect.letters) {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            let found = match bytes {
                [0xC2 | 0xC5 | 0xC6 | 0xCB.., ..] => true,
                // î and å may be good letters. What is shown as one of them (the ţ of cp852, a capital Â) is no place to begin.
                [0xC3, ..] => true,
                [0xC4, byte, ..] => *byte >= 0x84,
                _ => false,
            };
            assert!(found, "{c}");
        }
    }
}
