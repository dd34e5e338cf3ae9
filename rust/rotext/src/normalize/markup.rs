//! Class 5b: tags of HTML and codes of bulletin boards that were left in prose (`<b>da</b>`, `[url=…]aici[/url]`).
//!
//! Pages about HTML and code have tags that must stay. So a tag goes only if its name is one of running text, its
//! attributes are well formed, an opening tag has a closing one in the document, and nothing in the document speaks of
//! markup or is code.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, before, function_words};

/// Tags that break the line.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "br",
    "hr",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "tbody",
    "thead",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "center",
];
const CELLS: &[&str] = &["td", "th"];
const INLINE: &[&str] = &["b", "i", "u", "s", "a", "strong", "em", "span", "font", "img", "small", "big"];
/// Tags that have no end.
const VOID: &[&str] = &["br", "hr", "img"];
const BOARD: &[&str] = &[
    "b", "i", "u", "s", "url", "img", "quote", "color", "size", "center", "font", "email", "list", "align",
    "left", "right",
];
/// What a text about markup, or code, contains.
const TALK: &[&str] = &[
    " html",
    "html ",
    "html5",
    "xml",
    "<!doctype",
    "<script",
    "<style",
    "<?",
    "<code",
    "<pre",
    "<head",
    "<body",
    "<form",
    "<input",
    " css",
    "javascript",
    "tag-ul",
    "tagul",
    "taguri",
    "marcaj",
    "etichet",
    "bbcode",
    "```",
    "#include",
    "</para",
    "();",
    "){",
    ") {",
    "'<",
    "\"<",
    "„<",
    "`<",
    "printf",
    "echo ",
    "print(",
];

/// A tag or a code.
struct Tag<'t> {
    start: usize,
    end: usize,
    name: &'t str,
    closes: bool,
    board: bool,
}

/// Removes the tags.
pub(super) fn remove(editor: &mut Editor) {
    let text = editor.text();
    let tags = tags(text);
    if tags.is_empty() {
        return;
    }
    let has = |tag: &Tag, closes: bool| {
        tags.iter().any(|other| {
            other.closes == closes && other.board == tag.board && other.name.eq_ignore_ascii_case(tag.name)
        })
    };
    let mut paired: Vec<(&str, bool, bool)> = Vec::new();
    for tag in &tags {
        if !paired.iter().any(|(name, board, _)| *board == tag.board && name.eq_ignore_ascii_case(tag.name)) {
            let void = !tag.board && VOID.iter().any(|name| name.eq_ignore_ascii_case(tag.name));
            paired.push((tag.name, tag.board, void || has(tag, true) && (has(tag, false) || !tag.board)));
        }
    }
    let goes = |tag: &Tag| {
        paired
            .iter()
            .any(|(name, board, pair)| *pair && *board == tag.board && name.eq_ignore_ascii_case(tag.name))
    };
    let gone: Vec<&Tag> = tags.iter().filter(|tag| goes(tag)).collect();
    if gone.is_empty() || !prose(text, &tags) {
        return;
    }
    for group in gone.chunk_by(|a, b| a.end == b.start) {
        let (start, end) = (group[0].start, group[group.len() - 1].end);
        let is = |list: &[&str]| {
            group.iter().any(|tag| list.iter().any(|name| name.eq_ignore_ascii_case(tag.name)))
        };
        let (prev, next) = (before(text, start), after(text, end));
        let edge = |c: Option<char>| c.is_none_or(|c| c == '\n');
        let with = if edge(prev) || edge(next) {
            ""
        } else if is(BLOCKS) || is(&["quote"]) {
            "\n"
        } else if is(CELLS) {
            "\t"
        } else {
            ""
        };
        editor.replace(start..end, with, Id::Markup);
    }
}

/// Whether the document is Romanian, speaks of no markup, and is no code.
fn prose(text: &str, tags: &[Tag]) -> bool {
    let ours = |c| matches!(c, 'ă' | 'â' | 'î' | 'ș' | 'ț' | 'ş' | 'ţ');
    if !text.contains(ours) && function_words(text, 1) == 0 {
        return false;
    }
    let lower = outside(text, tags).to_lowercase();
    !TALK.iter().any(|word| lower.contains(word))
}

/// The document without its tags: the words of a link or an attribute say nothing about the text.
fn outside(text: &str, tags: &[Tag]) -> String {
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for tag in tags {
        out.push_str(&text[done..tag.start]);
        done = tag.end;
    }
    out + &text[done..]
}

/// All tags and codes of the document that have a known name and a right form.
fn tags(text: &str) -> Vec<Tag<'_>> {
    memchr::memchr2_iter(b'<', b'[', text.as_bytes()).filter_map(|start| tag(text, start)).collect()
}

fn tag(text: &str, start: usize) -> Option<Tag<'_>> {
    const LONGEST: usize = 400;
    let bytes = text.as_bytes();
    let board = bytes[start] == b'[';
    let close = if board { b']' } else { b'>' };
    // Most brackets are no tags, so the name is looked at first.
    let closes = bytes.get(start + 1) == Some(&b'/');
    let begin = start + 1 + usize::from(closes);
    let length = bytes[begin..].iter().take(16).take_while(|b| b.is_ascii_alphanumeric()).count();
    let name = &text[begin..begin + length];
    // No name of the lists is longer, except one.
    if length == 0 || length > 6 && !matches!(length, 10) {
        return None;
    }
    let known = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    if !(board && known(BOARD) || !board && (known(BLOCKS) || known(CELLS) || known(INLINE))) {
        return None;
    }
    let window = &bytes[begin + length..bytes.len().min(start + LONGEST).max(begin + length)];
    let end = begin + length + window.iter().position(|&b| b == close || b == bytes[start] || b == b'\n')?;
    let rest = &text[begin + length..end];
    let right = bytes[end] == close
        && if board {
            rest.is_empty()
                || !closes && rest.starts_with('=') && (rest.starts_with("=\"") || !rest.contains([' ', '(']))
        } else {
            attributes(rest.trim_end_matches('/').trim(), closes)
        };
    right.then_some(Tag { start, end: end + 1, name, closes, board })
}

/// Whether the rest of a tag is empty or attributes: `name="value"`, `name='value'`, `name=value`.
fn attributes(mut rest: &str, closes: bool) -> bool {
    if closes {
        return rest.is_empty();
    }
    while !rest.is_empty() {
        let name =
            rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':')).count();
        let Some(value) = rest[name..].trim_start().strip_prefix('=').filter(|_| name > 0) else {
            return false;
        };
        let value = value.trim_start();
        let end = match value.bytes().next() {
            Some(quote @ (b'"' | b'\'')) => match value[1..].bytes().position(|b| b == quote) {
                Some(i) => i + 2,
                None => return false,
            },
            Some(_) => value.find(char::is_whitespace).unwrap_or(value.len()),
            None => return false,
        };
        rest = value[end..].trim_start();
    }
    true
}
