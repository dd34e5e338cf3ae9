"""Read books that are not PDF. Each module reads one format; the content of a file decides, not only its name."""

from collections.abc import Callable
from pathlib import Path

from rotools.books.formats.archive import Archive
from rotools.books.texts import Text, decode, limited
from rotools.distribution import install
from rotools.errors import ResourceError

__all__ = ["SUFFIXES", "UNREAD", "kind_of", "read", "suffix"]

SUFFIXES = {
    ".azw": "mobi", ".azw3": "mobi", ".djv": "djvu", ".djvu": "djvu", ".doc": "doc", ".docm": "docx", ".docx": "docx",
    ".dotx": "docx", ".epub": "epub", ".fb2": "fb2", ".fb2.zip": "fb2", ".htm": "html", ".html": "html", ".mobi": "mobi",
    ".odt": "odt", ".ott": "odt", ".pdf": "pdf", ".prc": "mobi", ".rtf": "rtf", ".txt": "text", ".xhtml": "html",
}  # fmt: skip
"""The kind of file for each ending that is read."""
UNREAD = frozenset([
    ".azw1", ".azw4", ".cb7", ".cbr", ".cbz", ".chm", ".fb3", ".ibooks", ".kfx", ".lit", ".lrf", ".md",
    ".mht", ".mhtml", ".odp", ".pages", ".pdb", ".ppt", ".pptx", ".ps", ".sdw", ".snb", ".sxw", ".tcr",
    ".tex", ".wpd", ".wps", ".wri", ".xps",
])  # fmt: skip
"""Endings of books and documents that are not read."""


def suffix(path: Path) -> str:
    """Return the ending of a name in small letters: `.fb2.zip`, `.pdf`, or nothing.

    Examples:
        >>> suffix(Path("Carte.FB2.zip")), suffix(Path("vol. 2.epub")), suffix(Path("README"))
        ('.fb2.zip', '.epub', '')
    """
    return ".fb2.zip" if path.name.lower().endswith(".fb2.zip") else path.suffix.lower()


def kind_of(path: Path) -> str:
    """Say which reader a file needs, by its first bytes and, where they do not tell, by its name."""
    if path.is_dir():
        return "epub"
    with path.open("rb") as file:
        start = file.read(2048)
    named = SUFFIXES.get(suffix(path), "")
    if start.startswith(b"%PDF-") or named == "pdf":
        return "pdf"
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path) or named
    if start.startswith(b"{\\rtf"):
        return "rtf"
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "doc"
    if start[60:68] in (b"BOOKMOBI", b"TEXtREAd"):
        return "mobi"
    if start.startswith(b"AT&TFORM"):
        return "djvu"
    if named in ("doc", "rtf") and (b"<html" in start.lower() or b"<body" in start.lower()):
        return "html"
    return named


def _kind_of_zip(path: Path) -> str:
    try:
        names = set(Archive(path).names)
    except ValueError:
        return ""
    if "META-INF/container.xml" in names:
        return "epub"
    if any(name.startswith("word/") for name in names):
        return "docx"
    if "content.xml" in names:
        return "odt"
    return "fb2" if any(name.lower().endswith(".fb2") for name in names) else ""


def _read_text(path: Path) -> Text:
    return Text(decode(limited(path)))


def _readers(seconds: float) -> dict[str, Callable[[Path], Text]]:
    # `rotools pack` names the endings of books without the packages of the group `books`, such as lxml.
    try:
        from rotools.books.formats import docx, epub, fb2, html, mobi, odt, programs, rtf
    except ModuleNotFoundError as error:
        raise ResourceError(f"books need the package {error.name}", hint=install("books")) from None

    return {
        "text": _read_text,
        "html": html.read,
        "epub": epub.read,
        "docx": docx.read,
        "odt": odt.read,
        "fb2": fb2.read,
        "rtf": rtf.read,
        "mobi": mobi.read,
        "doc": lambda path: programs.read_doc(path, seconds),
        "djvu": lambda path: programs.read_djvu(path, seconds),
    }


def read(path: Path, seconds: float = 120.0) -> Text:
    """Read the paragraphs of a book, one per line, and what was left out.

    Args:
        path: A file, or the folder of an unpacked EPUB.
        seconds: Time for a program from outside.

    Raises:
        Exception: Whatever the reader of a broken file raises. The caller records it in the ledger.
    """
    kind = kind_of(path)
    readers = _readers(seconds)
    if kind not in readers:
        raise ValueError(f"the content is not what the name {path.suffix} says")
    return readers[kind](path)
