//! Class 18: clitic groups whose hyphen has a space beside it (`s- a`, `dintr -o`, `s - a`) or is another sign (`s–a`,
//! `l_am`). Only closed lists of hosts and clitics: a dash, a hanging prefix, an option and a name look the same.

use super::edit::Editor;
use super::hyphens::{HOSTS, folded, is_number, token_before};
use super::line_ends::has_vowel;
use super::rules::Id;
use super::words::{after, before, function_words, word_after};

/// A host and its clitic, as in the lists.
struct Group {
    left: String,
    right: String,
    /// No hyphen and no number is before the host: it is no option (`-s -a`) and no unit (`30 m - o bandă`).
    free: bool,
    /// The host is in small letters. `L_o` is a name of a formula.
    small: bool,
    /// The host is a number (`al 2-lea`).
    number: bool,
}

/// The words before `at` and after `end`, if they are whole words of letters and the second one is in small letters.
fn group(text: &str, at: usize, end: usize) -> Option<Group> {
    // No clitic is longer.
    const LONGEST: usize = 10;
    let right = word_after(text, end);
    if right.is_empty() || right.len() > LONGEST || right.chars().any(char::is_uppercase) {
        return None;
    }
    let left = token_before(text, at);
    let ended = after(text, end + right.len()).is_none_or(|c| !c.is_alphanumeric() && !"_=/".contains(c));
    // The left part is one whole word, not the second half of a compound, an option or a path.
    let begun = before(text, at - left.len()).is_none_or(|c| c.is_whitespace() || "„“\"'(«—–’-".contains(c));
    if left.is_empty() || !ended || !begun {
        return None;
    }
    Some(Group {
        free: before(text, at - left.len()) != Some('-') && !unit(text, at - left.len()),
        small: left.chars().all(char::is_lowercase),
        left: folded(left),
        right: folded(right),
        number: is_number(left),
    })
}

/// Whether a number is before the word at `start`.
fn unit(text: &str, start: usize) -> bool {
    text[..start].strip_suffix([' ', '\u{A0}']).is_some_and(|head| head.ends_with(|c: char| c.is_numeric()))
}

/// Whether only a hyphen can be between the two words: the host is no word of its own (`s`, `într`, `dintr`), and the clitic
/// is a verb or an article that follows it.
fn bound(group: &Group) -> bool {
    const VERBS: &[&str] = &["a", "ai", "am", "ar", "au", "aș", "ați", "o"];
    match (group.left.as_str(), group.right.as_str()) {
        ("într" | "dintr" | "printr", right) => {
            matches!(
                right,
                "o" | "un"
                    | "una"
                    | "unul"
                    | "însa"
                    | "însul"
                    | "înșii"
                    | "însele"
                    | "alt"
                    | "alta"
                    | "altă"
                    | "altul"
                    | "adevăr"
                    | "adins"
            )
        }
        ("s" | "l" | "n" | "m" | "v", right) => VERBS.contains(&right),
        // i, ne, mi and și are names, numbers and words too; the clitic must be a form of the auxiliary.
        ("i" | "mi" | "ți" | "ne" | "le" | "li" | "vi" | "ni", right) => {
            matches!(right, "am" | "ai" | "ar" | "au" | "ați" | "aș" | "a")
        }
        _ => false,
    }
}

/// Words that a separate clitic precedes or follows only with a hyphen: l and i are no words, and after `să`, `că`, `nu` the
/// reflexive forms have no other use.
fn leans(group: &Group) -> bool {
    let host = matches!(
        group.left.as_str(),
        "să" | "că"
            | "nu"
            | "ce"
            | "cine"
            | "unde"
            | "dacă"
            | "care"
            | "cum"
            | "când"
            | "și"
            | "de"
            | "te"
            | "mi"
            | "ți"
            | "vi"
            | "ni"
    );
    let conjunction = matches!(group.left.as_str(), "să" | "că");
    host && group.left != group.right
        && match group.right.as_str() {
            "l" | "i" | "mi" | "ți" => true,
            "și" | "mă" | "vă" => conjunction,
            _ => false,
        }
}

/// Class 18: the hyphen at `at`, with a space on one side or on both. Says whether it joined the group.
pub(super) fn join(editor: &mut Editor, at: usize) -> bool {
    let text = editor.text();
    let bytes = text.as_bytes();
    let left_space = at > 0 && bytes[at - 1] == b' ';
    let right_space = bytes.get(at + 1) == Some(&b' ');
    let joined = match (left_space, right_space) {
        (false, true) => group(text, at, at + 2).is_some_and(|g| listed(&g)),
        // A dash between two words and a dash that opens a clause look like these, so the group must be bound.
        (true, _) => group(text, at - 1, at + 1 + usize::from(right_space)).is_some_and(|g| {
            (bound(&g) || !right_space && g.left == "să" && leans(&g)) && g.free && sentence(text, at)
        }),
        (false, false) => false,
    };
    if joined {
        editor.replace(at - usize::from(left_space)..at + 1 + usize::from(right_space), "-", Id::SplitClitic);
    }
    joined
}

/// An en dash for the hyphen of a group (`s–a`, `într–o`): the letters touch it.
pub(super) fn dashes(editor: &mut Editor) {
    let text = editor.text();
    for (at, dash) in text.match_indices('–') {
        let end = at + dash.len();
        if group(text, at, end).is_some_and(|g| bound(&g) || leans(&g)) {
            editor.replace(at..end, "-", Id::SplitClitic);
        }
    }
}

/// An underscore for the hyphen of a group (`l_am`). Names of programs have underscores too, so the line must be Romanian.
pub(super) fn underscores(editor: &mut Editor) {
    let text = editor.text();
    for at in memchr::memchr_iter(b'_', text.as_bytes()) {
        if group(text, at, at + 1)
            .is_some_and(|g| bound(&g) && g.free && g.small && (g.right != "o" || g.left.len() > 1))
            && sentence(text, at)
        {
            editor.replace(at..at + 1, "-", Id::SplitClitic);
        }
    }
}

/// Whether the text around `at` is Romanian and no formula or list of options: a function word or a Romanian letter is near.
fn sentence(text: &str, at: usize) -> bool {
    const REACH: usize = 120;
    let floor = |mut i: usize| {
        while !text.is_char_boundary(i) {
            i -= 1;
        }
        i
    };
    let window = &text[floor(at.saturating_sub(REACH))..floor((at + REACH).min(text.len()))];
    let ours = ['ă', 'â', 'î', 'ș', 'ț'];
    (window.contains(ours) || function_words(window, 1) == 1) && !window.contains(['=', '{', '}', '\\'])
}

/// Whether a sign at `at..end` that may be a hyphen (a soft hyphen, a mark of a line end) is the hyphen of a group.
/// `Some(true)`: without doubt; `Some(false)`: the two parts may be one word, too (`mi-e`, `mie`).
pub(super) fn hyphened(text: &str, at: usize, end: usize) -> Option<bool> {
    let group = group(text, at, end)?;
    if bound(&group) {
        return Some(true);
    }
    (leans(&group) || listed(&group)).then_some(false)
}

/// Whether a space after the hyphen is between a word and its clitic. Only clitics of the closed lists count: `pre- și
/// postbelic`, `bi- sau tri` and a dash without its first space stay as they are.
fn listed(group: &Group) -> bool {
    let Group { left, right, number, .. } = group;
    let number = *number;
    let host = HOSTS.contains(&left.as_str());
    match right.as_str() {
        "lea" => number,
        "a" if number => true,
        "a" | "am" | "ai" | "ar" | "au" | "aș" | "ați" | "o" | "e" | "îi" | "or" if host => {
            !(left == "a" || left == "c" && right == "e")
        }
        "un" => matches!(left.as_str(), "într" | "intr" | "dintr" | "printr" | "de" | "c" | "ș" | "p"),
        "al" | "ale" => left == "de",
        "și" if matches!(left.as_str(), "să" | "că") => true,
        "mă" if matches!(left.as_str(), "să" | "că") => true,
        "o" | "și" | "se" => is_gerund(left),
        // After a noun or a verb these are words of their own too (`zona de locuit- se admite`), so the host must be a
        // word that takes them.
        "te" => is_gerund(left) || IMPERATIVES.contains(&left.as_str()),
        "vă" | "ne" | "le" => {
            is_gerund(left)
                || is_plural_imperative(left)
                || matches!(left.as_str(), "dă" | "ia" | "spune" | "fă")
        }
        "mi" | "ți" => {
            host || is_gerund(left)
                || is_plural_imperative(left)
                || matches!(left.as_str(), "dă" | "spune" | "fă" | "ia")
        }
        // l and i alone are not words.
        "l" | "i" => {
            host || left.chars().count() >= 3 && has_vowel(left) && !PREFIXES.contains(&left.as_str())
        }
        "ul" | "ului" | "uri" | "urile" | "urilor" => left.chars().count() >= 2,
        _ => false,
    }
}

/// `văzându-`, `ducîndu-`: the only hosts of `se` and `și`.
fn is_gerund(word: &str) -> bool {
    word.chars().count() > 4 && ["ându", "îndu", "indu"].iter().any(|ending| word.ends_with(ending))
}

/// `adresați-`: the polite imperative.
fn is_plural_imperative(word: &str) -> bool {
    word.chars().count() > 4 && word.ends_with("ți")
}

/// Reflexive verbs in the imperative (`du-te`, `uită-te`).
const IMPERATIVES: &[&str] = &[
    "du",
    "uită",
    "gândește",
    "gîndește",
    "grăbește",
    "oprește",
    "întoarce",
    "așază",
    "așează",
    "ține",
    "roagă",
    "ridică",
    "culcă",
    "scoală",
    "joacă",
    "bucură",
    "apropie",
    "liniștește",
];

/// Prefixes that occur before a hanging hyphen (`micro- i…`); they are not hosts of clitics.
const PREFIXES: &[&str] = &[
    "pre", "post", "anti", "auto", "semi", "micro", "macro", "mini", "maxi", "non", "sub", "supra", "inter",
    "intra", "pro", "ultra", "super", "bio", "geo", "mono", "multi", "poli", "extra", "infra", "hiper",
    "contra", "ante",
];
