//! One spelling for both norms of Romanian: the academy writes `când` since 1993, as before 1953; in between, and in many
//! books today, it is `cînd`.

use std::borrow::Cow;

use memchr::memmem;

/// After these beginnings a word keeps its î in the modern norm too: `neîntrerupt`, `reîncepe`.
const PREFIXES: &[&str] = &["ne", "re", "bine", "prea", "auto", "atot", "semi", "sub", "supra"];

/// The text with â in place of î inside words, and `sunt` in place of `sînt`: for comparing only. Most texts are borrowed.
///
/// # Examples
///
/// ```
/// use rotext::dedup::one_spelling;
///
/// assert_eq!(one_spelling("Cînd cîntă, sînt neîntrerupt în rîs."), "Când cântă, sunt neîntrerupt în râs.");
/// ```
#[must_use]
pub fn one_spelling(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for (small, letter) in [(true, "î"), (false, "Î")] {
        // Texts have one or the other nearly always; a text with both is read twice.
        let source: Cow<'_, str> =
            if done > 0 { Cow::Owned(std::mem::take(&mut out)) } else { Cow::Borrowed(text) };
        let mut rest = 0;
        for at in memmem::find_iter(source.as_bytes(), letter) {
            if let Some(with) = modern(&source, at, small) {
                out.push_str(&source[rest..at]);
                out.push_str(with);
                rest = at + letter.len();
            }
        }
        if rest > 0 {
            out.push_str(&source[rest..]);
            done = 1;
        } else if done > 0 {
            out = source.into_owned();
        }
    }
    if done > 0 { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

/// The letter that the modern norm has in place of the î at `at`.
fn modern(text: &str, at: usize, small: bool) -> Option<&'static str> {
    let (before, after) = (&text[..at], &text[at + 2..]);
    let inside = before.chars().next_back().is_some_and(char::is_alphabetic)
        && after.chars().next().is_some_and(char::is_alphabetic);
    if !inside {
        return None;
    }
    // The beginning of the word; the longest prefix has five letters.
    let mut letters = before.char_indices().rev().take(6).take_while(|(_, c)| c.is_alphabetic());
    let start = letters.by_ref().last().map_or(at, |(start, _)| start);
    let begin = before[start..].to_lowercase();
    if begin == "s" && (after.starts_with("nt") || after.starts_with("NT")) {
        return Some(if small { "u" } else { "U" });
    }
    (!PREFIXES.contains(&begin.as_str())).then_some(if small { "â" } else { "Â" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_norms_become_one() {
        for (old, modern) in [
            (
                "A fost cîndva un împărat. Sînt vîrste în care rîul…",
                "A fost cândva un împărat. Sunt vârste în care râul…",
            ),
            ("ROMÎNIA ÎN RĂZBOI, sîntem", "ROMÂNIA ÎN RĂZBOI, suntem"),
            ("neîndoios, reînvie, a hotărî, coborî-va", "neîndoios, reînvie, a hotărî, coborî-va"),
            ("Rîs. MÎNA și mîna", "Râs. MÂNA și mâna"),
        ] {
            assert_eq!(one_spelling(old), modern);
            assert!(matches!(one_spelling(modern), Cow::Borrowed(_)));
        }
    }
}
