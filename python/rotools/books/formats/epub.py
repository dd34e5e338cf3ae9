"""Read EPUB: the documents of the spine, in its order, as XML and, where that is broken, as HTML.

Source:
    EPUB 3.3, sections 3.6 (manifest fallbacks), 4.2 (the container), 5 (the package document); OPF 2.0.1.
"""

import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rotools.books.formats.archive import Archive, resolve
from rotools.books.formats.html import xhtml_lines
from rotools.books.formats.xml import Element, attribute, decode_xml, local, parse
from rotools.books.texts import Text

__all__ = ["read"]

_TEXT = frozenset(
    ["application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml", "text/xml", "application/xml",
     "text/plain"]
)  # fmt: skip
_NO_TEXT = re.compile(
    r"image/|audio/|video/|font/|text/css|text/javascript|application/(?:x-dtbncx|font|vnd\.ms-|x-font|javascript|smil|pls)"
)
_TEXT_NAMES = (".xhtml", ".html", ".htm", ".xht", ".xml")
_FONT_ALGORITHMS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


@dataclass(frozen=True)
class _Item:
    href: str
    kind: str
    properties: tuple[str, ...]
    fallback: str

    @property
    def is_text(self) -> bool:
        if self.kind in _TEXT:
            return True
        return not _NO_TEXT.match(self.kind) and self.href.partition("#")[0].lower().endswith(_TEXT_NAMES)


def read(path: Path) -> Text:
    """Read a book: a file or an unpacked folder.

    Raises:
        ValueError: The file is no EPUB, is damaged, or all of its documents are encrypted.
    """
    text = Text()
    book = Archive(path)
    locked = _encrypted(book)
    package = _package(book, text)
    try:
        root = parse(decode_xml(book.read(package)))
    except ValueError as error:
        text.note("flag", "package-repaired", 1, package)
        try:
            root = parse(decode_xml(book.read(package)), recover=True)
        except ValueError:
            raise ValueError(f"{package}: {error}") from None
    items, spine = _manifest(root)
    if not spine:
        text.note("flag", "empty-spine", 1, package)
        spine = list(items)
    chapters: list[str] = []
    done: set[str] = set()
    lost = 0
    for number in spine:
        item = _readable(items, number)
        if number not in items:
            text.note("drop", "chapter-not-in-manifest", 1, number)
            lost += 1
            continue
        if item is None:
            text.note("flag", "no-text-in-spine", 1, f"{items[number].href} {items[number].kind}".strip())
            continue
        if "nav" in item.properties or item.href in done:
            continue
        done.add(item.href)
        wanted = resolve(package, item.href)
        name = book.find(wanted) or book.find(resolve("", posixpath.basename(wanted)))
        try:
            if name is None:
                text.note("drop", "chapter-missing", 1, wanted)
            elif name in locked:
                text.note("drop", "chapter-encrypted", 1, name)
            else:
                chapters.append(_chapter(book.read(name), name, text))
                continue
        except ValueError as error:
            text.note("drop", f"chapter-unreadable {error}", 1, wanted)
        lost += 1
    if lost and not any(chapters):
        reasons = Counter(part.rule.split()[0] for part in text.parts if part.action == "drop")
        if reasons["chapter-encrypted"] == lost:
            raise ValueError(f"all {lost} chapters are encrypted (DRM)")
        what = ", ".join(f"{rule} {count}" for rule, count in sorted(reasons.items()))
        raise ValueError(f"no chapter can be read ({what})")
    text.text = "\n\n".join(chapter for chapter in chapters if chapter)
    return text


def _encrypted(book: Archive) -> set[str]:
    """List the parts that are encrypted. Fonts that are made unusable outside of the book are not meant."""
    name = book.find("META-INF/encryption.xml")
    if name is None:
        return set()
    try:
        root = parse(decode_xml(book.read(name)))
    except ValueError:
        return set()
    found = set()
    for data in (node for node in root.iter() if local(node) == "EncryptedData"):
        ways = [attribute(node, "Algorithm") for node in data.iter() if local(node) == "EncryptionMethod"]
        if ways and ways[0] in _FONT_ALGORITHMS:
            continue
        for node in data.iter():
            if local(node) == "CipherReference" and (part := book.find(resolve("", attribute(node, "URI")))):
                found.add(part)
    return found


def _package(book: Archive, text: Text) -> str:
    """Return the name of the package document."""
    container = book.find("META-INF/container.xml")
    if container is not None:
        try:
            root = parse(decode_xml(book.read(container)), recover=True)
            for node in root.iter():
                if local(node) == "rootfile" and (
                    name := book.find(resolve("", attribute(node, "full-path")))
                ):
                    return name
        except ValueError:
            pass
    name = next((name for name in sorted(book.names) if name.lower().endswith(".opf")), None)
    if name is None:
        raise ValueError("the file has no package document: it is no EPUB, or it is damaged")
    text.note("flag", "container-damaged", 1, "META-INF/container.xml")
    return name


def _manifest(root: Element) -> tuple[dict[str, _Item], list[str]]:
    items: dict[str, _Item] = {}
    spine: list[str] = []
    for node in root.iter():
        match local(node).lower():
            case "item" if attribute(node, "href"):
                items.setdefault(
                    attribute(node, "id") or attribute(node, "href"),
                    _Item(
                        attribute(node, "href"),
                        attribute(node, "media-type").strip().lower(),
                        tuple(attribute(node, "properties").split()),
                        attribute(node, "fallback"),
                    ),
                )
            case "itemref":
                spine.append(attribute(node, "idref"))
    if not spine:
        # Without a spine the manifest has the order, and also the parts that are no text.
        items = {number: item for number, item in items.items() if item.is_text}
    return items, spine


def _readable(items: dict[str, _Item], number: str) -> _Item | None:
    """Follow the chain of fallbacks to a document of text."""
    seen: set[str] = set()
    while number in items and number not in seen:
        if items[number].is_text:
            return items[number]
        seen.add(number)
        number = items[number].fallback
    return None


def _chapter(data: bytes, name: str, text: Text) -> str:
    source = decode_xml(data)
    bad = source.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    text.note("flag", "bad-bytes", bad, name)
    aside: Counter[str] = Counter()
    lines, as_html = xhtml_lines(source, aside)
    text.note("flag", "read-as-html", as_html, name)
    for tag, count in sorted(aside.items()):
        text.leave_out(tag, count, name)
    return "\n".join(lines)
