//! The words before a number or an address: `tel.` says that a telephone number follows, `art.` that none does.

/// Bytes that are read before a place: five or six words.
const REACH: usize = 48;
/// Words that stand between a name and its number: `art. nr. 5`, `codul este 5`.
const FILLERS: &[&str] = &["nr", "no", "numar", "numarul", "numerele", "este", "e", "are", "de", "cu"];

/// The words of the line before `at`, the nearest first, in lower case without diacritics. `O.U.G.` is one word, `oug`.
pub(super) fn words_before(text: &str, at: usize) -> Vec<String> {
    let mut start = at.saturating_sub(REACH);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let line = text[start..at].rsplit('\n').next().unwrap_or_default();
    let mut words = Vec::new();
    for part in line.rsplit(|c: char| !c.is_alphanumeric() && c != '.') {
        let initials = part.contains('.') && part.split('.').all(|letter| letter.chars().count() <= 1);
        if initials {
            words.push(part.chars().filter(|c| *c != '.').map(plain).collect());
        } else {
            words.extend(part.rsplit('.').map(|word| word.chars().map(plain).collect()));
        }
    }
    words.retain(|word: &String| !word.is_empty());
    words
}

fn plain(c: char) -> char {
    match c {
        'ă' | 'Ă' | 'â' | 'Â' => 'a',
        'î' | 'Î' => 'i',
        'ș' | 'Ș' | 'ş' | 'Ş' => 's',
        'ț' | 'Ț' | 'ţ' | 'Ţ' => 't',
        c => c.to_ascii_lowercase(),
    }
}

/// Whether one of the words is in the list. An entry that ends in `*` is the beginning of a word.
pub(super) fn any(words: &[String], list: &[&str]) -> bool {
    words.iter().any(|word| listed(word, list))
}

/// Whether the nearest word that is no filler is in the list.
pub(super) fn nearest(words: &[String], list: &[&str]) -> bool {
    let names = words.iter().find(|word| !FILLERS.contains(&word.as_str()));
    names.is_some_and(|word| listed(word, list))
}

fn listed(word: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == *entry,
    })
}
