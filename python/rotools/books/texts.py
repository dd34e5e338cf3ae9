"""Read the paragraphs of EPUB, DOCX, HTML and text files, one a line."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from rotools import _rotext

__all__ = ["READERS", "read"]

MOST = 512 << 20
"""Limit for the text of a file, in bytes. A file that unpacks to more is an attack."""

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "nav",
        "head",
        "iframe",
        "object",
        "button",
        "select",
        "textarea",
    ]
)


def _decode(data: bytes, *, page: bool = False) -> str:
    """Decode by evidence, as `normalize` and `pack` do."""
    return _rotext.decode_text(data, page=page)[0]


def _read_text(path: Path) -> str:
    return _decode(_limited(path))


def _limited(path: Path) -> bytes:
    if path.stat().st_size > MOST:
        raise ValueError(f"the file has more than {MOST >> 20} MB")
    return path.read_bytes()


def _paragraphs(html: str) -> Iterator[str]:
    """Yield the text of the blocks of a page, in order. `<br>` ends a line, `<pre>` keeps its lines."""
    from selectolax.lexbor import LexborHTMLParser, LexborNode

    root = LexborHTMLParser(html).body
    if root is None:
        return
    line: list[str] = []

    def take() -> str:
        text = re.sub(r"\s+", " ", "".join(line)).strip()
        line.clear()
        return text

    # An explicit stack: an attacker can nest elements deeper than Python recurses.
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        block = tag in _BLOCKS
        if leaving:
            if text := take():
                yield text
            continue
        if tag in _SILENT:
            continue
        if tag == "-text":
            line.append(node.text_content or "")
            continue
        if (tag == "br" or block) and (text := take()):
            yield text
        if tag == "pre":
            yield from (text for row in node.text().split("\n") if (text := row.rstrip()))
            continue
        if block:
            stack.append((node, True))
        children = list(node.iter(include_text=True))
        stack.extend((child, False) for child in reversed(children))
    if text := take():
        yield text


def _read_html(path: Path) -> str:
    return "\n".join(_paragraphs(_decode(_limited(path), page=True)))


def _read_epub(path: Path) -> str:
    with zipfile.ZipFile(path) as book:
        if sum(entry.file_size for entry in book.infolist()) > 8 * MOST:
            raise ValueError("the book unpacks to gigabytes")
        budget = MOST

        def part(name: str) -> bytes:
            nonlocal budget
            with book.open(name) as stream:
                data = stream.read(budget + 1)
            budget -= len(data)
            if budget < 0:
                raise ValueError(f"the book unpacks to more than {MOST >> 20} MB of text")
            return data

        container = ElementTree.fromstring(part("META-INF/container.xml"))
        package = next(
            node.get("full-path", "") for node in container.iter() if node.tag.endswith("rootfile")
        )
        root = ElementTree.fromstring(part(package))
        items = {node.get("id"): node.get("href", "") for node in root.iter() if node.tag.endswith("}item")}
        properties = {
            node.get("id"): node.get("properties", "") for node in root.iter() if node.tag.endswith("}item")
        }
        spine = [node.get("idref") for node in root.iter() if node.tag.endswith("}itemref")]
        texts = []
        for name in spine:
            if name not in items or "nav" in (properties[name] or "").split():
                continue
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(items[name])))
            if inside in book.NameToInfo:
                texts.append("\n".join(_paragraphs(_decode(part(inside), page=True))))
    return "\n\n".join(text for text in texts if text)


def _read_docx(path: Path) -> str:
    import docx
    from docx.table import Table

    with zipfile.ZipFile(path) as parts:
        if sum(entry.file_size for entry in parts.infolist()) > MOST:
            raise ValueError(f"the document unpacks to more than {MOST >> 20} MB")
    lines = []
    for block in docx.Document(str(path)).iter_inner_content():
        if isinstance(block, Table):
            lines += [" ".join(cell.text.strip() for cell in row.cells) for row in block.rows]
        else:
            lines.append(block.text)
    return "\n".join(line for line in lines if line.strip())


READERS = {
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".xhtml": _read_html,
    ".epub": _read_epub,
    ".docx": _read_docx,
}


def read(path: Path) -> str:
    """Read the paragraphs of a file, one a line.

    Raises:
        Exception: Whatever the reader of a broken file raises. The caller records it in the ledger.
    """
    return READERS[path.suffix.lower()](path)
