//! Class 4 for the whole document: UTF-8 that was read with a charset that only a guesser chooses (`И™i Г®n` for `și în`).
//!
//! Each page is a hypothesis about the document. A table of the pairs that ă â î ș ț become in each page gives the number
//! of letters that a page explains, for all pages in one look. The page that explains most is tried, and its repair is
//! accepted only if the words become Romanian by the model of letters. Then every sequence that strictly decodes is
//! undone. Charsets of two bytes (GBK and its kind) show a Romanian letter as one character, and have a pass of their own.

use std::sync::OnceLock;

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS};
use rustc_hash::FxHashMap;

use super::char_set::CharSet;
use super::charset_tables::{CodePage, PLAIN, all};
use super::edit::Editor;
use super::legacy;
use super::lexicon::Evidence;
use super::rules::Id;
use super::words::{after, high_runs, is_letter, long_runs};

/// The letters that vote.
const LETTERS: &str = "ăâîșțĂÂÎȘȚşţŞŢ";

/// Sequences of a document, decoded: first byte, number of bytes, text.
type Found = Vec<(usize, usize, String)>;

/// The pages, as bits, that show a letter as this pair of characters.
type Pairs = FxHashMap<(char, char), u64>;

/// What the pages show.
struct Shown {
    /// Pairs of [`LETTERS`], and pairs of the characters that such a pair becomes when it is broken again.
    pairs: [Pairs; 2],
    /// The first and the second characters of all pairs. Nearly all pairs of good text fail here.
    firsts: CharSet,
    seconds: CharSet,
}

impl Shown {
    fn may_pair(&self, a: char, b: char) -> bool {
        self.firsts.contains(a) && self.seconds.contains(b)
    }
}

fn shown() -> &'static Shown {
    static SHOWN: OnceLock<Shown> = OnceLock::new();
    SHOWN.get_or_init(|| {
        let mut pairs = [Pairs::default(), Pairs::default()];
        let show = |page: &CodePage, c: char| -> Vec<char> {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            bytes.map(|byte| page.upper[usize::from(byte & 0x7F)]).collect()
        };
        for (number, page) in all().iter().enumerate() {
            for letter in LETTERS.chars() {
                let once = show(page, letter);
                *pairs[0].entry((once[0], once[1])).or_default() |= 1 << number;
                for c in once.into_iter().chain(show(&all()[0], letter)).filter(|c| !c.is_ascii()) {
                    let twice = show(page, c);
                    *pairs[1].entry((twice[0], twice[1])).or_default() |= 1 << number;
                }
            }
        }
        let keys = || pairs.iter().flat_map(Pairs::keys);
        let (firsts, seconds) = (keys().map(|pair| pair.0).collect(), keys().map(|pair| pair.1).collect());
        Shown { pairs, firsts, seconds }
    })
}

/// Undoes a wrong charset of the whole document: of its UTF-8, or of cp1250 ([`legacy`]).
pub(super) fn undo(editor: &mut Editor) {
    if few_suspects(editor.text()) && !has_old_pages(editor.text()) || repair(editor) {
        return;
    }
    legacy::repair(editor);
}

/// Whether hardly any character is of another alphabet or a sign that charsets show: one μ in a statute is no evidence. It
/// is a sum over bytes, which the compiler turns into vectors, and saves the look at pairs.
fn few_suspects(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut suspects = 0u32;
    for at in (0..bytes.len()).step_by(64) {
        let block = &bytes[at..bytes.len().min(at + 65)];
        let mut found = 0u8;
        // Without branches, so that many bytes are compared at once.
        for (&a, &b) in block.iter().zip(&block[1..]) {
            let letter = (a >= 0xCE) & (a != 0xE1) & (a != 0xE2);
            let sign = (a == 0xE2) & (0x88..=0x96).contains(&b) | (a == 0xC6) | (a == 0xCB);
            let hewlett = (a == 0xC3) & ((b == 0xA0) | (b == 0xA1) | (b == 0xBB)) | (a == 0xC4) & (b == 0x86);
            found = found.wrapping_add(u8::from(letter | hewlett) + 2 * u8::from(sign));
        }
        suspects += u32::from(found);
        if suspects >= 2 {
            return false;
        }
    }
    true
}

/// Whether two Ç, æ or ø follow a small letter: ă and ș of the Romanian pages of DOS and the Macintosh. French and Danish words begin with
/// them.
fn has_old_pages(text: &str) -> bool {
    let bytes = text.as_bytes();
    let old = |at: &usize| {
        *at > 0 && bytes[at - 1].is_ascii_lowercase() && matches!(bytes.get(at + 1), Some(0x87 | 0xA6 | 0xB8))
    };
    memchr::memchr_iter(0xC3, bytes).filter(old).take(2).count() == 2
}

/// Undoes a wrong charset of UTF-8. Says whether it did.
pub(super) fn repair(editor: &mut Editor) -> bool {
    let text = editor.text();
    let votes = votes(text);
    let found = single_byte(text, &votes[0]).or_else(|| twice(text, &votes)).or_else(|| {
        // Lead bytes of East Asian characters.
        let leads = memchr::memchr3(0xE4, 0xE5, 0xE6, text.as_bytes()).or(memchr::memchr3(
            0xE7,
            0xE8,
            0xE9,
            text.as_bytes(),
        ));
        let leads = leads.or(memchr::memchr3(0xEA, 0xEB, 0xEF, text.as_bytes()));
        leads.and_then(|_| double_byte(text))
    });
    let Some(found) = found else { return false };
    for (at, len, good) in found {
        editor.replace(at..at + len, &good, Id::DoubleEncoding);
    }
    true
}

/// Whether the two characters at `at` are a letter in some page.
pub(super) fn is_pair(text: &str, at: usize) -> bool {
    let mut chars = text[at..].chars();
    let shown = shown();
    let pair = chars.next().zip(chars.next()).filter(|&(a, b)| shown.may_pair(a, b));
    pair.is_some_and(|pair| shown.pairs.iter().any(|pairs| pairs.contains_key(&pair)))
}

/// How many pairs of the document each page explains: in one layer, and in the outer of two.
fn votes(text: &str) -> [[u32; 64]; 2] {
    let mut counts = [[0u32; 64]; 2];
    let shown = shown();
    for (_, run) in long_runs(text) {
        let pairs = run.chars().zip(run.chars().skip(1));
        for (a, b) in pairs.filter(|&(a, b)| shown.may_pair(a, b)) {
            for (counts, pairs) in counts.iter_mut().zip(&shown.pairs) {
                let mut mask = pairs.get(&(a, b)).copied().unwrap_or(0);
                while mask != 0 {
                    counts[mask.trailing_zeros() as usize] += 1;
                    mask &= mask - 1;
                }
            }
        }
    }
    counts
}

/// The sequences of the page that explains most pairs: twice or more, and more than the pages before `from`, which are
/// undone one character at a time. Of equal pages, the one that explains most quotation marks and other letters.
fn best(text: &str, counts: &[u32; 64], from: usize) -> Option<Found> {
    let plain = counts[..from].iter().max().copied().unwrap_or(0);
    let most = counts[from..].iter().max().copied().filter(|&most| most > plain && most >= 2)?;
    let pages = all().iter().zip(counts).skip(from).filter(|&(_, &count)| count == most);
    pages.map(|(page, _)| sequences(text, page)).reduce(|a, b| if b.len() > a.len() { b } else { a })
}

/// One layer of the best page, if the words become Romanian.
fn single_byte(text: &str, votes: &[u32; 64]) -> Option<Found> {
    best(text, votes, PLAIN).filter(|found| convinces(text, found))
}

/// The outer of two layers of one page (or of cp1252 inside another), if the words become Romanian below both.
fn twice(text: &str, [single, double]: &[[u32; 64]; 2]) -> Option<Found> {
    if single.iter().max() >= double.iter().max() {
        return None;
    }
    let found = best(text, double, PLAIN)?;
    let (mut inner, mut done) = (String::with_capacity(text.len()), 0);
    for (at, len, good) in &found {
        inner.push_str(&text[done..*at]);
        inner.push_str(good);
        done = at + len;
    }
    inner.push_str(&text[done..]);
    let below = best(&inner, &votes(&inner)[0], 0)?;
    convinces(&inner, &below).then_some(found)
}

/// Every sequence of the document that strictly decodes to a character of Romanian pages.
fn sequences(text: &str, page: &CodePage) -> Found {
    let mut found = Found::new();
    let mut end = 0;
    // No byte from 80 on is shown as ASCII, so a sequence is inside a run of two characters or more.
    for (start, run) in long_runs(text) {
        for (i, _) in run.char_indices() {
            if start + i < end {
                continue;
            }
            let Some((len, c)) = decode(&run[i..], |c| page.byte(c)).filter(|&(_, c)| fits(c)) else {
                continue;
            };
            found.push((start + i, len, c.to_string()));
            end = start + i + len;
        }
    }
    found
}

/// Decodes the characters at the start of `text`, read as UTF-8 bytes: their length, and the character. `byte_of` gives the
/// byte that a page shows as a character.
pub(super) fn decode(text: &str, byte_of: impl Fn(char) -> Option<u8>) -> Option<(usize, char)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let mut bytes = [byte_of(first)?, 0, 0, 0];
    let more = match bytes[0] {
        0xC2..=0xDF => 1,
        0xE0..=0xEF => 2,
        0xF0..=0xF4 => 3,
        _ => return None,
    };
    let mut len = first.len_utf8();
    for byte in &mut bytes[1..=more] {
        let next = chars.next()?;
        *byte = byte_of(next).filter(|b| (0x80..0xC0).contains(b))?;
        len += next.len_utf8();
    }
    Some((len, std::str::from_utf8(&bytes[..=more]).ok()?.chars().next()?))
}

/// Letters of Europe, signs, quotation marks, dashes, emoji: what Romanian pages contain, or what the next layer decodes.
fn fits(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{24F}' | '\u{2C6}' | '\u{2DC}' | '\u{300}'..='\u{33F}' | '\u{400}'..='\u{4FF}'
        | '\u{2010}'..='\u{203A}' | '€' | '™' | '№' | '\u{2190}'..='\u{22FF}' | '\u{2500}'..='\u{27BF}'
        | '\u{FEFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// The length of the letters at the end of `text`.
fn last_word(text: &str) -> usize {
    text.len() - text.trim_end_matches(is_letter).len()
}

/// Whether the words of the repaired letters are Romanian.
fn convinces(text: &str, found: &Found) -> bool {
    let (mut evidence, mut word, mut affected) = (Evidence::default(), String::new(), false);
    let (mut hits, mut seen) = (0, Vec::new());
    let mut next = found.iter().peekable();
    let mut at = 0;
    loop {
        if word.is_empty() && !affected {
            // Between two words: the next word that matters is around the next sequence.
            let Some(&&(start, ..)) = next.peek() else { break };
            at = start - last_word(&text[at..start]);
        }
        let mut alone = [0; 4];
        let raw = after(text, at).unwrap_or(' ');
        let mut shown: &str = raw.encode_utf8(&mut alone);
        let here = at;
        at = (at + raw.len_utf8()).min(text.len());
        if let Some((_, len, good)) = next.next_if(|(start, ..)| *start == here) {
            (shown, at) = (good, here + len);
            for c in good.chars().filter(|&c| LETTERS.contains(c)) {
                hits += 1;
                affected = true;
                if !seen.contains(&c) {
                    seen.push(c);
                }
            }
        }
        for c in shown.chars() {
            if !is_letter(c) {
                if affected {
                    evidence.add(&word);
                }
                (affected, _) = (false, word.clear());
            } else if word.len() < 128 {
                word.push(c);
            }
        }
    }
    let enough = seen.len() >= 2 || hits >= 3;
    enough && evidence.convinces()
}

/// GBK and its kind: the two bytes of a Romanian letter are one character between Latin letters (`b膬tr芒nul`).
fn double_byte(text: &str) -> Option<Found> {
    const PAGES: [&Encoding; 4] = [GBK, EUC_KR, BIG5, SHIFT_JIS];
    if !touches_latin(text) {
        return None;
    }
    PAGES
        .into_iter()
        .filter_map(|page| {
            let found = runs(text, page);
            convinces(text, &found).then_some(found)
        })
        .max_by_key(Vec::len)
}

fn east_asian(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{FF00}'..='\u{FFEF}')
}

/// Whether the document has two Latin letters right before an East Asian character.
fn touches_latin(text: &str) -> bool {
    let touching = high_runs(text).filter(|(start, run)| {
        run.starts_with(east_asian) && *start > 0 && text.as_bytes()[start - 1].is_ascii_lowercase()
    });
    touching.take(2).count() == 2
}

/// The runs of East Asian characters, as the text that their bytes are.
fn runs(text: &str, page: &'static Encoding) -> Found {
    let mut found = Found::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, east_asian(c)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                // E2 80, and a third byte that was lost: mostly the quotation mark at the end.
                if &text[from..at] == "鈥" && text[at..].starts_with('\u{FFFD}') {
                    found.push((from, at - from + '\u{FFFD}'.len_utf8(), "”".to_owned()));
                    continue;
                }
                let (bytes, _, lost) = page.encode(&text[from..at]);
                let Ok(plain) = std::str::from_utf8(&bytes) else { continue };
                if lost || !plain.chars().all(|c| fits(c) || c.is_ascii_alphanumeric()) {
                    continue;
                }
                found.push((from, at - from, plain.to_owned()));
            }
            _ => {}
        }
    }
    found
}
