//! Class 10: letters that look like the right one: Cyrillic and Greek letters inside Latin words, ǎ (caron) for ă (breve),
//! and the prime for an apostrophe ([`super::prime`]). Words that are all Cyrillic or Greek are left alone.
//!
//! Cyrillic о is also how cp1251 shows the î of cp1250 (`Оn`, `vоnt`). The document decides which of the two it is.

use super::edit::Editor;
use super::lexicon::{bits, known, plausible};
use super::places::places;
use super::rules::Id;
use super::words::{after, is_letter, word_after, word_around, word_before};
use super::{prime, substitutes};

/// Repairs the look-alikes, word by word.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let mut romanian = None;
    let mut alphabet = Alphabet::default();
    let mut substitutes = substitutes::Vote::default();
    let mut primes = prime::Vote::default();
    let mut done = 0;
    // Å å, Ā ā, C7: Ǎ ǎ, C8 8x: Ȃ ȃ Ȋ ȋ, CE, CF: Greek, D0 to D3: Cyrillic, E1: ậ, E2 80 B2: prime, C2 B4, CA BC: ´ ʼ.
    let may_be = |a: u8, b: u8, c: u8| {
        (a == 0xC3) & ((b == 0x85) | (b == 0xA5))
            | (a == 0xC4) & (b < 0x82)
            | (a == 0xC2) & (b == 0xB4)
            | (0xC7..0xD4).contains(&a) & ((a != 0xC8) | (b < 0x90))
            | (a == 0xE1)
            | (a == 0xE2) & (b == 0x80) & (c == 0xB2)
    };
    for at in places(text.as_bytes(), may_be) {
        if at < done {
            continue;
        }
        let Some(c) = after(text, at) else { break };
        let end = at + c.len_utf8();
        match c {
            'ǎ' | 'Ǎ' => caron(editor, at, c, &mut romanian),
            'Α'..='ώ' | '\u{400}'..='\u{4BF}' if is_letter(c) => {
                done = foreign_word(editor, at, &mut alphabet);
            }
            '\u{2032}' if primes.is_apostrophe(text, at, end) => editor.put(at..end, '\u{2019}', Id::Prime),
            '\u{B4}' | '\u{2BC}' if prime::Vote::is_other(text, at, end) => {
                editor.put(at..end, '\u{2019}', Id::Prime);
            }
            c if substitutes::meant(c).is_some() => substitutes.repair(editor, at, c),
            _ => {}
        }
    }
}

/// ǎ is the third tone of pinyin too. So it stays in words with other tones or with `ǎo`, and beside such words, unless
/// the document has three long words that are Romanian with it.
fn caron(editor: &mut Editor, at: usize, c: char, romanian: &mut Option<bool>) {
    let text = editor.text();
    let tone = |c: char| "āáàēéěèīíìōóǒòūúùǖǘǚǜ".contains(c);
    let (start, end) = word_around(text, at, is_letter);
    let lower = text[start..end].to_lowercase();
    let neighbour = |word: &str| {
        word.contains("ǎo")
            || word.contains(|c| tone(c) || c == 'ǐ' || c == 'ǔ') && !word.ends_with(['ǐ', 'ǔ'])
    };
    let left = text[..start].strip_suffix(' ').unwrap_or(&text[..start]);
    let right = text[end..].strip_prefix(' ').unwrap_or(&text[end..]);
    let near = || neighbour(word_before(left, left.len())) || neighbour(word_after(right, 0));
    let chinese = lower.contains(['ā', 'ē', 'ī', 'ō', 'ū', 'ǒ', 'ǚ']);
    let doubtful = lower.contains("ǎo") || lower.contains(tone) || near() || pinyin_pair(left, right);
    if !chinese && (!doubtful || *romanian.get_or_insert_with(|| caron_words(text) == 3)) {
        editor.put(at..at + c.len_utf8(), if c == 'ǎ' { 'ă' } else { 'Ă' }, Id::LookAlike);
    }
}

/// Words of six letters or more that are Romanian except for ǎ; counts to three.
fn caron_words(text: &str) -> usize {
    text.split(|c| !is_letter(c))
        .filter(|word| word.contains('ǎ') && !word.contains("ǎo") && word.chars().count() >= 6)
        .filter(|word| word.chars().all(|c| matches!(c, 'a'..='z' | 'ǎ' | 'â' | 'î' | 'ș' | 'ț')))
        .take(3)
        .count()
}

/// `nǐ hǎo`, `wǒ mǎ`: a short neighbour that ends in a third tone.
fn pinyin_pair(left: &str, right: &str) -> bool {
    let short = |word: &str| {
        ["nǐ", "wǒ", "hǎo", "lǐ", "yǔ", "běi", "wǔ", "shǐ", "zǐ", "mǐ"]
            .contains(&word.to_lowercase().as_str())
    };
    short(word_before(left, left.len())) || short(word_after(right, 0))
}

/// The Latin letter with the same shape.
fn latin(c: char) -> Option<char> {
    const PAIRS: &str = "аaеeоoсcрpхxуyіiјjѕsАAВBЕEКKМMНHОOРPСCТTХXІIЈJЅSҫçҪÇ\
                         αaοoιiνvρpΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
    let mut pairs = PAIRS.chars();
    while let (Some(foreign), Some(good)) = (pairs.next(), pairs.next()) {
        if foreign == c {
            return Some(good);
        }
    }
    None
}

fn is_foreign(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{52F}')
}

fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3FF}')
}

/// A word with letters of both alphabets, each foreign one with a Latin double.
struct Mixed {
    foreign: usize,
    native: usize,
    greek: bool,
    /// The word in Latin letters.
    plain: String,
}

/// `None`: the word has other letters, or a foreign letter without a Latin double.
fn mixed(word: &str) -> Option<Mixed> {
    let mut mixed = Mixed { foreign: 0, native: 0, greek: false, plain: String::with_capacity(word.len()) };
    for c in word.chars() {
        if is_foreign(c) {
            mixed.plain.push(latin(c)?);
            mixed.foreign += 1;
            mixed.greek |= is_greek(c);
        } else if c.is_ascii_alphabetic() || ('\u{C0}'..'\u{250}').contains(&c) {
            mixed.plain.push(c);
            mixed.native += 1;
        } else {
            return None;
        }
    }
    Some(mixed)
}

impl Mixed {
    /// Whether nothing but the Latin word can be meant. Greek letters stand in formulas (`αx`), so there the word must be
    /// a Romanian one.
    fn is_latin(&self) -> bool {
        if self.native == 0 || self.foreign == 0 {
            return false;
        }
        if self.greek {
            return self.native >= self.foreign && self.plain.len() >= 3 && known(&self.plain);
        }
        self.native >= self.foreign || plausible(&self.plain)
    }
}

/// What the document says about its Cyrillic letters, asked once.
#[derive(Default)]
struct Alphabet {
    /// It has three words of both alphabets.
    mixed: Option<bool>,
    /// Its о is î (`Some(true)`), or o, or it does not say.
    circumflex: Option<Option<bool>>,
}

/// Repairs the word at `at`. If the document has three words of both alphabets, also repairs small words between Latin ones
/// that are all Cyrillic (`о dată`). Returns the end of the word.
fn foreign_word(editor: &mut Editor, at: usize, alphabet: &mut Alphabet) -> usize {
    let text = editor.text();
    let (start, end) = word_around(text, at, is_letter);
    let word = &text[start..end];
    let Some(mixed) = mixed(word) else { return end };
    let small = mixed.native == 0 && !mixed.greek && mixed.foreign <= 2 && latin_neighbours(text, start, end);
    let sure = mixed.is_latin() && !foreign_neighbour(text, start, end);
    let meant = sure || small && *alphabet.mixed.get_or_insert_with(|| mixed_words(text) == 3);
    if !meant {
        return end;
    }
    let circumflex = if word.contains(['о', 'О']) {
        match alphabet.circumflex.get_or_insert_with(|| circumflex(text)) {
            Some(answer) => *answer,
            None => return end,
        }
    } else {
        false
    };
    for (i, c) in word.char_indices() {
        let good = match c {
            'о' if circumflex => Some('î'),
            'О' if circumflex => Some('Î'),
            c if is_foreign(c) => latin(c),
            _ => None,
        };
        if let Some(good) = good {
            editor.put(start + i..start + i + c.len_utf8(), good, Id::LookAlike);
        }
    }
    end
}

/// Whether the words with о are more Romanian with î than with o. `None`: there is no clear difference.
fn circumflex(text: &str) -> Option<bool> {
    let (mut gain, mut words) = (0.0, 0);
    for word in text.split(|c| !is_letter(c)).filter(|word| word.contains(['о', 'О'])) {
        let Some(mixed) = mixed(word).filter(|mixed| mixed.native > 0) else { continue };
        let with = |lower, upper| -> String {
            let chars = word.chars().map(|c| match c {
                'о' => lower,
                'О' => upper,
                c => latin(c).unwrap_or(c),
            });
            chars.take(64).collect()
        };
        let (o, i) = (with('o', 'O'), with('î', 'Î'));
        let in_lexicon = |word: &str| if known(word) { 1.5 } else { 0.0 };
        gain += (bits(&o) - in_lexicon(&o) - bits(&i) + in_lexicon(&i)) * mixed.plain.len() as f32;
        words += 1;
    }
    (words == 0 || gain.abs() > 2.0).then_some(gain > 0.0)
}

/// Words with letters of both alphabets that would be repaired; counts to three.
fn mixed_words(text: &str) -> usize {
    text.split(|c| !is_letter(c))
        .filter(|word| word.contains(is_foreign) && word.contains(|c: char| c.is_ascii_alphabetic()))
        .filter(|word| mixed(word).is_some_and(|mixed| mixed.is_latin()))
        .take(3)
        .count()
}

fn neighbours(text: &str, start: usize, end: usize) -> [&str; 2] {
    let left = text[..start].strip_suffix(' ').map_or("", |left| word_before(left, left.len()));
    let right = text[end..].strip_prefix(' ').map_or("", |right| word_after(right, 0));
    [left, right]
}

fn latin_neighbours(text: &str, start: usize, end: usize) -> bool {
    neighbours(text, start, end).iter().all(|word| !word.is_empty() && !word.contains(is_foreign))
}

/// Whether a neighbour is foreign without doubt: then the word may be a foreign one with a wrong letter.
fn foreign_neighbour(text: &str, start: usize, end: usize) -> bool {
    neighbours(text, start, end).iter().any(|word| word.contains(is_foreign) && mixed(word).is_none())
}
