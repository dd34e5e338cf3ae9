//! Which characters may be letters that a font shows as something else, and in which fonts.

use crate::romanian::letter;

/// Whether no Romanian word has the character.
pub(super) fn suspect(c: char) -> bool {
    letter(c) == 0
        && !loose(c)
        && !matches!(
            c,
            '-' | '‐'
                | '‑'
                | '–'
                | '—'
                | '’'
                | '\''
                | '′'
                | '.'
                | ','
                | ';'
                | ':'
                | '"'
                | '„'
                | '”'
                | '“'
                | '«'
                | '»'
                | '…'
                | '_'
                | '\u{AD}'
                | '•'
        )
}

/// Punctuation and digits that some fonts show for letters (`a[teapt`). Outside of words they are themselves.
pub(super) fn loose(c: char) -> bool {
    matches!(c, '[' | ']' | '?' | '!' | '(' | ')' | '%' | '&' | '=' | '+' | '<' | '>' | '*' | '/')
        || c.is_ascii_digit()
}

/// Whether letters, or characters that may be letters, are on both sides.
pub(super) fn between(token: &[(char, u16, usize)], at: usize) -> bool {
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| token.get(at)).is_some_and(|mark| letter(mark.0) != 0 || suspect(mark.0))
    };
    is_letter(at.checked_sub(1)) && is_letter(Some(at + 1))
}

/// Signs of mathematics and Greek letters. In another font than the letters around them, they are what they show.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3FF}' | '\u{2190}'..='\u{23FF}' | '\u{27C0}'..='\u{2AFF}')
        || matches!(c, '{' | '}' | '|' | '\\' | '^' | '~')
}

/// Fonts of symbols and mathematics: their characters are no letters of words.
pub(super) fn is_symbolic(font: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "cmsy",
        "cmmi",
        "cmex",
        "cmbsy",
        "cmbex",
        "msam",
        "msbm",
        "eufm",
        "rsfs",
        "stmary",
        "wasy",
        "wingdings",
        "webdings",
        "zapfdingbats",
        "dingbats",
        "mtsy",
        "mtmi",
        "mtex",
        "txsy",
        "txmi",
        "txex",
        "pxsy",
        "pxmi",
        "pxex",
        "esint",
        "bbm",
        "dsrom",
    ];
    let name = plain(font);
    BEGINNINGS.iter().any(|start| name.starts_with(start)) || name.contains("math") || name.contains("symbol")
}

/// Fonts of program code, where `\n` is no word.
pub(super) fn is_code(font: &str) -> bool {
    let name = plain(font);
    let parts = ["mono", "courier", "cmtt", "sftt", "ectt", "lmtt", "consol", "typewriter"];
    parts.iter().any(|part| name.contains(part))
}

/// The name in small letters, without the mark of a subset (`ABCDEF+`).
fn plain(font: &str) -> String {
    font.rsplit('+').next().unwrap_or(font).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_are_told_by_their_names() {
        for font in
            ["ABCDEF+CMSY10", "CMMI7", "XXXXXX+LMMathSymbols10-Regular", "Symbol", "CambriaMath", "MSBM10"]
        {
            assert!(is_symbolic(font), "{font}");
        }
        for font in ["ABCDEF+CMR10", "Times-Roman", "MinionPro-Regular", "CMSS10"] {
            assert!(!is_symbolic(font), "{font}");
        }
        assert!(is_code("ABCDEF+CMTT10") && !is_code("ABCDEF+CMTI10"));
    }
}
