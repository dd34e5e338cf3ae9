//! One pass over a document that measures what the rules need.

use memchr::{memchr, memmem};
use xxhash_rust::xxh3::xxh3_64;

use super::glossary::defines;
use super::language::{Identifier, Language};
use super::repetition::{Repetition, Word};
use super::word_key::{self, WordKey};
use crate::romanian::LostLetters;
use crate::window::{Window, first};

/// What was measured in a document. Shares are from 0 to 1.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Measures {
    /// Words: parts between white space that have a letter or a digit.
    pub words: u64,
    /// Lines that are not empty.
    pub lines: u64,
    /// Share of the decided text that is Romanian; `None` when too little text could be decided.
    pub romanian: Option<f64>,
    /// The likeliest language of the whole document.
    pub language: Option<Language>,
    /// Share of letters that are ă â î ș ț; `None` below 200 letters.
    pub diacritics: Option<f64>,
    /// Share of letters that are ă â î ș ț, also of a short text.
    #[serde(skip)]
    pub(super) own_letters: f64,
    /// Romanian function words, with and without diacritics.
    pub stop_words: u64,
    /// Mean number of characters of a word.
    pub word_length: f64,
    /// Share of words with a letter.
    pub alpha_words: f64,
    /// `#` for each word.
    pub hashes: f64,
    /// `...` and `…` for each word.
    pub ellipses: f64,
    /// Share of characters other than white space that are neither letters, digits nor common punctuation.
    pub symbols: f64,
    /// Share of characters other than white space that are digits.
    pub digits: f64,
    /// Share of lines that begin with a bullet (a dialogue dash is not a bullet).
    pub bullet_lines: f64,
    /// Share of lines that are cut off: eight words or more, and one ellipsis at the end.
    pub ellipsis_lines: f64,
    /// Share of lines that end with a sign that closes a sentence, a clause or a quotation.
    pub closed_lines: f64,
    /// Share of lines that begin with a small letter.
    pub lower_lines: f64,
    /// Share of lines that define a term.
    #[serde(skip)]
    pub(super) defined_lines: f64,
    /// Lines for each word, without the headings of Markdown.
    pub lines_per_word: f64,
    /// `>`, `»`, `|`, `·` and their kin that stand alone, for each word.
    pub separators: f64,
    /// Words of programs and templates (`->`, `{{`, `f(x)`, `</td>`), for each word.
    pub code: f64,
    /// Share of the lines longer than a heading that occurred earlier in the document. A refrain (a short line) may occur
    /// four times.
    pub duplicate_lines: f64,
    /// Share of the bytes of the document in these lines.
    pub duplicate_line_bytes: f64,
    /// Share of the bytes that the most frequent run of 2, 3, 4 words takes.
    pub top_runs: [f64; 3],
    /// Share of the bytes in runs of 5 to 10 words that occurred earlier.
    pub repeated_runs: [f64; 6],
    /// Share of garbled words: `cuvînt` read as `c11vî^t`.
    pub garbled_words: f64,
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
/// Common punctuation.
const COMMON: u8 = 4;
const SYMBOL: u8 = 8;
const INSIDE: u8 = 16;
const SPACE: u8 = 32;

/// The class of each byte. A lead byte has the class of its character: C3 and above are letters, except E2 (dashes,
/// quotation marks, symbols), which is tested separately.
static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [SYMBOL; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'-' | b'\'' | b'"' | b'(' | b')' | b'/' => COMMON,
            0x80..=0xBF => INSIDE,
            0xC2 | 0xE2 => COMMON,
            0xC3..=0xDF | 0xE0 | 0xE1 | 0xE3..=0xEE => LETTER,
            _ => SYMBOL,
        };
        byte += 1;
    }
    table
}

/// A shorter line (`CAPITOLUL II`, `Articolul 3`, `abrogat`) may occur in a document any number of times.
const HEADING: usize = 20;

/// Buffers and tables that are reused for each document; make one for each thread.
#[derive(Default)]
pub(super) struct Scratch {
    words: Vec<Word>,
    lines: Vec<Word>,
    repetition: Repetition,
    lower: Vec<u8>,
    lost: LostLetters,
}

/// The counts of one pass; [`Measures`] has their ratios.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    lines: u64,
    words: u64,
    word_characters: u64,
    alpha_words: u64,
    garbled: u64,
    characters: u64,
    symbols: u64,
    digits: u64,
    letters: u64,
    ours: u64,
    hashes: u64,
    ellipses: u64,
    bullets: u64,
    ellipsis_ends: u64,
    closed: u64,
    lower: u64,
    titles: u64,
    separators: u64,
    code: u64,
}

/// A word with a sign in the place of a letter counts so often: the lexicon knows it, so there is no doubt, and a text in which every
/// ă or every ț is another sign has one in twenty words.
const LOST: u64 = 2;

/// The share of diacritics is measured in documents with at least this many letters.
const JUDGED_LETTERS: u64 = 200;

/// Measures `text`. Runs of words are measured only with `repetition`: novels repeat too little to make it worth its
/// cost.
pub(super) fn measure(text: &str, repetition: bool, scratch: &mut Scratch) -> Measures {
    let Scratch { words, lines, repetition: repeats, lower, lost } = scratch;
    lost.clear();
    words.clear();
    lines.clear();
    let mut counts = Counts::default();
    let mut languages = Identifier::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
        let line = bytes[at..end].trim_ascii();
        at = end + 1;
        if line.is_empty() {
            languages.paragraph();
            continue;
        }
        // The signs of a heading of Markdown are no words of it.
        let title = heading(line);
        counts.titles += u64::from(title.len() < line.len());
        let line = title;
        if line.len() >= HEADING {
            lines.push(Word { hash: xxh3_64(line), bytes: u32::try_from(line.len()).unwrap_or(u32::MAX) });
        }
        counts.lines += 1;
        shape(line, &mut counts);
        counts.code += setting(line);
        let (separators, before) = (counts.separators, counts.words);
        // The line is a part of the text, and ends before white space or at the end of the text.
        let mut place = line.as_ptr() as usize - bytes.as_ptr() as usize;
        let end = place + line.len();
        while place < end {
            let window = Window::at(bytes, place);
            let blank = window.equal(b' ') | window.between(b'\t', b'\r');
            let length = if blank == 0 {
                let rest = &bytes[place..end];
                rest.iter().position(|&byte| CLASS[usize::from(byte)] == SPACE).unwrap_or(rest.len())
            } else {
                blank.trailing_zeros() as usize
            };
            let plain = blank != 0 && plain_word(window, length, &mut counts, &mut languages, words, lost);
            if length > 0 && !plain {
                word(&bytes[place..place + length], &mut counts, &mut languages, lower, words, lost);
            }
            place += length + 1;
        }
        counts.separators -= forgiven(line, counts.words - before).min(counts.separators - separators);
        languages.line();
    }
    let (language, romanian, stop_words) = languages.finish();
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let count = counts.lines;
    let (duplicate_lines, duplicate_line_bytes) = repeats.duplicates(lines);
    let mut measures = Measures {
        words: counts.words,
        lines: count,
        romanian,
        language,
        diacritics: (counts.letters >= JUDGED_LETTERS).then(|| share(counts.ours, counts.letters)),
        own_letters: share(counts.ours, counts.letters),
        stop_words,
        word_length: share(counts.word_characters, counts.words),
        alpha_words: share(counts.alpha_words, counts.words),
        hashes: share(counts.hashes, counts.words),
        ellipses: share(counts.ellipses, counts.words),
        symbols: share(counts.symbols, counts.characters),
        digits: share(counts.digits, counts.characters),
        bullet_lines: share(counts.bullets, count),
        ellipsis_lines: share(counts.ellipsis_ends, count),
        closed_lines: share(counts.closed, count),
        lower_lines: share(counts.lower, count),
        defined_lines: if 8 * counts.closed < count { share(defined(text), count) } else { 0.0 },
        lines_per_word: share(count - counts.titles, counts.words),
        separators: share(counts.separators, counts.words),
        code: share(counts.code, counts.words),
        duplicate_lines,
        duplicate_line_bytes,
        garbled_words: share(counts.garbled + LOST * u64::from(lost.count()), counts.words).min(1.0),
        ..Measures::default()
    };
    if repetition {
        let runs = repeats.runs(words);
        (measures.top_runs, measures.repeated_runs) = (runs.top, runs.cover);
    }
    measures
}

/// Signs that end a line of prose: of a sentence, a clause (lists of statutes end with `;`), a quotation.
const CLOSING: &[&str] = &[".", "!", "?", "…", ";", ":", "”", "\"", "»", "’", "'", ")", "—"];

/// The fewest words of a line that was cut off.
const TEASER_WORDS: usize = 8;

/// The line without the `#` of a heading.
fn heading(line: &[u8]) -> &[u8] {
    let signs = line.iter().take_while(|&&byte| byte == b'#').count();
    match line.get(signs) {
        Some(b' ') if signs > 0 => line[signs..].trim_ascii(),
        _ => line,
    }
}

fn shape(line: &[u8], counts: &mut Counts) {
    let ends = |sign: &str| line.ends_with(sign.as_bytes());
    let begins = |sign: &str| line.starts_with(sign.as_bytes());
    counts.closed += u64::from(CLOSING.iter().any(|sign| ends(sign)));
    // A sentence that is left open. Dots after a sign (statutes: `; ...`) and dots that lead to a blank have another
    // meaning.
    let open =
        line.strip_suffix("…".as_bytes()).or_else(|| line.strip_suffix(b"...")).map(<[u8]>::trim_ascii_end);
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    // A teaser is a sentence that was cut off. Theatre and memories have short lines of several pauses.
    let teaser = |rest: &[u8]| {
        rest.last().is_some_and(letter)
            && rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count() >= TEASER_WORDS
            && memmem::find(rest, b"...").is_none()
            && memmem::find(rest, "…".as_bytes()).is_none()
    };
    counts.ellipsis_ends += u64::from(open.is_some_and(teaser));
    let small = |text: &str| text.chars().next().is_some_and(char::is_lowercase);
    let first = &line[..line.len().min(4)];
    counts.lower += u64::from(match first[0] {
        byte if byte < 0x80 => byte.is_ascii_lowercase(),
        _ => first.utf8_chunks().next().is_some_and(|chunk| small(chunk.valid())),
    });
    // `**Termen**` is bold.
    let bullet = ["•", "●", "▪", "◦", "·", "*"].iter().any(|sign| begins(sign)) && !begins("**");
    counts.bullets += u64::from(bullet);
}

/// A token of at most 15 bytes that is a word of letters of one or two bytes, with at most one sign of common punctuation at each
/// end: four of five tokens of prose. Returns false, and counts nothing, for any other. [`word`] is the definition.
#[inline]
fn plain_word(
    mut window: Window,
    length: usize,
    counts: &mut Counts,
    languages: &mut Identifier,
    words: &mut Vec<Word>,
    lost: &mut LostLetters,
) -> bool {
    let inside = first(length);
    let (small, capital) = (window.between(b'a', b'z') & inside, window.between(b'A', b'Z') & inside);
    let high = window.high() & inside;
    let other = inside & !(small | capital | high);
    let bytes = *window.bytes();
    let mut leads = 0;
    if high != 0 {
        // C3 to DF begin a letter of two bytes; 80 to BF are the rest of a character.
        leads = window.between(0xC3, 0xDF) & inside;
        if high != leads | (leads << 1 & inside) {
            return false;
        }
    }
    let letters = small | capital | leads;
    if letters == 0 {
        return false;
    }
    let (start, mut end) = ((other & 1) as usize, length);
    if other != 0 {
        let last = 1 << (length - 1);
        let common = |at: usize| CLASS[usize::from(bytes[at])] == COMMON;
        // A question mark before a letter may be a letter that was lost.
        if other & !(last | 1) != 0
            || start == 1 && (!common(0) || bytes[0] == b'?')
            || other & last != 0 && !common(length - 1)
        {
            return false;
        }
        end -= usize::from(other & last != 0);
    }
    window = window.small();
    let (mut rest, mut foreign) = (leads, false);
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        let Some(place) = window.bytes_mut()[at..].first_chunk_mut::<2>() else { return false };
        *place = lower_pair(place[0], place[1]);
        counts.ours += u64::from(is_ours(*place));
        foreign |= is_foreign(*place);
        languages.letter(*place);
    }
    let lower = &window.bytes()[start..end];
    let key = WordKey::of_part(*window.bytes(), start, end - start);
    languages.word_of_key(key, lower);
    let characters = (letters | other).count_ones();
    counts.characters += u64::from(characters);
    counts.letters += u64::from(letters.count_ones());
    counts.words += 1;
    counts.word_characters += u64::from(characters);
    counts.alpha_words += 1;
    let switches = (capital & small << 1).count_ones();
    let unspeakable = other == 0 && characters >= 4 && small != 0 && vowels(window) & inside == 0;
    let garbled = unspeakable || switches >= 2;
    counts.garbled += u64::from(garbled);
    if (foreign || switches > 0)
        && small != 0
        && let Ok(token) = std::str::from_utf8(&bytes[..length])
    {
        lost.add(token, !garbled);
    }
    words.push(Word { hash: key.hash(), bytes: length as u32 });
    true
}

/// One token: a part between white space.
fn word(
    token: &[u8],
    counts: &mut Counts,
    languages: &mut Identifier,
    lower: &mut Vec<u8>,
    words: &mut Vec<Word>,
    lost: &mut LostLetters,
) {
    lower.clear();
    let mut seen = 0u8;
    // Letters between signs are words of their own: `s-a`, `într-o`, `d’ale`.
    let mut run = 0;
    let (mut characters, mut letters, mut foreign, mut switches, mut odd) = (0u32, 0u32, 0u32, 0u32, 0u32);
    let mut before = 0u8;
    let mut i = 0;
    while i < token.len() {
        let byte = token[i];
        // Most text is small letters without diacritics. A run of them changes only counts.
        if byte.is_ascii_lowercase() {
            let rest = &token[i..];
            let length = rest.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(rest.len());
            lower.extend_from_slice(&rest[..length]);
            characters += length as u32;
            letters += length as u32;
            seen |= LETTER;
            before = LETTER;
            i += length;
            continue;
        }
        let mut class = CLASS[usize::from(byte)];
        i += 1;
        if class == INSIDE {
            continue;
        }
        // Of the characters that begin with E2, only dashes, quotation marks and the frames of tables are common in
        // prose.
        if byte == 0xE2 && !matches!(token.get(i), Some(0x80 | 0x94 | 0x95)) {
            class = SYMBOL;
        }
        characters += 1;
        seen |= class;
        if class == LETTER {
            letters += 1;
            if byte < 0x80 {
                lower.push(byte | 0x20);
            } else {
                let next = token.get(i).copied().unwrap_or(0);
                let pair = lower_pair(byte, next);
                lower.extend_from_slice(&pair);
                i += 1;
                counts.ours += u64::from(is_ours(pair));
                foreign += u32::from(is_foreign(pair));
                languages.letter(pair);
                // The rest of a character of three or four bytes.
                while i < token.len() && CLASS[usize::from(token[i])] == INSIDE {
                    lower.push(token[i]);
                    i += 1;
                }
            }
        } else {
            counts.digits += u64::from(class == DIGIT);
            counts.symbols += u64::from(class == SYMBOL);
            counts.hashes += u64::from(byte == b'#');
            foreign += u32::from(byte == 0xC2);
            if byte == 0xE2 && token[i..].starts_with(&[0x80, 0xA6])
                || byte == b'.' && token[i..].starts_with(b"..") && before != COMMON
            {
                counts.ellipses += 1;
            }
            if lower.len() > run {
                languages.word(&lower[run..]);
            }
            run = lower.len();
            // A digit or an unusual sign directly between two letters.
            let next = token.get(i).map_or(SPACE, |&b| CLASS[usize::from(b)]);
            odd += u32::from(
                before == LETTER
                    && next == LETTER
                    && (class == DIGIT || matches!(byte, b'^' | b'|' | b'~' | b'\\' | b'*' | b'<' | b'>')),
            );
            odd += u32::from(byte == 0xEF && token[i..].starts_with(&[0xBF, 0xBD]));
            // `diminea?a`, `?i`: the letter was lost on its way through another charset.
            odd += u32::from(byte == b'?' && next == LETTER);
        }
        switches += u32::from(
            before == LETTER
                && class == LETTER
                && byte.is_ascii_uppercase()
                && token[i.saturating_sub(2)].is_ascii_lowercase(),
        );
        before = class;
    }
    counts.characters += u64::from(characters);
    counts.letters += u64::from(letters);
    if lower.len() > run {
        languages.word(&lower[run..]);
    }
    if seen & (LETTER | DIGIT) == 0 {
        counts.separators += u64::from(separator(token));
        counts.code += u64::from(token.len() > 1 && is_code(token));
        return;
    }
    counts.code += u64::from(seen & SYMBOL != 0 && is_code(token) || seen & COMMON != 0 && is_call(token));
    counts.words += 1;
    counts.word_characters += u64::from(characters);
    counts.alpha_words += u64::from(seen & LETTER != 0);
    // Garbling is measured on words of letters alone: only these could have been words.
    let plain = seen & SYMBOL == 0;
    let lower_case = token.iter().any(u8::is_ascii_lowercase);
    let unspeakable = plain
        && letters >= 4
        && lower_case
        && seen & DIGIT == 0
        && letters == characters
        && !has_vowel(lower);
    let garbled = odd > 0 || unspeakable || plain && switches >= 2;
    counts.garbled += u64::from(garbled);
    // A sign in the place of a letter. Words of Romanian letters alone have none.
    let strange =
        seen & SYMBOL != 0 || switches > 0 || foreign > 0 || seen & (DIGIT | LETTER) == DIGIT | LETTER;
    if strange
        && lower_case
        && let Ok(token) = std::str::from_utf8(token)
    {
        lost.add(token, !garbled);
    }
    // Digits and signs count for repetition; case does not.
    let hash = word_key::hash(if seen & DIGIT == 0 { lower } else { token });
    words.push(Word { hash, bytes: token.len() as u32 });
}

/// How many separators a line of so many words may have: a sentence may name places with slashes between them, and a bullet before a
/// line is no link. A menu that ends in a full stop has more.
fn forgiven(line: &[u8], words: u64) -> u64 {
    match line {
        [.., b'.' | b';'] => (words / 4).max(2),
        _ => u64::from(line.starts_with("•".as_bytes())),
    }
}

/// Two if the line gives a value to a name, as in files of settings and of translations (`dialog-title = ...`, `msgid "..."`), else
/// none. A name has a sign or a capital inside: words and acronyms (`ANAF = Agenția ...`, `Galben = trasee medii`) are explained so in
/// glossaries and legends.
fn setting(line: &[u8]) -> u64 {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'=')).unwrap_or(line.len());
    let (name, rest) = (&line[..end], line[end..].trim_ascii_start());
    if matches!(name, b"msgid" | b"msgstr" | b"msgctxt") {
        return 2 * u64::from(rest.starts_with(b"\""));
    }
    let assigns = rest.starts_with(b"=") && !rest.starts_with(b"==");
    let signs = |byte: &u8| b"-_.".contains(byte);
    let joined = name.iter().any(signs)
        || name.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    // `--color=WHEN` is an option in a manual.
    let named = name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || signs(byte));
    2 * u64::from(assigns && named && joined && name.len() >= 4)
}

/// A sign between the links of a menu or the parts of a path.
fn separator(token: &[u8]) -> bool {
    matches!(
        token,
        [b'>' | b'|' | b'/' | b'\\'] | [0xC2, 0xBB | 0xB7] | [0xE2, 0x80, 0xBA | 0xA2] | [0xE2, 0x86, 0x92]
    ) || token == b">>"
}

/// Signs of programs, pages and templates. None of them stands in prose, mathematics or an address.
const CODE: &[&[u8]] = &[
    b"->", b"=>", b":=", b"==", b"!=", b"&&", b"||", b"{{", b"}}", b"{%", b"%}", b"</", b"/>", b"<?", b"?>",
    b"\\fB", b"\\fI", b"\\fP", b"\\fR", b"${", b"=\"", b"='", b"***", b"/*", b"*/", b"_._", b"$_", b"::",
];

/// Each sign of [`CODE`] has one of these bytes, and so has each other thing that [`is_code`] finds.
static IN_CODE: [bool; 256] = {
    let (mut table, mut at, bytes) = ([false; 256], 0, b"<>=&|{}[%\\*_:");
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a word has a sign of a program.
fn is_code(token: &[u8]) -> bool {
    // A dash, an ellipsis and most addresses stop here.
    token.iter().any(|&byte| IN_CODE[usize::from(byte)]) && has_code(token)
}

fn has_code(token: &[u8]) -> bool {
    CODE.iter().any(|sign| memmem::find(token, sign).is_some())
        || matches!(token, [b'<', b'a'..=b'z', ..] if !token.contains(&b'@') && !token.contains(&b':'))
        // A key of JSON, and a place of a letter template: `"nume":`, `%NUME%`.
        || matches!(token, [b'"', .., b'"', b':'] | [b'{', b'"', .., b'"', b':'])
        || matches!(token, [b'%', name @ .., b'%'] | [b'%', name @ .., b'%', b'.' | b',' | b'!'] if is_constant(name))
        || matches!(token, [b'{' | b'}' | b'[', .., b'{' | b'}' | b']' | b';'] if token.len() > 2 && token.contains(&b'"'))
}

fn is_constant(name: &[u8]) -> bool {
    name.len() >= 2 && name.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'))
}

/// Whether a word is a call (`f(x)`, `suma();`): letters, a bracket in the middle, and the other bracket near the end.
/// `persoana(e)` and `art. 5(2)` are prose.
fn is_call(token: &[u8]) -> bool {
    let Some(open) = memchr(b'(', token) else { return false };
    let letters = token[..open].iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let inside = &token[open + 1..];
    letters >= 2
        && (inside.starts_with(b")")
            || inside.iter().any(|byte| matches!(byte, b'(' | b'=' | b'\'' | b'"' | b'_')))
}

/// Whether a word in lower case has a vowel: of ASCII, of Latin-1 (by its lead byte), or ă.
#[inline]
fn has_vowel(lower: &[u8]) -> bool {
    lower.iter().any(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | 0xC3))
        || lower.windows(2).any(|pair| pair == [0xC4, 0x83])
}

/// The places of vowels in a window, as [`has_vowel`] finds them.
#[inline]
fn vowels(window: Window) -> u32 {
    let ascii = b"aeiouy".iter().fold(0, |set, &vowel| set | window.equal(vowel));
    ascii | window.equal(0xC3) | window.equal(0xC4) << 1 & window.equal(0x83)
}

/// A letter of two bytes in lower case; a cedilla becomes a comma below.
#[inline]
fn lower_pair(first: u8, second: u8) -> [u8; 2] {
    match (first, second) {
        (0xC3, 0x80..=0x9E) => [0xC3, second + 0x20],
        (0xC4, 0xB0) => [0xC4, 0xB1],
        (0xC4 | 0xC8, _) if second & 1 == 0 && second != 0xB8 => [first, second + 1],
        (0xC5, 0x9E) => [0xC5, 0x9F],
        (0xC5, 0xA2) => [0xC5, 0xA3],
        (0xC5, 0x90 | 0xB0 | 0xA0) => [0xC5, second + 1],
        (0xC5, 0xB9 | 0xBB | 0xBD | 0x81 | 0x83) => [0xC5, second + 1],
        _ => [first, second],
    }
}

/// Letters of other languages that damaged tables show for a Romanian one: æ ø þ ð ß ñ ł ń ƒ, in lower case.
#[inline]
fn is_foreign(pair: [u8; 2]) -> bool {
    matches!(
        pair,
        [0xC3, 0xA6 | 0xB8 | 0xBE | 0xB0 | 0xB1 | 0xBF | 0x9F] | [0xC5, 0x82 | 0x84] | [0xC6, 0x92]
    )
}

/// The lines that define a term. It is asked about texts that have hardly a closed line.
fn defined(text: &str) -> u64 {
    text.lines().filter(|line| defines(heading(line.as_bytes().trim_ascii()))).count() as u64
}

/// ă â î ș ț, also with a cedilla, in lower case.
#[inline]
fn is_ours(pair: [u8; 2]) -> bool {
    matches!(pair, [0xC4, 0x83] | [0xC3, 0xA2 | 0xAE] | [0xC8, 0x99 | 0x9B] | [0xC5, 0x9F | 0xA3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_word_counts_as_any_other(
            begin in "[(.?\"'-]?",
            pieces in prop::collection::vec("[a-zA-Z]{1,4}|[ăâîșțşţĂÂÎȘȚéÜñ]|[.,?(/#0-9…„<_^*-]|\u{a0}|×|ﬁ", 1..4),
            end in "[.,;:!?()\"'/#…”>]{0,2}",
        ) {
            let token = format!("{begin}{}{end}", pieces.concat());
            let text = format!("{token} {}", "x".repeat(16));
            let (window, length) = (Window::at(text.as_bytes(), 0), token.len());
            let (mut counts, mut languages, mut words) = (Counts::default(), Identifier::new(), Vec::new());
            let lost = &mut LostLetters::default();
            if length > word_key::LONGEST || !plain_word(window, length, &mut counts, &mut languages, &mut words, lost) {
                return Ok(());
            }
            let (mut others, mut identifier, mut list) = (Counts::default(), Identifier::new(), Vec::new());
            word(token.as_bytes(), &mut others, &mut identifier, &mut Vec::new(), &mut list, lost);
            prop_assert_eq!(counts, others, "{:?}", token);
            prop_assert_eq!(languages.finish(), identifier.finish(), "{:?}", token);
            let named = |words: Vec<Word>| words.iter().map(|word| (word.hash, word.bytes)).collect::<Vec<_>>();
            prop_assert_eq!(named(words), named(list), "{:?}", token);
        }
    }
}
