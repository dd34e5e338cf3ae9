//! Notation: names of files, functions and standards, addresses. It is neither a word nor garbage.

/// Acronyms and the numbers at the end of names have at most so many characters.
const ACRONYM: usize = 6;
const VERSION: usize = 3;

/// Whether a token is written as programs and engineers write names: `size_t`, `open(2`, `etc/passwd`, `string.h`, `OpenSSL`, `IPv6`,
/// `GNU`, `ana@example.ro`. Letters of a broken font are seldom in these places, and never in all of a page.
pub(super) fn is_notation(token: &str) -> bool {
    if token.contains("://") {
        return true;
    }
    let bytes = token.as_bytes();
    if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_./-+~@:(".contains(b)) {
        return false;
    }
    let has = |sign| bytes.contains(&sign);
    // A section of the manual.
    if let Some((name, section)) = token.split_once('(') {
        let digit = section.starts_with(|c: char| c.is_ascii_digit());
        return !name.is_empty() && digit && section.len() <= 2;
    }
    if has(b'_') || has(b'@') && has(b'.') {
        return true;
    }
    if has(b'@') || has(b':') {
        return false;
    }
    if has(b'/') || has(b'.') {
        return token.split(['/', '.']).skip(1).all(|part| !part.is_empty());
    }
    let letters = token.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = token.len() - letters.len();
    if digits > 0 && digits <= VERSION && letters.bytes().all(|b| b.is_ascii_alphabetic()) {
        return !letters.is_empty();
    }
    if token.is_empty() || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    // `lângX`: one capital, at the end. Units have two letters (`dB`).
    if token.len() > 2 && ends_in_its_only_capital(bytes) {
        return false;
    }
    let capitals = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    capitals && token.len() <= ACRONYM
        || bytes.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

fn ends_in_its_only_capital(bytes: &[u8]) -> bool {
    bytes
        .split_last()
        .is_some_and(|(last, before)| last.is_ascii_uppercase() && before.iter().all(u8::is_ascii_lowercase))
}

/// More kinds of signs in one token are no letters of one font.
const SIGNS: usize = 2;
/// What a font without Romanian letters shows as digits and capitals (`cas3`, `cXciula`, `b_trân`).
const LOST: [char; 5] = ['ă', 'â', 'î', 'ș', 'ț'];

/// Whether a token becomes a word that is `known` when each kind of its digits, inner capitals, `_` and `/` is one of ă â î ș ț. Tokens
/// without a small letter (`CO2`, `S3`) are names.
pub(super) fn lost_letters(token: &str, known: impl Fn(&str) -> bool) -> bool {
    if !token.bytes().any(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let mut signs: Vec<char> = Vec::new();
    for (at, c) in token.char_indices() {
        let sign = c.is_ascii_digit() || matches!(c, '_' | '/') || at > 0 && c.is_ascii_uppercase();
        if sign && !signs.contains(&c) {
            signs.push(c);
        }
    }
    if signs.is_empty() || signs.len() > SIGNS {
        return false;
    }
    (0..LOST.len().pow(signs.len() as u32)).any(|choice| {
        let meant = |(at, c): (usize, char)| match signs.iter().position(|sign| *sign == c) {
            // The first letter may be the same capital, and it is itself.
            Some(sign) if at > 0 || !c.is_ascii_uppercase() => {
                LOST[choice / LOST.len().pow(sign as u32) % LOST.len()]
            }
            _ => c,
        };
        known(&token.char_indices().map(meant).collect::<String>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_for_letters_are_no_notation() {
        let known = |word: &str| ["casă", "și", "căciula", "dimineață", "fața"].contains(&word);
        for token in ["cas3", "casX", "cXciula", "c8ciula", "c_ciula", "5i", "dimineaTN", "diminea21", "fa/a"]
        {
            assert!(lost_letters(token, known), "{token}");
        }
        for token in
            ["size_t", "OpenSSL", "IPv6", "CAS3", "open(2", "etc/passwd", "string.h", "casa", "", "a1b2c3"]
        {
            assert!(!lost_letters(token, known), "{token}");
        }
    }

    #[test]
    fn names_are_notation_and_broken_words_are_not() {
        for token in [
            "size_t",
            "open(2",
            "printf(3p",
            "etc/passwd",
            "string.h",
            "OpenSSL",
            "IPv6",
            "GNU",
            "a@example.ro",
            "https://example.ro/?a=b",
            "sane.d",
            "POSIX",
            "dB",
            "LaTeX",
        ] {
            assert!(is_notation(token), "{token}");
        }
        for token in [
            "mulŃimea",
            "a[teapt",
            "bactcriile",
            "Bucure?ti",
            "dinspre",
            "pentru...x",
            "s-au",
            "l1tera",
            "ca|culator",
            "DIMINEATA",
            "(",
            "",
            "spa3iu",
            "funcție_",
            "@",
            "a:b",
            "thE",
        ] {
            assert!(!is_notation(token), "{token}");
        }
    }
}
