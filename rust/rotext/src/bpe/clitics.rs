//! Romanian clitics that a hyphen joins: a closed class (GALR, "Cliticele"; DOOM 3, "Cratima").
//!
//! A hyphen in Romanian mostly joins a clitic to its host (`s-a`, `într-o`, `spune-mi`, `dându-i`, `site-ul`). Otherwise
//! it makes compounds (`nord-vest`), which are not clitic forms.

/// Before the hyphen: elided pronouns, prepositions and conjunctions.
const FIRST: [&str; 31] = [
    "s", "m", "te", "l", "i", "o", "ne", "v", "vă", "le", "mi", "ți", "și", "ș", "n", "nu", "c", "că", "d",
    "de", "ce", "să", "într", "dintr", "printr", "pe", "la", "cine", "unde", "prea", "fi",
];
/// After the hyphen: pronouns, auxiliaries, the articles of foreign words and abbreviations.
const SECOND: [&str; 37] = [
    "a", "ai", "am", "au", "ar", "aș", "ați", "oi", "or", "o", "un", "l", "i", "le", "mi", "ți", "și", "ne",
    "ni", "vă", "vi", "v", "te", "se", "mă", "m", "s", "li", "lui", "ul", "ului", "uri", "urile", "urilor",
    "e", "ei", "nea",
];

/// Whether `first-second` is a clitic joined to its host.
///
/// A clitic before the hyphen counts only when a clitic or a verb form that begins with a vowel follows. So `de-acum` and
/// `s-a` are clitic forms, and `pe-trecut`, a word broken at the end of a line, is not.
pub(super) fn is_clitic_form(first: &str, second: &str) -> bool {
    let (first, second) = (fold(first), fold(second));
    let vowel = second.starts_with(['a', 'ă', 'â', 'e', 'i', 'î', 'o', 'u']);
    SECOND.contains(&second.as_str()) && first.chars().count() > usize::from(!FIRST.contains(&first.as_str()))
        || FIRST.contains(&first.as_str()) && vowel
}

/// Lower case, with commas below for cedillas.
fn fold(word: &str) -> String {
    let lower = word.chars().flat_map(char::to_lowercase);
    lower
        .map(|c| match c {
            'ş' => 'ș',
            'ţ' => 'ț',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::is_clitic_form;

    #[test]
    fn clitics_and_compounds() {
        let forms = "s-a într-o dintr-un mi-a Şi-a n-am nu-i să-l spune-mi du-te dându-i de-acum l-aş v-ați \
                     site-ul PDF-urile ce-o c-ar duce-s-ar";
        for form in forms.split_whitespace() {
            let (first, second) = form.split_once('-').unwrap_or_default();
            let second = second.split('-').next().unwrap_or_default();
            assert!(is_clitic_form(first, second), "{form}");
        }
        for form in
            "nord-vest prim-ministru x-y pe-trecut austro-ungar drept-credincios a-b t-shirt".split(' ')
        {
            let (first, second) = form.split_once('-').unwrap_or_default();
            assert!(!is_clitic_form(first, second), "{form}");
        }
    }
}
