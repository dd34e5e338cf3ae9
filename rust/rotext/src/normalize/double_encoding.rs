//! Class 4: UTF-8 that was read as a single-byte code page and encoded again (`È™i Ã®n` for `și în`).
//!
//! Each broken character is repaired alone, not the whole document, because pages are mixed: an article is broken and the
//! menu around it is not. This works because UTF-8 is self-checking: the right number of continuation bytes must follow a
//! lead byte. As characters of a code page, such pairs (`È™`, `Ã®`, `â€ž`) make no sense beside each other. Some pairs
//! could be good text (`„O CASĂ”`, `«COBORÎ»`, `naï…`). Then either the decoded character is none that Romanian pages
//! use, or the neighbours decide.
//!
//! The next round of the normalizer repairs text that was broken twice.

use std::sync::OnceLock;

use super::char_set::CharSet;
use super::charset;
use super::code_pages::Page;
use super::edit::Editor;
use super::places::places;
use super::rules::Id;
use super::words::{REACH, after, before, is_letter, letter};

/// One sequence of characters that decodes to one character.
struct Decoded {
    c: char,
    len: usize,
}

/// Repairs every sequence that is certainly broken. A sequence that could be good text is repaired when the document has
/// three certain ones.
pub(super) fn repair(editor: &mut Editor) {
    const WITNESSES: usize = 3;
    let text = editor.text();
    // Most good texts that come here have a pair that no charset makes of a Romanian letter (`„Î”`).
    if leads(text).filter(|&at| charset::is_pair(text, at)).nth(1).is_some() && charset::repair(editor) {
        return;
    }
    let mut found = Vec::new();
    let (mut sure, mut central, mut latin2) = (0, false, false);
    let continuations = continuations();
    for at in leads(text) {
        // Without a continuation byte after the lead, nothing decodes.
        if !text[at + LEAD..].starts_with(|c| continuations.contains(c)) {
            continue;
        }
        if found.last().is_some_and(|&(start, ref d, _): &(usize, Decoded, bool)| at < start + d.len) {
            continue;
        }
        // The letter before it, after repair.
        let prev = match found.last() {
            Some(&(start, ref d, _)) if start + d.len == at => Some(d.c),
            _ => before(text, at),
        };
        if let Some((decoded, certain)) = classify(text, at, prev) {
            if certain {
                sure += 1;
                // ISO 8859-2 has no characters at 0x80 to 0x9F where cp1250 has some, and cp1250 leaves five of these
                // undefined.
                let source = &text[at..at + decoded.len];
                central |= source.ends_with(|c| "€‚„…†‡‰‹‘’“”•–—™›".contains(c));
                latin2 |= source.ends_with(|c| {
                    ('\u{80}'..'\u{A0}').contains(&c) && !"\u{81}\u{83}\u{88}\u{90}\u{98}".contains(c)
                });
            }
            found.push((at, decoded, certain));
        }
    }
    for (at, decoded, certain) in found {
        if !certain && sure < WITNESSES {
            continue;
        }
        let c = match (&text[at..at + decoded.len], central, latin2) {
            // Byte 8E of cp1250 is Ž (so Î was meant), byte AE of ISO 8859-2 is Ž (so î was meant), and nothing in the
            // document shows which page it was.
            ("ĂŽ", false, false) | ("ĂŽ", true, true) => i_circumflex(text, at, decoded.len),
            (_, false, true) => decode(text, at, Page::Latin2).map_or(decoded.c, |d| d.c),
            _ => decoded.c,
        };
        editor.put(at..at + decoded.len, c, Id::DoubleEncoding);
    }
}

/// Î or î, by the case of the neighbours.
fn i_circumflex(text: &str, at: usize, len: usize) -> char {
    let (prev, next) = (before(text, at), after(text, at + len));
    let inside = prev.is_some_and(char::is_uppercase) && !next.is_some_and(small);
    let begins = !letter(prev) && before_sentence(text, at).is_none_or(|c| ".!?„—".contains(c));
    if inside || begins { 'Î' } else { 'î' }
}

/// The places of characters that are shown for lead bytes: all are among À-ÿ and Ā-Ŀ.
fn leads(text: &str) -> impl Iterator<Item = usize> + '_ {
    places(text.as_bytes(), |a, _, c| ((a == 0xC3) | (a == 0xC4)) & (c >= 0x80))
}

/// The bytes of a character of [`leads`].
const LEAD: usize = 2;

/// The characters that one of the pages shows for a continuation byte.
fn continuations() -> &'static CharSet {
    static CONTINUATIONS: OnceLock<CharSet> = OnceLock::new();
    CONTINUATIONS.get_or_init(|| {
        let shown = |&c: &char| {
            [Page::Western, Page::Central, Page::Latin2]
                .iter()
                .any(|page| page.byte(c).is_some_and(|b| b < 0xC0))
        };
        ('\u{80}'..='\u{FFFF}').filter(shown).collect()
    })
}

/// The last character before `at` that is not a space.
fn before_sentence(text: &str, at: usize) -> Option<char> {
    text[..at].chars().rev().take(REACH).find(|c| !c.is_whitespace())
}

/// Decodes the characters at `at`, read as UTF-8 bytes that `page` shows.
fn decode(text: &str, at: usize, page: Page) -> Option<Decoded> {
    charset::decode(&text[at..], |c| page.byte(c)).map(|(len, c)| Decoded { c, len })
}

/// What the characters at `at` were, and whether they can be nothing else.
fn classify(text: &str, at: usize, prev: Option<char>) -> Option<(Decoded, bool)> {
    if let Some(lost) = lost_quote(text, at) {
        return Some((lost, true));
    }
    [Page::Western, Page::Central, Page::Latin2].into_iter().find_map(|page| {
        let decoded = decode(text, at, page)?;
        let certain = match page {
            Page::Western => western(text, at, prev, &decoded)?,
            Page::Central | Page::Latin2 => central(text, at, prev, &decoded)?,
        };
        Some((decoded, certain))
    })
}

/// `”` is E2 80 9D, and 9D is undefined in cp1252: it is often lost, and `â€` is left.
fn lost_quote(text: &str, at: usize) -> Option<Decoded> {
    let rest = text[at..].strip_prefix("â€")?;
    let len = "â€".len();
    let quote = |len| Some(Decoded { c: '”', len });
    match rest.chars().next() {
        None => quote(len),
        Some(c @ '\u{FFFD}') => quote(len + c.len_utf8()),
        // A bullet is drawn for the lost byte. Read as cp1252 it is ―, which does not follow a word without a space.
        Some('•') if closes(text, at, len + '•'.len_utf8()) => quote(len + '•'.len_utf8()),
        // The straight quote was a curly one: `â€"` may be – or —, so it stays.
        Some(c) if c.is_whitespace() && c != '\u{A0}' => quote(len),
        Some('.' | ',' | ';' | ':' | '!' | '?' | ')' | '-' | '<' | ']') => quote(len),
        Some(_) => None,
    }
}

/// Whether the sequence of `len` bytes at `at` stands where a quotation ends: after a word or its full stop, before a space.
fn closes(text: &str, at: usize, len: usize) -> bool {
    let prev = before(text, at).is_some_and(|c| is_letter(c) || ".!?…".contains(c));
    prev && after(text, at + len).is_none_or(|c| c.is_whitespace() || ".,;:!?)".contains(c))
}

/// Quotation marks, dashes and the no-break space: what stands right after a letter that is alone (`„Â”`, `4000 Å–7000 Å`).
fn punctuation(c: Option<char>) -> bool {
    c.is_some_and(|c| "‘’‚“”„‹›«»–—…\u{A0}".contains(c))
}

fn romanian(c: char) -> bool {
    matches!(c, 'ă' | 'Ă' | 'â' | 'Â' | 'î' | 'Î' | 'ș' | 'Ș' | 'ț' | 'Ț' | 'ş' | 'Ş' | 'ţ' | 'Ţ')
}

fn small(c: char) -> bool {
    is_letter(c) && c.is_lowercase()
}

/// Whether a sequence after `prev` and up to `end` is the end of a word in capitals. There, a lead like Â or Ă may be the
/// last letter, and a closing quotation mark or a trade mark may follow it.
fn ends_capitals(text: &str, prev: Option<char>, end: usize) -> bool {
    prev.is_some_and(char::is_uppercase) && !letter(after(text, end))
}

/// For cp1252 and Latin-1. `None`: good text, as far as we know. `Some(true)`: certainly broken.
fn western(text: &str, at: usize, prev: Option<char>, decoded: &Decoded) -> Option<bool> {
    let Decoded { c, len, .. } = *decoded;
    let lead = after(text, at)?;
    let alone = !ends_capitals(text, prev, at + len);
    // A letter alone before a quotation mark, a dash or a space is good text unless the document has other damage.
    if !letter(prev) && !romanian(c) && c != '×' && punctuation(after(text, at + lead.len_utf8())) {
        return Some(false);
    }
    match c {
        // C2: signs of Latin-1, and (text broken twice) its controls.
        '\u{80}'..='\u{BF}' => Some(alone),
        _ if romanian(c) => Some(true),
        // If ISO 8859-2 was shown as Latin-1, `Ãºtia` is Ăștia.
        'ú' | 'ê' if !letter(prev) && after(text, at + len).is_some_and(small) => Some(false),
        // C3 to C5: letters of Europe.
        '\u{C0}'..='\u{17F}' | 'ƒ' => Some(alone),
        // CB, CC: the spacing and the combining accents of classes 8 and 2.
        'ˆ' | 'ˇ' | '˘' | '˜' => Some(alone),
        '\u{300}' | '\u{301}' | '\u{302}' | '\u{306}' | '\u{308}' | '\u{30C}' | '\u{326}' | '\u{327}' => {
            Some(alone)
        }
        // CE, CF, D0, D1: one Greek or Cyrillic letter may be chance (`«COBORÎ»` contains no lambda), a word is not.
        '\u{370}'..='\u{4FF}' => {
            let again = |at: usize| {
                decode(text, at, Page::Western).is_some_and(|d| ('\u{370}'..='\u{4FF}').contains(&d.c))
            };
            let before = text[..at].char_indices().rev().nth(1).is_some_and(|(i, _)| again(i));
            if before || again(at + len) { Some(true) } else { alone.then_some(false) }
        }
        // E2: quotation marks, dashes, arrows, mathematics. ⅔ would be `hâ…”`, so number forms are excluded.
        '\u{2010}'..='\u{203A}'
        | '€'
        | '™'
        | '№'
        | '\u{2190}'..='\u{2193}'
        | '−'
        | '≤'
        | '≥'
        | '≈'
        | '≠'
        | '∞'
        | '\u{27E6}'..='\u{27EF}' => Some(true),
        '\u{2500}'..='\u{27BF}' => (!letter(prev)).then_some(true),
        // EF: byte order mark, ligatures, replacement character, bullets of symbol fonts.
        '\u{FEFF}' | '\u{FB00}'..='\u{FB04}' | '\u{FFFD}' | '\u{F000}'..='\u{F0FF}' => Some(lead == 'ï'),
        '\u{1F000}'..='\u{1FAFF}' => Some(true),
        // C6 to CB: letters of African languages, phonetics, modifiers: only beside other broken sequences.
        '\u{180}'..='\u{2FF}' => alone.then_some(false),
        _ => None,
    }
}

/// For cp1250 and ISO 8859-2, where Ă is both a lead byte and a good Romanian letter: `„CASĂ”`, `MĂŞTI`, `Ăştia` are good
/// text. So only characters that Romanian pages use are repaired.
fn central(text: &str, at: usize, prev: Option<char>, decoded: &Decoded) -> Option<bool> {
    let Decoded { c, len, .. } = *decoded;
    let source = &text[at..at + len];
    let next = after(text, at + len);
    let capital = prev.is_some_and(char::is_uppercase);
    let between = prev.is_some_and(small) || next.is_some_and(small);
    match c {
        'â' | 'î' | 'Â' | 'Î' if source.starts_with('Ă') => match source {
            "Ă®" => ((!capital || next.is_some_and(small))
                && (letter(prev) || letter(next) || prev.is_none_or(char::is_whitespace)))
            .then_some(true),
            "Ă‚" => letter(next).then_some(true),
            _ => Some(true),
        },
        _ if romanian(c) => Some(true),
        // Ă and a sign beside a small letter are not letters of a word.
        '\u{C0}'..='\u{FF}' if source.starts_with('Ă') => between.then_some(false),
        '\u{180}'..='\u{24F}' => between.then_some(false),
        'ĭ' | 'ŭ' | 'ĕ' | 'ě' => (prev.is_some_and(small) || letter(next)).then_some(false),
        '\u{2010}'..='\u{203A}' | '€' | '™' => Some(true),
        '\u{27E6}'..='\u{27EF}' => Some(true),
        '\u{2190}'..='\u{27BF}' => (!letter(prev)).then_some(true),
        '\u{A0}' | '«' | '»' | '°' | '§' | '©' | '®' => Some(!ends_capitals(text, prev, at + len)),
        _ => None,
    }
}
