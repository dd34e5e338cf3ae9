"""Parse XML of strangers: no network, no external files, no entity that grows."""

import codecs
import html.entities
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from rotools.books.texts import decode

__all__ = ["Element", "attribute", "characters", "decode_xml", "local", "parse", "walk"]

Element = Any
"""An element of lxml, which has no types."""

_PROLOG = re.compile(r"\A(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[(.*?)\]\s*)?>", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(r"<!ENTITY\s+([\w.:-]{1,64})\s+(?:\"([^\"&<%]{0,200})\"|'([^'&<%]{0,200})')\s*>")
_REFERENCE = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&([A-Za-z][\w.:-]{0,63});", re.DOTALL)
_FORBIDDEN = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_OWN = frozenset(["amp", "lt", "gt", "quot", "apos"])


def decode_xml(data: bytes) -> str:
    """Decode by byte order mark or declaration. Without them XML is UTF-8."""
    for start, encoding in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if data.startswith(start):
            return data.decode(encoding, errors="replace")
    found = re.search(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", data[:1024])
    if found and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            encoding = codecs.lookup(found[1].decode()).name
            if not encoding.startswith("utf"):
                return data.decode(encoding, errors="replace")
        except (LookupError, ValueError):
            pass
    return decode(data)


def parse(text: str, *, recover: bool = False) -> Element:
    """Parse a document. Names of entities are those of HTML and the short ones that the document declares.

    libxml2 expands entities in attributes whatever it is told, so the document type is taken out before it reads the text.

    Raises:
        ValueError: The text is not well-formed.
    """
    text = text.lstrip("\ufeff \t\r\n")
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    names: dict[str, str] = {}
    if found := _DOCTYPE.match(text, start):
        for entity in _ENTITY.finditer(found[1] or ""):
            names.setdefault(entity[1], entity[2] or entity[3] or "")
        text = text[found.end() :]
    else:
        text = text[start:]

    def put(reference: re.Match[str]) -> str:
        name = reference[1]
        if name is None or name in _OWN:
            return reference[0]
        value = names.get(name) or html.entities.html5.get(f"{name};")
        if value is None:
            return reference[0]
        return value.replace("&", "&amp;").replace("<", "&lt;")

    if "&" in text:
        text = _REFERENCE.sub(put, text)
    if _FORBIDDEN.search(text):
        text = _FORBIDDEN.sub("", text)
    # The limits of libxml2 (256 levels, 10 MB in one node) are lifted only where no entity can be declared.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree="<!ENTITY" not in text, recover=recover,
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"the XML is not well-formed: {error.msg}") from None
    if root is None:
        raise ValueError("the XML is empty")
    return root


def local(node: Element) -> str:
    """Return the name of an element without its namespace."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(node: Element, name: str) -> str:
    """Return an attribute, whatever its namespace. Empty if there is none."""
    value = node.get(name)
    if value is not None:
        return str(value)
    return next((str(value) for key, value in node.attrib.items() if key.endswith("}" + name)), "")


def characters(node: Element) -> int:
    """Count the characters of an element that are drawn."""
    return sum(len("".join(text.split())) for text in node.itertext())


def walk(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield `start` and `end` of each element in the order of the document, without recursion. See `lxml.etree.iterwalk`."""
    walker: Iterator[tuple[str, Element]] = etree.iterwalk(root, events=("start", "end"))
    return walker
