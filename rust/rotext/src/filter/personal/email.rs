//! E-mail addresses: as programs write them, and as people write them against robots (`ion [at] posta [punct] ro`).

use std::ops::Range;

use memchr::memmem;

use super::context::{any, words_before};

/// The longest parts of an address, in bytes (RFC 5321).
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// Endings that follow an `@` in programs and not in addresses: systemd units, files (`logo@2x.png`), and the domains
/// that are reserved for examples (RFC 2606).
const NO_DOMAINS: &[&str] = &[
    "automount",
    "avif",
    "bmp",
    "conf",
    "css",
    "device",
    "doc",
    "docx",
    "example",
    "exe",
    "gif",
    "gz",
    "html",
    "ico",
    "invalid",
    "jpeg",
    "jpg",
    "js",
    "json",
    "local",
    "localdomain",
    "localhost",
    "mount",
    "path",
    "pdf",
    "php",
    "png",
    "scope",
    "service",
    "slice",
    "socket",
    "svg",
    "swap",
    "target",
    "test",
    "tiff",
    "timer",
    "ts",
    "txt",
    "webp",
    "xml",
    "zip",
];

/// Services for mail that everybody uses: with these, an address needs no other evidence.
const SERVICES: &[&str] =
    &["gmail", "googlemail", "hotmail", "icloud", "live", "msn", "outlook", "protonmail", "yahoo", "ymail"];

/// Top levels of addresses whose dots are written as words.
const TOPS: &[&str] = &[
    "at", "be", "bg", "biz", "ch", "com", "de", "edu", "es", "eu", "fr", "gr", "hu", "info", "io", "it",
    "md", "me", "name", "net", "nl", "org", "pl", "pt", "ro", "rs", "uk", "us",
];

/// `@` in words. Signs in brackets may touch the name; a bare word is alone between blanks.
const MARKS: &[(&str, bool)] = &[
    ("[at]", true),
    ("(at)", true),
    ("{at}", true),
    ("<at>", true),
    ("_at_", true),
    ("[a]", true),
    ("(a)", true),
    ("[@]", true),
    ("(@)", true),
    ("[arond]", true),
    ("(arond)", true),
    ("{arond}", true),
    ("[AT]", true),
    ("(AT)", true),
    ("{AT}", true),
    (" at ", false),
    (" AT ", false),
    (" arond ", false),
    (" coada de maimuță ", false),
];

/// Commands whose `user@host` names a machine, and users that are programs.
const COMMANDS: &[&str] = &["ssh", "scp", "sftp", "rsync", "mosh", "telnet", "clone", "remote"];
const PROGRAMS: &[&str] = &["git", "hg", "svn", "cvs", "root"];

/// The places of all addresses.
pub(super) fn find(text: &str, places: &mut Vec<Range<usize>>) {
    places.extend(memchr::memchr_iter(b'@', text.as_bytes()).filter_map(|at| plain(text, at)));
    // A mark in brackets begins with a sign that is rare in prose; the bare words are found by a vector search.
    let written = |places: &mut Vec<Range<usize>>, at: usize| {
        let marks = MARKS.iter().filter(|(mark, _)| text[at..].starts_with(mark));
        places.extend(marks.filter_map(|&(mark, sure)| in_words(text, at, at + mark.len(), sure)).next());
    };
    for (first, others) in [(b'[', [b'(', b'{']), (b'<', [b'_', b'_'])] {
        let found: Vec<usize> = memchr::memchr3_iter(first, others[0], others[1], text.as_bytes())
            .filter(|&at| MARKS.iter().any(|(mark, _)| text[at..].starts_with(mark)))
            .collect();
        found.into_iter().for_each(|at| written(places, at));
    }
    for word in [" at ", " AT ", " arond ", " coada de "] {
        memmem::find_iter(text.as_bytes(), word).for_each(|at| written(places, at));
    }
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-".contains(c)
}

/// Where the name that ends at `end` begins.
fn local(text: &str, end: usize) -> usize {
    let mut start = end;
    for c in text[..end].chars().rev() {
        if !is_local(c) || end - start >= LOCAL {
            break;
        }
        start -= c.len_utf8();
    }
    // A name begins with a letter or digit.
    start + text[start..end].find(char::is_alphanumeric).unwrap_or(end - start)
}

/// The domain at the start of `rest`: letters of any alphabet, digits, dots and hyphens, at least two parts.
fn domain(rest: &str) -> Option<&str> {
    let end = rest
        .char_indices()
        .find(|&(at, c)| at > DOMAIN || !(c.is_alphanumeric() || c == '.' || c == '-'))
        .map_or(rest.len(), |(at, _)| at);
    let domain = rest[..end].trim_end_matches(['.', '-']);
    // `gmail.com.Suna`, `posta.ro...`: a dot is followed by the next part at once.
    let domain = domain.split("..").next().unwrap_or_default();
    let (name, top) = domain.rsplit_once('.')?;
    let labels =
        name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let real = top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !NO_DOMAINS.contains(&top.to_ascii_lowercase().as_str());
    let lower = domain.to_ascii_lowercase();
    // Examples (RFC 2606), and the names of algorithms of SSH (`aes128-gcm@openssh.com`, RFC 4251).
    let reserved = ["example.com", "example.org", "example.net", "openssh.com", "libssh.org"]
        .iter()
        .any(|example| lower == *example || lower.ends_with(&format!(".{example}")));
    (labels && real && !reserved).then_some(domain)
}

fn service(domain: &str) -> bool {
    SERVICES.contains(
        &domain.split(['.', ' ', '[', '(']).next().unwrap_or_default().to_ascii_lowercase().as_str(),
    )
}

/// The address around the `@` at `at`; blanks may stand beside the sign where the rest is surely an address.
fn plain(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches(' ').len();
    let rest = text[at + 1..].trim_start_matches(' ');
    let after = text.len() - rest.len();
    let start = local(text, before);
    if start == before || at - before > 1 || after - at > 2 {
        return None;
    }
    let name = &text[start..before];
    let tight = before == at && after == at + 1;
    let Some(domain) = domain(rest) else {
        // `ion_pop@yahoo`: the service is known, its ending is left out.
        let label: &str = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let bare = tight && service(label) && !rest[label.len()..].starts_with(['.', '-', '_']);
        return bare.then(|| start..after + label.len());
    };
    let end = after + domain.len();
    let words = || words_before(text, start);
    if !tight && !evident(name, domain, &words()) {
        return None;
    }
    // `user@host:path` and `ssh user@host` name a machine. `name@posta.ro:password` is an address.
    if PROGRAMS.contains(&name.to_ascii_lowercase().as_str()) || any(&words(), COMMANDS) {
        return None;
    }
    let tail = text[end..].strip_prefix(':').unwrap_or_default();
    let path = tail.split(char::is_whitespace).next().unwrap_or_default();
    let repository = path.contains(['/', '~']) || path.ends_with(".git");
    (!repository).then_some(start..end)
}

/// Whether a name and a domain that do not touch are an address: by the service, the form of the name, or the words
/// before it.
fn evident(name: &str, domain: &str, words: &[String]) -> bool {
    service(domain) || formed(name, words)
}

/// Whether a name is that of an address: it has the form of one, or the words before it say so.
fn formed(name: &str, words: &[String]) -> bool {
    name.contains(['.', '_']) && !name.ends_with('.')
        || name.bytes().any(|byte| byte.is_ascii_digit())
        || any(&words[..words.len().min(4)], &["mail", "email", "mailul", "emailul", "adresa", "contact"])
}

/// The address whose `@` is written as the mark in `at..mark`: the domain has dots, or the words `dot` and `punct`.
fn in_words(text: &str, at: usize, mark: usize, sure: bool) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches(' ').len();
    let start = local(text, before);
    if start == before || at - before > 1 {
        return None;
    }
    let name = &text[start..before];
    let rest = text[mark..].trim_start_matches(' ');
    let begin = text.len() - rest.len();
    let (length, worded) = domain_in_words(rest)?;
    // `look at yahoo.com` is a sentence; `ion at posta dot ro` and `ion.pop at posta.ro` are addresses.
    (sure || worded || formed(name, &words_before(text, start))).then_some(start..begin + length)
}

/// The length of the domain at the start of `rest`, and whether one of its dots is a word.
fn domain_in_words(rest: &str) -> Option<(usize, bool)> {
    const DOTS: &[&str] = &[
        " [dot] ",
        "[dot]",
        " (dot) ",
        "(dot)",
        "{dot}",
        "_dot_",
        " dot ",
        " DOT ",
        "[DOT]",
        "(DOT)",
        " [punct] ",
        "[punct]",
        " (punct) ",
        "(punct)",
        " punct ",
        "[.]",
        "(.)",
        " . ",
        ".",
    ];
    let label = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(text.len());
    let mut end = label(rest);
    let (mut whole, mut worded) = (None, false);
    while end > 0 && end < DOMAIN {
        let Some(dot) = DOTS.iter().find(|dot| rest[end..].starts_with(**dot)) else { break };
        let next = end + dot.len();
        let length = label(&rest[next..]);
        if length == 0 {
            break;
        }
        end = next + length;
        worded |= *dot != ".";
        if TOPS.contains(&rest[next..end].to_ascii_lowercase().as_str()) {
            whole = Some((end, worded));
        }
    }
    whole
}
