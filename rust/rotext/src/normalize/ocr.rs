//! Class 14, the safe part: scanned books show l as I or 1, and in these places only l is possible.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, is_letter, word_after, word_before};

/// `de Ia` -> `de la`; `nu 1-a văzut` -> `nu l-a văzut`.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(n) = memchr::memchr2(b'I', b'1', &bytes[at..]) {
        at += n;
        if bytes[at..].starts_with(b"Ia ") && preposition(text, at) {
            editor.replace(at..at + 2, "la", Id::Ocr);
        } else if bytes[at..].starts_with(b"Iui ") && genitive(text, at) {
            editor.replace(at..at + 3, "lui", Id::Ocr);
        } else if bytes[at..].starts_with(b"1-a") && pronoun(text, at) {
            editor.replace(at..at + 1, "l", Id::Ocr);
        }
        at += 1;
    }
}

/// Whether `Ia` is after a word that `la` follows, and before a word in lower case. (`Ia`, take!, begins a sentence.)
fn preposition(text: &str, at: usize) -> bool {
    const BEFORE: &[&str] = &["de", "pe", "până", "pînă", "pâna", "și", "şi", "ca"];
    let Some(left) = text[..at].strip_suffix(' ') else { return false };
    // ia is a blouse, too (`Sânzienele și Ia românească`).
    let blouse =
        ["român", "tradițional", "national", "național"].iter().any(|w| text[at + 3..].starts_with(w));
    let host = word_before(left, left.len());
    let next = after(text, at + 3);
    // Before a name: the prepositions alone, because `și Ia Mare` may be a blouse.
    let name = matches!(host, "de" | "pe" | "până" | "pînă")
        && next.is_some_and(char::is_uppercase)
        && word_after(text, at + 3).chars().nth(1).is_some_and(char::is_lowercase);
    BEFORE.contains(&host) && (next.is_some_and(char::is_lowercase) || name) && !blouse
}

/// Whether `Iui` is between a word in lower case and another word (`casa Iui Ion`). No word or name is `Iui`.
fn genitive(text: &str, at: usize) -> bool {
    let host = text[..at].strip_suffix(' ').map_or("", |left| word_before(left, left.len()));
    host.chars().next_back().is_some_and(char::is_lowercase) && after(text, at + 4).is_some_and(is_letter)
}

/// Whether `1-a` is the pronoun and not an ordinal. The pronoun is before a participle. `1-am`, `1-ar`, `1-au` are never
/// ordinals.
fn pronoun(text: &str, at: usize) -> bool {
    let free = text[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "„“\"(—–".contains(c));
    let left = text[..at].trim_end_matches(' ');
    let host = word_before(left, left.len());
    let verb = word_after(text, at + 2);
    let rest = &text[at + 2 + verb.len()..];
    if !free {
        return false;
    }
    match verb {
        "am" | "ar" | "au" | "aș" | "aş" | "ai" | "ați" | "aţi" => {
            rest.strip_prefix(' ').is_some_and(|rest| word_after(rest, 0).chars().count() > 1)
        }
        "a" => {
            let next = rest.strip_prefix(' ').map_or("", |rest| word_after(rest, 0));
            !ordinal(host) && !left.ends_with(|c: char| c.is_numeric()) && participle(next)
        }
        _ => false,
    }
}

/// Words that an ordinal follows.
fn ordinal(word: &str) -> bool {
    let lower = word.to_lowercase();
    matches!(
        lower.as_str(),
        "a" | "clasa"
            | "partea"
            | "secția"
            | "secţia"
            | "grupa"
            | "ziua"
            | "divizia"
            | "categoria"
            | "etapa"
            | "ediția"
            | "ediţia"
            | "faza"
            | "lecția"
            | "lecţia"
            | "secțiunea"
            | "secţiunea"
            | "liga"
            | "scena"
            | "armata"
    )
}

/// Whether the word is a past participle by its ending, and not a noun with the same ending.
fn participle(word: &str) -> bool {
    const NOUNS: &[&str] =
        &["stat", "sat", "mandat", "candidat", "format", "tratat", "capăt", "pat", "lat", "mat", "adjunct"];
    const STRONG: &[&str] = &[
        "zis", "spus", "dus", "pus", "scos", "prins", "trimis", "adus", "întors", "ucis", "închis", "scris",
        "ales", "ajuns", "strâns", "împins", "atins", "cuprins", "rupt", "fript", "copt", "supt",
    ];
    let regular = ["at", "ut", "it", "ât", "ît"].iter().any(|ending| word.ends_with(ending))
        && word.chars().count() >= 3;
    word.chars().all(|c| is_letter(c) && c.is_lowercase())
        && (regular && !NOUNS.contains(&word) || STRONG.contains(&word))
}
