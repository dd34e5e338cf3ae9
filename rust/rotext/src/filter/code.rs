//! Signs of programs, settings, pages and templates, in a word or a line.

use memchr::{memchr, memmem};

/// Two if the line gives a value to a name, as in files of settings and of translations (`dialog-title = ...`, `msgid "..."`), else
/// none. A name has a sign or a capital inside: words and acronyms (`ANAF = Agenția ...`, `Galben = trasee medii`) are explained so in
/// glossaries and legends.
pub(super) fn setting(line: &[u8]) -> u64 {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'=')).unwrap_or(line.len());
    let (name, rest) = (&line[..end], line[end..].trim_ascii_start());
    if matches!(name, b"msgid" | b"msgstr" | b"msgctxt") {
        return 2 * u64::from(rest.starts_with(b"\""));
    }
    let assigns = rest.starts_with(b"=") && !rest.starts_with(b"==");
    let signs = |byte: &u8| b"-_.".contains(byte);
    let joined = name.iter().any(signs)
        || name.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    // `--color=WHEN` is an option in a manual.
    let named = name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || signs(byte));
    2 * u64::from(assigns && named && joined && name.len() >= 4)
}

/// Signs of programs, pages and templates. None of them stands in prose, mathematics or an address.
const CODE: &[&[u8]] = &[
    b"->", b"=>", b":=", b"==", b"!=", b"&&", b"||", b"{{", b"}}", b"{%", b"%}", b"</", b"/>", b"<?", b"?>",
    b"\\fB", b"\\fI", b"\\fP", b"\\fR", b"${", b"=\"", b"='", b"***", b"/*", b"*/", b"_._", b"$_", b"::",
];

/// Each sign of [`CODE`] has one of these bytes, and so has each other thing that [`is_code`] finds.
static IN_CODE: [bool; 256] = {
    let (mut table, mut at, bytes) = ([false; 256], 0, b"<>=&|{}[%\\*_:");
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a word has a sign of a program.
pub(super) fn is_code(token: &[u8]) -> bool {
    // A dash, an ellipsis and most addresses stop here.
    token.iter().any(|&byte| IN_CODE[usize::from(byte)]) && has_code(token)
}

fn has_code(token: &[u8]) -> bool {
    CODE.iter().any(|sign| memmem::find(token, sign).is_some())
        || matches!(token, [b'<', b'a'..=b'z', ..] if !token.contains(&b'@') && !token.contains(&b':'))
        // A key of JSON, and a place of a letter template: `"nume":`, `%NUME%`.
        || matches!(token, [b'"', .., b'"', b':'] | [b'{', b'"', .., b'"', b':'])
        || matches!(token, [b'%', name @ .., b'%'] | [b'%', name @ .., b'%', b'.' | b',' | b'!'] if is_constant(name))
        || matches!(token, [b'{' | b'}' | b'[', .., b'{' | b'}' | b']' | b';'] if token.len() > 2 && token.contains(&b'"'))
}

fn is_constant(name: &[u8]) -> bool {
    name.len() >= 2 && name.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'))
}

/// Whether a word is a call (`f(x)`, `suma();`): letters, a bracket in the middle, and the other bracket near the end.
/// `persoana(e)` and `art. 5(2)` are prose.
pub(super) fn is_call(token: &[u8]) -> bool {
    let Some(open) = memchr(b'(', token) else { return false };
    let letters = token[..open].iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let inside = &token[open + 1..];
    letters >= 2
        && (inside.starts_with(b")")
            || inside.iter().any(|byte| matches!(byte, b'(' | b'=' | b'\'' | b'"' | b'_')))
}
