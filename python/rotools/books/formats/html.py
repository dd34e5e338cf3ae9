"""Read the paragraphs of HTML and XHTML."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rotools.books.formats.xml import Element, decode_xml, local, parse, walk
from rotools.books.texts import Text, decode, limited

__all__ = ["html_events", "paragraphs", "read", "text_of", "xhtml_lines", "xml_events"]

_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
])  # fmt: skip
_SILENT = frozenset(["script", "style", "template", "head", "title"])
"""Elements without text for people."""
_ASIDE = frozenset(
    ["noscript", "svg", "nav", "iframe", "object", "button", "select", "textarea", "audio", "video", "canvas"]
)
"""Elements whose text is not part of the page's text. Its characters are counted."""

_EMPTY = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_EMPTY})\b)([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>", re.IGNORECASE)
"""Elements that close themselves, which HTML knows only for those without content."""

Event = tuple[str, str]
"""`start` and `end` with the name of an element, or `text` with text."""


def html_events(html: str) -> Iterator[Event]:
    """Parse HTML as browsers do, and yield its body."""
    from selectolax.lexbor import LexborHTMLParser, LexborNode

    root = LexborHTMLParser(html).body
    if root is None:
        return
    # An explicit stack: an attacker can nest elements deeper than Python recurses.
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        if leaving:
            yield "end", tag
        elif tag == "-text":
            yield "text", node.text_content or ""
        else:
            yield "start", tag
            stack.append((node, True))
            children = list(node.iter(include_text=True))
            stack.extend((child, False) for child in reversed(children))


def xml_events(root: Element) -> Iterator[Event]:
    """Yield the body of parsed XHTML."""
    body = next((node for node in root.iter() if local(node).lower() == "body"), root)
    for event, node in walk(body):
        name = local(node).lower()
        if event == "start":
            yield "start", name
            if node.text:
                yield "text", node.text
        else:
            yield "end", name
            if node.tail and node is not body:
                yield "text", node.tail


def paragraphs(events: Iterator[Event], aside: Counter[str] | None = None) -> Iterator[str]:
    """Yield the text of the blocks of a page, in order. `<br>` ends a line, `<pre>` keeps its lines.

    Args:
        events: The page.
        aside: Takes the characters that are left out, by the name of the element.
    """
    line: list[str] = []
    skipped: list[str] = []
    kept = 0

    def take() -> str:
        text = "".join(line)
        line.clear()
        return text.rstrip() if kept else re.sub(r"\s+", " ", text).strip()

    for kind, value in events:
        if kind == "text":
            if not skipped:
                if kept and "\n" in value:
                    *rows, value = value.split("\n")
                    for row in rows:
                        line.append(row)
                        if text := take():
                            yield text
                line.append(value)
            elif aside is not None and skipped[0] in _ASIDE and skipped[-1] not in _SILENT:
                aside[skipped[0]] += len("".join(value.split()))
            continue
        if value in _SILENT or value in _ASIDE:
            if kind == "start":
                skipped.append(value)
            elif skipped and skipped[-1] == value:
                skipped.pop()
            continue
        if skipped:
            continue
        if (value in _BLOCKS or (value == "br" and kind == "start")) and (text := take()):
            yield text
        if value == "pre":
            kept = max(kept + (1 if kind == "start" else -1), 0)
    if text := take():
        yield text


def xhtml_lines(source: str, aside: Counter[str]) -> tuple[list[str], bool]:
    """Return the paragraphs of XHTML, and whether it is so broken that it was read as HTML."""
    try:
        return list(paragraphs(xml_events(parse(source)), aside)), False
    except ValueError:
        aside.clear()
        # HTML has no `<title/>`: it would take the rest of the page for the title.
        return list(paragraphs(html_events(_SELF_CLOSED.sub(r"<\1\2></\1>", source)), aside)), True


def text_of(data: bytes, aside: Counter[str] | None = None) -> str:
    """Return the paragraphs of a page, one per line.

    Args:
        data: The page. If it begins as XML, it is read as XHTML.
        aside: Takes the characters that are left out, by the name of the element.
    """
    counts: Counter[str] = Counter() if aside is None else aside
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return "\n".join(xhtml_lines(decode_xml(data), counts)[0])
    return "\n".join(paragraphs(html_events(decode(data, page=True)), counts))


def read(path: Path) -> Text:
    """Read a page."""
    text, aside = Text(), Counter[str]()
    text.text = text_of(limited(path), aside)
    for tag, count in sorted(aside.items()):
        text.leave_out(tag, count)
    return text
