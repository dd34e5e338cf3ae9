//! Lines of a glossary or a dictionary: a term, a sign, and its definition. They need no full stop at the end.

/// Signs between a term and its definition.
const SIGNS: &[&str] = &["\t", " = ", " – ", " — ", " - ", ": ", "** ", "** – ", "**: "];
/// A term has at most so many words and bytes, a definition at least so many words. A price or a property (`Culoare: negru`) has fewer.
const TERM_WORDS: usize = 4;
const TERM_BYTES: usize = 48;
const DEFINITION_WORDS: usize = 2;
/// Grammar behind the headword of a dictionary: `ABAJUR, abajururi, s. n. Dispozitiv ...`.
const GRAMMAR: &[&str] =
    &[" s. n. ", " s. m. ", " s. f. ", " s.n. ", " s.m. ", " s.f. ", " adj. ", " adv. ", " vb. "];

/// Whether a line defines a term.
pub(super) fn defines(line: &[u8]) -> bool {
    // A definition is no page.
    const LINE_BYTES: usize = 1000;
    let Some(line) = std::str::from_utf8(line).ok().filter(|line| line.len() <= LINE_BYTES) else {
        return false;
    };
    let line = line.trim_start_matches("**");
    if !line.starts_with(char::is_alphabetic) {
        return false;
    }
    let Some((term, definition)) =
        SIGNS.iter().filter_map(|sign| line.split_once(sign)).min_by_key(|(term, _)| term.len())
    else {
        return headword(line);
    };
    let words =
        |text: &str| text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count();
    let definition = definition.trim_start_matches(['–', '—', '-', '=', ' ']);
    let fits = term.len() <= TERM_BYTES && (1..=TERM_WORDS).contains(&words(term));
    fits && definition.starts_with(char::is_lowercase) && words(definition) >= DEFINITION_WORDS
        || headword(line)
}

fn headword(line: &str) -> bool {
    let Some((term, rest)) = line.split_once(',') else { return false };
    let capitals = term.chars().all(|c| c.is_uppercase() || c == '-') && term.chars().nth(1).is_some();
    capitals && GRAMMAR.iter().any(|sign| rest.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::defines;

    #[test]
    fn terms_with_definitions() {
        for line in [
            "Algie = durere care apare local",
            "Adept – persoană care susține o idee",
            "**Anemie** scăderea numărului de globule",
            "Drenaj: evacuarea apei din sol",
            "Amnezie\tpierderea memoriei în parte",
            "ABUR, aburi, s. m. Vapori de apă",
        ] {
            assert!(defines(line.as_bytes()), "{line}");
        }
        for line in [
            "Culoare: negru",
            "Roșii – 7 lei",
            "Contact – Scrie-ne pe adresa de mai jos",
            "Acasă",
            "Telefon: 0722 000 000 în zilele lucrătoare",
            "Un rând de proză care nu definește nimic și se termină fără punct",
        ] {
            assert!(!defines(line.as_bytes()), "{line}");
        }
    }
}
