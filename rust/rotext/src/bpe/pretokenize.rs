//! Cuts text into the words of a [`Pattern`], without a regex engine: one look at sixteen bytes for the common word (an
//! optional sign, then letters), and a few lines of plain code for everything else.
//!
//! A regex engine does the same at 30 to 60 MB/s, because it tries the alternatives one after another and backtracks for
//! `\s+(?!\S)`. Here the class of the first character selects the alternative; each function below names its own. The
//! test oracle is the engine itself.

use super::classes::{Class, class_at};
use super::lane::{Lane, Native};
use super::pattern::Pattern;

/// A pattern as a type, so that the loops are compiled once for each.
pub(super) trait Words {
    /// Bytes that may be before letters in one word: at most one of them, and it must be ASCII here.
    const PREFIX: [bool; 256];
    /// The end of the word that begins at `at`, when it is not a prefix and quick letters.
    fn other_end(text: &[u8], at: usize) -> usize;
}

/// The end of the word that begins at `at` (`at < text.len()`), and the bytes from `at` on.
#[inline(always)]
pub(super) fn word_end<W: Words>(text: &[u8], at: usize) -> (usize, Native) {
    let lane = Native::load(text, at);
    let prefix = usize::from(W::PREFIX[usize::from(text[at])]);
    // Byte 0 counts as a letter when it may be a prefix; then letters must follow it.
    let run = (lane.not_letters() & !(prefix as u32)).trailing_zeros() as usize;
    if run > prefix && run < 16 && text.get(at + run).is_none_or(|&b| b < 0x80) {
        return (at + run, lane);
    }
    let end = if run > prefix { letters_end(text, at + prefix) } else { W::other_end(text, at) };
    (end, lane)
}

/// GPT-2.
pub(super) struct Gpt2;
/// Llama 3, with digits in threes.
pub(super) struct Llama3;
/// Qwen 2, with digits one by one.
pub(super) struct Qwen2;

impl Words for Gpt2 {
    const PREFIX: [bool; 256] = {
        let mut prefix = [false; 256];
        prefix[b' ' as usize] = true;
        prefix
    };

    fn other_end(text: &[u8], at: usize) -> usize {
        if text[at] == b'\'' {
            let end = contraction_end::<false>(text, at);
            if end > at {
                return end;
            }
        }
        // ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+`
        let start = at + usize::from(text[at] == b' ');
        if start < text.len() {
            let (class, len) = class_at(text, start);
            if class != Class::Space {
                return run_end(text, start + len, class);
            }
        }
        space_end::<false>(text, at)
    }
}

impl Words for Llama3 {
    const PREFIX: [bool; 256] = any_sign();

    fn other_end(text: &[u8], at: usize) -> usize {
        cl100k_end::<3>(text, at)
    }
}

impl Words for Qwen2 {
    const PREFIX: [bool; 256] = any_sign();

    fn other_end(text: &[u8], at: usize) -> usize {
        cl100k_end::<1>(text, at)
    }
}

/// The ASCII part of `[^\r\n\p{L}\p{N}]`, without the apostrophe: contractions come first.
const fn any_sign() -> [bool; 256] {
    let mut prefix = [false; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        let sign = !byte.is_ascii_alphanumeric() && !matches!(byte, b'\r' | b'\n' | b'\'');
        prefix[byte as usize] = sign;
        byte += 1;
    }
    prefix
}

fn cl100k_end<const DIGITS: usize>(text: &[u8], at: usize) -> usize {
    // `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
    if text[at] == b'\'' {
        let end = contraction_end::<true>(text, at);
        if end > at {
            return end;
        }
    }
    let (class, len) = class_at(text, at);
    let next = (at + len < text.len()).then(|| class_at(text, at + len));
    match (class, next) {
        // `[^\r\n\p{L}\p{N}]?\p{L}+`
        (Class::Letter, _) => return letters_end(text, at + len),
        (Class::Other | Class::Space, Some((Class::Letter, more))) if !matches!(text[at], b'\r' | b'\n') => {
            return letters_end(text, at + len + more);
        }
        // `\p{N}{1,3}`
        (Class::Number, _) => {
            let mut end = at + len;
            for _ in 1..DIGITS {
                match (end < text.len()).then(|| class_at(text, end)) {
                    Some((Class::Number, len)) => end += len,
                    _ => break,
                }
            }
            return end;
        }
        // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
        (Class::Other, _) => return newlines_end(text, run_end(text, at + len, Class::Other)),
        (Class::Space, Some((Class::Other, more))) if text[at] == b' ' => {
            return newlines_end(text, run_end(text, at + len + more, Class::Other));
        }
        (Class::Space, _) => {}
    }
    space_end::<true>(text, at)
}

/// `'s|'t|'re|'ve|'m|'ll|'d` at the apostrophe `at`: its end, or `at` when there is none. It ignores case as Unicode
/// defines it: U+017F, the long s, is an `s`.
fn contraction_end<const ANY_CASE: bool>(text: &[u8], at: usize) -> usize {
    let letter = |i: usize| match text.get(at + i) {
        Some(b) if ANY_CASE => b.to_ascii_lowercase(),
        Some(b) => *b,
        None => 0,
    };
    match (letter(1), letter(2)) {
        (b's' | b't' | b'm' | b'd', _) => at + 2,
        (b'r' | b'v', b'e') | (b'l', b'l') => at + 3,
        (0xC5, 0xBF) if ANY_CASE => at + 3,
        _ => at,
    }
}

/// `\p{L}*` from `at`.
fn letters_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() {
        let run = Native::load(text, at).not_letters().trailing_zeros() as usize;
        if run == 16 {
            // A character may begin in the last byte: read it again with what follows.
            at += 15;
            continue;
        }
        at += run;
        if at >= text.len() || text[at] < 0x80 {
            return at;
        }
        let (class, len) = class_at(text, at);
        if class != Class::Letter {
            return at;
        }
        at += len;
    }
    at
}

/// The end of the run of `class` from `at`.
fn run_end(text: &[u8], mut at: usize, class: Class) -> usize {
    if class == Class::Letter {
        return letters_end(text, at);
    }
    while at < text.len() {
        let (here, len) = class_at(text, at);
        if here != class {
            break;
        }
        at += len;
    }
    at
}

/// `[\r\n]*` from `at`.
fn newlines_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && matches!(text[at], b'\r' | b'\n') {
        at += 1;
    }
    at
}

/// `\s*[\r\n]+` (if NEWLINES)`|\s+(?!\S)|\s+` at the white space `at`.
fn space_end<const NEWLINES: bool>(text: &[u8], at: usize) -> usize {
    let mut end = at;
    let mut last = at; // start of the last character of the run
    let mut after_newline = at;
    while end < text.len() {
        let (class, len) = class_at(text, end);
        if class != Class::Space {
            break;
        }
        last = end;
        end += len;
        if matches!(text[last], b'\r' | b'\n') {
            after_newline = end;
        }
    }
    if NEWLINES && after_newline > at {
        return after_newline;
    }
    // `(?!\S)`: the last white space before a word belongs to the word, unless there is only one.
    if end < text.len() && last > at { last } else { end }
}

/// The words of `text`, in order. Joined together they are `text`. O(n) for n bytes.
pub fn words(pattern: Pattern, text: &str) -> impl Iterator<Item = &str> {
    let next = match pattern {
        Pattern::Gpt2 => word_end::<Gpt2>,
        Pattern::Llama3 => word_end::<Llama3>,
        Pattern::Qwen2 => word_end::<Qwen2>,
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        (start < text.len()).then(|| {
            at = next(text.as_bytes(), start).0;
            &text[start..at]
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use tokenizers::utils::SysRegex;

    static ORACLE: LazyLock<[SysRegex; 3]> =
        LazyLock::new(|| Pattern::ALL.map(|pattern| SysRegex::new(pattern.regex()).unwrap()));

    fn check(text: &str) {
        for (pattern, oracle) in Pattern::ALL.into_iter().zip(ORACLE.iter()) {
            let expected: Vec<&str> = oracle.find_iter(text).map(|(start, end)| &text[start..end]).collect();
            let ours: Vec<&str> = words(pattern, text).collect();
            assert_eq!(ours, expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn clitics_and_corners() {
        for text in [
            "s-a dus într-o zi, c’ar fi n-am 'nainte",
            "He's here, I'LL go; it'ſ 'SĂ 'Re 'VE're 'l 'll'",
            "\r\n \n  x \u{a0}\u{a0}y\t\tz  \n\n\r a\u{85}\u{2003}b   ",
            "1234567 12 ½²³ x1y22z333w4444",
            "a×b÷c ªº µm ﬁnal ʰˊ αβγ жизнь 漢字 e\u{301}a\u{0306} ș\u{326}",
            "…„Da”, «nu» – zise… ?!\n!\r\n--a -- a .-\n",
            "\0a\0\0 \0b \u{feff}c \u{200b}d\u{200d}e",
            "👩‍👩‍👧‍👦👍🏽 ok🇷🇴da",
            "țțțțțțțțțțțțțțțțțțțțțțțțțțțțțțț țțțțțțțț aaaaaaaaaaaaaa× bbbbbbbbbbbbbbb× cccccccccccccccc×",
            "",
            " ",
            "'",
            " '",
        ] {
            check(text);
        }
    }

    #[test]
    fn every_code_point_in_every_setting() {
        let mut text = String::new();
        for c in '\0'..=char::MAX {
            for (before, after) in
                [("", ""), ("a", "b"), (" ", "b"), ("1", " "), (".", "\n"), ("\n", "'s"), ("'", "s")]
            {
                text.extend([before, c.encode_utf8(&mut [0; 4]), after]);
            }
            if text.len() > 4000 {
                check(&text);
                text.clear();
            }
        }
        check(&text);
    }

    /// Text in which the rules of the patterns interact more often than in random Unicode.
    pub(crate) fn mixed() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                " ",
                "  ",
                "\n",
                "\r\n",
                "\t",
                "\u{a0}",
                "'",
                "'s",
                "'LL",
                "’",
                "-",
                ".",
                ",",
                "…",
                "ă",
                "Ș",
                "ț",
                "a",
                "re",
                "×",
                "÷",
                "1",
                "23",
                "½",
                "ª",
                "ŝ",
                "ﬁ",
                "\u{301}",
                "🙂",
                "漢",
                "ж",
                "\0",
                "întru",
                "nemaipomenit",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
            "\\PC{0,4}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn words_are_those_of_the_regex(text in mixed()) {
            check(&text);
        }
    }
}
