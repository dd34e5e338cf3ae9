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
    if !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let capitals = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    capitals && token.len() <= ACRONYM
        || bytes.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert!(!is_notation(token), "{token}");
        }
    }
}
