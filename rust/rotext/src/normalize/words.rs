//! Letters and words: what the rules test in the neighbourhood of a character.

/// The character that ends right before byte `at`.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// The character that begins at byte `at`.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// Whether `c` is a letter. Unicode counts the ordinal signs, the spacing circumflex and the spacing caron as letters
/// too, but here they are evidence of damage.
pub(super) fn is_letter(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' => true,
        '\0'..='\u{BF}' | '×' | '÷' | '\u{2B0}'..='\u{2FF}' => false,
        // These are all letters. For other characters the Unicode tables are searched, which costs more.
        'À'..='\u{24F}' => true,
        _ => c.is_alphabetic(),
    }
}

/// [`is_letter`] of a neighbour; the end of the text is no letter.
pub(super) fn letter(c: Option<char>) -> bool {
    c.is_some_and(is_letter)
}

/// How many characters a rule looks at in each direction. So a rule that asks at every character stays linear.
pub(super) const REACH: usize = 64;

/// The word around byte `at`, of characters that `inside` accepts: its first byte and its end. It reads at most
/// [`REACH`] characters in each direction.
pub(super) fn word_around(text: &str, at: usize, inside: impl Fn(char) -> bool) -> (usize, usize) {
    let start = text[..at]
        .char_indices()
        .rev()
        .take(REACH)
        .take_while(|&(_, c)| inside(c))
        .last()
        .map_or(at, |(i, _)| i);
    let end = text[at..]
        .char_indices()
        .take(REACH)
        .take_while(|&(_, c)| inside(c))
        .last()
        .map_or(at, |(i, c)| at + i + c.len_utf8());
    (start, end)
}

/// The word that ends at byte `at`; empty if there is none.
pub(super) fn word_before(text: &str, at: usize) -> &str {
    let (start, _) = word_around(&text[..at], at, is_letter);
    &text[start..at]
}

/// The word that begins at byte `at`; empty if there is none.
pub(super) fn word_after(text: &str, at: usize) -> &str {
    let (_, end) = word_around(&text[at..], 0, is_letter);
    &text[at..at + end]
}

/// The runs of characters that are not ASCII, with their first byte. Good Romanian has runs of one letter.
pub(super) fn high_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = next_run(text.as_bytes(), at, false)?;
        at = next_run(text.as_bytes(), start, true).unwrap_or(text.len());
        Some((start, &text[start..at]))
    })
}

/// The runs of [`high_runs`] that are longer than three bytes: two characters or more, or one of four bytes. Good text has few.
pub(super) fn long_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const BLOCK: usize = 32;
    const MORE: usize = 3;
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        // Without branches, so that many bytes are tested at once: four high bytes in a row begin in this block.
        while let Some(window) = bytes[at..].first_chunk::<{ BLOCK + MORE }>() {
            let mut found = 0;
            for i in 0..BLOCK {
                found |= window[i] & window[i + 1] & window[i + 2] & window[i + 3];
            }
            if found >= 0x80 {
                break;
            }
            at += BLOCK;
        }
        let mut start = at;
        loop {
            start = next_run(bytes, start, false)?;
            let end = next_run(bytes, start, true).unwrap_or(bytes.len());
            if end - start > MORE {
                at = end;
                return Some((start, &text[start..end]));
            }
            start = end;
        }
    })
}

/// The first byte from `at` on that is ASCII, or that is not; eight bytes at a time.
#[inline]
fn next_run(bytes: &[u8], mut at: usize, ascii: bool) -> Option<usize> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let flip = if ascii { HIGH } else { 0 };
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let found = (u64::from_le_bytes(*chunk) ^ flip) & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += chunk.len();
    }
    bytes[at..].iter().position(|b| b.is_ascii() == ascii).map(|n| at + n)
}

/// The modern letter for each form that old encodings show, in lower case.
pub(super) fn fold(c: char) -> char {
    match c {
        'ş' | 'Ş' | 'º' | 'ª' | 'Ș' => 'ș',
        'ţ' | 'Ţ' | 'þ' | 'Þ' | 'Ț' => 'ț',
        'ã' | 'Ã' | 'ǎ' | 'Ǎ' | 'Ă' => 'ă',
        'Â' => 'â',
        'Î' => 'î',
        c => c.to_ascii_lowercase(),
    }
}

/// Function words that running Romanian always has, with the modern letters. Its neighbours (Portuguese, Spanish, French,
/// Italian, Turkish) do not share most of them.
const FUNCTION_WORDS: &[&str] = &[
    "acest", "aceasta", "această", "acestea", "aceste", "acestei", "acestor", "acestui", "aceștia", "ale",
    "asupra", "aș", "ați", "au", "avea", "avem", "când", "care", "cea", "cel", "cele", "cei", "ceva",
    "chiar", "cînd", "către", "cu", "cum", "că", "căci", "dacă", "dar", "deci", "despre", "dintr", "dintre",
    "din", "doar", "după", "este", "fi", "fie", "fost", "fără", "foarte", "iar", "îi", "îl", "în", "încă",
    "își", "îți", "între", "într", "la", "lângă", "lui", "mai", "mă", "nici", "noi", "nu", "numai", "ori",
    "până", "pentru", "peste", "pe", "pînă", "prin", "printr", "sau", "se", "sînt", "spre", "sub", "sunt",
    "să", "său", "sa", "și", "tot", "toate", "toți", "un", "unde", "unei", "unor", "unui", "va", "vom",
    "vor", "vă", "ăsta",
];

/// The number of Romanian function words in `text`; stops at `enough`.
pub(super) fn function_words(text: &str, enough: usize) -> usize {
    let mut found = 0;
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let folded = fold(c);
        if is_letter(c) || folded != c {
            // Longer than every function word, so the rest is not needed.
            if word.len() < 16 {
                word.push(folded);
            }
            continue;
        }
        if !word.is_empty() && FUNCTION_WORDS.contains(&word.as_str()) {
            found += 1;
            if found >= enough {
                return found;
            }
        }
        word.clear();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn long_runs_are_the_long_ones_of_all(text in "([a ]{0,40}[ăș„”😀é]{0,4}){0,12}") {
            let all: Vec<_> = high_runs(&text).filter(|(_, run)| run.len() > 3).collect();
            prop_assert_eq!(long_runs(&text).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn letters_are_those_of_unicode() {
        for c in '\0'..=char::MAX {
            let shown = matches!(c, '\u{80}'..='\u{BF}' | '\u{2B0}'..='\u{2FF}');
            assert_eq!(is_letter(c), c.is_alphabetic() && !shown, "{c:?}");
        }
    }
}
