"""Read DOCX: one walk over the tree, which takes the text that Word shows.

Source:
    ECMA-376 (Office Open XML), part 1, chapters 17 (WordprocessingML) and 22.1 (mathematics); ISO/IEC 29500 strict.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from rotools.books.formats import html
from rotools.books.formats.archive import Archive, resolve
from rotools.books.formats.numbering import Numbering
from rotools.books.formats.story import Story
from rotools.books.formats.symbols import REPLACEMENT, symbol
from rotools.books.formats.xml import Element, attribute, characters, decode_xml, local, parse, walk
from rotools.books.texts import Text, decode

__all__ = ["read"]

_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_MATH = (
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/officeDocument/math",
)
_COMPATIBILITY = ("http://schemas.openxmlformats.org/markup-compatibility/2006",)
_PREFIXES = {
    uri: prefix for prefix, uris in (("w", _WORD), ("m", _MATH), ("mc", _COMPATIBILITY)) for uri in uris
}
_WRITTEN = {
    "w:tab": " ", "w:ptab": " ", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-", "w:softHyphen": "",
    "m:den": "/", "m:sup": "^", "m:sub": "_",
}  # fmt: skip
"""What an element draws before its content."""
_CODE = frozenset(["w:instrText", "w:delInstrText", "w:fldData", "w:binData"])
"""Instructions to Word and bytes, which no one reads."""
_PRIVATE = re.compile("[\uf000-\uf0ff]")
_OFF = ("0", "false", "off")
_BESIDE = ("header", "footer", "comments", "chart", "chartEx", "diagramData")
"""Parts with text that is beside the text of the book, by the last word of their relationship."""


def read(path: Path) -> Text:
    """Read a document.

    Raises:
        ValueError: The file is no document, or it is damaged.
    """
    text = Text()
    package = Archive(path)
    main = next((target for kind, target in _relations(package, "") if kind == "officeDocument"), "")
    main = package.find(main) or package.find("word/document.xml") or ""
    if not main:
        raise ValueError("the file has no document part: it is no DOCX file, or it is damaged")
    reader = _Reader(package, main, text)
    root = _part(package, main)
    text.text = reader.story_of(root)
    for kind, name in reader.relations.values():
        if kind in _BESIDE and package.find(name):
            try:
                text.leave_out(kind, characters(_part(package, name)), name)
            except ValueError as error:
                text.note("flag", f"{kind}-unreadable {error}", 1, name)
    return text


def _part(package: Archive, name: str) -> Element:
    try:
        return parse(decode_xml(package.read(package.find(name) or name)))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _relations(package: Archive, part: str) -> list[tuple[str, str]]:
    """List the last word of the type, and the target, of each relationship of a part."""
    return list(_relations_by_id(package, part).values())


def _relations_by_id(package: Archive, part: str) -> dict[str, tuple[str, str]]:
    folder, base = posixpath.split(part)
    name = package.find(posixpath.join(folder, "_rels", f"{base}.rels"))
    if name is None:
        return {}
    try:
        root = _part(package, name)
    except ValueError:
        return {}
    return {
        attribute(node, "Id"): (
            attribute(node, "Type").rpartition("/")[2],
            resolve(part, attribute(node, "Target")),
        )
        for node in root.iter()
        if local(node) == "Relationship" and attribute(node, "TargetMode") != "External"
    }


def _name(node: Element) -> str:
    uri, _, name = str(node.tag)[1:].rpartition("}")
    if prefix := _PREFIXES.get(uri):
        return f"{prefix}:{name}"
    return f"drawing:{name}" if uri.endswith("wordprocessingDrawing") else name


def _child(node: Element, *names: str) -> Element | None:
    """Return the element at a path of names below `node`."""
    for name in names:
        node = next((child for child in node if local(child) == name), None)
        if node is None:
            return None
    return node


def _is_on(node: Element, *names: str) -> bool:
    found = _child(node, *names)
    return found is not None and attribute(found, "val") not in _OFF


def _joins_next(paragraph: Element) -> bool:
    """Say whether the end of the paragraph was deleted or moved away by a tracked change."""
    mark = _child(paragraph, "pPr", "rPr")
    return mark is not None and any(local(child) in ("del", "moveFrom") for child in mark)


def _merged(cell: Element) -> bool:
    """Say whether the cell continues another one, whose text Word shows in its place."""
    for name in ("vMerge", "hMerge"):
        found = _child(cell, "tcPr", name)
        if found is not None and attribute(found, "val") in ("", "continue"):
            return True
    return False


class _Reader:
    """Walks over the parts of a document that belong to its text: the body, notes, and documents that are inserted whole."""

    def __init__(self, package: Archive, main: str, text: Text) -> None:
        self.package, self.text = package, text
        self.relations = _relations_by_id(package, main)
        self.story = Story()
        self.in_note = False
        self.fields: list[str] = []
        self.choices: list[int] = []
        self.ends: list[str] = []
        self.notes = {kind: self._notes(f"{kind}s") for kind in ("footnote", "endnote")}
        self.numbering = Numbering(self._root("numbering"), self._root("styles"))

    def _root(self, kind: str) -> Element | None:
        name = next((target for found, target in self.relations.values() if found == kind), "")
        if not name or not self.package.find(name):
            return None
        try:
            return _part(self.package, name)
        except ValueError as error:
            self.text.note("drop", f"{kind}-unreadable {error}", 1, name)
            return None

    def _notes(self, kind: str) -> dict[str, Element]:
        root = self._root(kind)
        return {} if root is None else {attribute(node, "id"): node for node in root}

    def story_of(self, root: Element) -> str:
        """Return the text of the body, then count the notes that nothing refers to."""
        self._walk(root)
        for kind, notes in self.notes.items():
            for note in notes.values():
                if not attribute(note, "type"):
                    self.text.leave_out(f"{kind} without a mark", characters(note))
        return self.story.text()

    def _walk(self, root: Element) -> None:
        walker = walk(root)
        for event, node in walker:
            name = _name(node)
            if event == "end":
                self._leave(name, node)
            elif not self._enter(name, node):
                walker.skip_subtree()  # type: ignore[attr-defined]

    def _skip(self, what: str, node: Element) -> bool:
        self.text.leave_out(what, characters(node))
        return False

    def _enter(self, name: str, node: Element) -> bool:
        """Handle the start of an element. Returns whether its content is read."""
        story = self.story
        match name:
            case "w:t" | "m:t":
                if "code" in self.fields:
                    return self._skip("field-code", node)
                story.write(self._drawn(node))
            case "w:p":
                story.begin_paragraph()
                if not _joins_next(node) and (label := self.numbering.label(_child(node, "pPr"))):
                    story.write(label + " ")
            case "w:tr":
                if _child(node, "trPr", "del") is not None:
                    return self._skip("tracked-deletion", node)
                story.begin_row()
            case "w:tc":
                if _merged(node):
                    return self._skip("merged-cell", node)
                story.begin_cell()
            case "w:txbxContent":
                story.begin_box()
            case "w:r":
                if _is_on(node, "rPr", "vanish"):
                    return self._skip("hidden-text", node)
            case "w:sdt":
                if _is_on(node, "sdtPr", "showingPlcHdr"):
                    return self._skip("placeholder", node)
            case "w:del" | "w:moveFrom":
                return self._skip("tracked-deletion", node)
            case "w:rt":
                return self._skip("ruby", node)
            case "w:sym":
                self._symbol(node)
            case "w:footnoteReference" | "w:endnoteReference":
                self._note(name[2:].removesuffix("Reference"), attribute(node, "id"))
            case "w:fldChar":
                self._field(attribute(node, "fldCharType"))
            case "w:altChunk":
                self._chunk(attribute(node, "id"))
            case "mc:AlternateContent":
                self.choices.append(story.written)
            case "mc:Fallback":
                # The same content for older programs. It is read if the first form had no text.
                return not self.choices or story.written == self.choices[-1]
            case "m:d":
                found = _child(node, "dPr")
                signs = [_sign(found, "begChr", "("), _sign(found, "endChr", ")")]
                story.write(signs[0])
                self.ends.append(signs[1])
            case "m:nary":
                story.write(_sign(_child(node, "naryPr"), "chr", "∫"))
            case _ if name in _WRITTEN:
                story.write(_WRITTEN[name])
            case _ if name in _CODE or name.endswith("Pr") or name.startswith("drawing:pos"):
                return False
            case _ if not name.startswith("drawing:") and node.text and node.text.strip():
                self.text.leave_out(f"<{name}>", node.text)
        return True

    def _leave(self, name: str, node: Element) -> None:
        match name:
            case "w:p":
                # Only an instruction goes over the end of a paragraph when the field is damaged.
                self.fields = ["result"] * len(self.fields)
                self.story.end_paragraph(joined=_joins_next(node))
            case "w:tr":
                if _child(node, "trPr", "del") is None:
                    self.story.end_row()
            case "w:tc":
                if not _merged(node):
                    self.story.end_cell()
            case "w:txbxContent":
                self.story.end_box()
            case "mc:AlternateContent" if self.choices:
                self.choices.pop()
            case "m:d" if self.ends:
                self.story.write(self.ends.pop())

    def _drawn(self, node: Element) -> str:
        """Return the text of an element. A font of signs has private characters."""
        text = node.text or ""
        if not _PRIVATE.search(text):
            return text
        fonts = _child(node.getparent(), "rPr", "rFonts")
        font = "" if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi")
        return _PRIVATE.sub(lambda sign: self._sign_of(font, ord(sign[0])), text) if font else text

    def _sign_of(self, font: str, code: int) -> str:
        sign = symbol(font, code)
        self.text.note("flag", f"unknown-symbol {font}"[:80], sign == REPLACEMENT)
        return sign

    def _symbol(self, node: Element) -> None:
        code = attribute(node, "char")
        known = re.fullmatch(r"[0-9A-Fa-f]{1,6}", code)
        self.story.write(self._sign_of(attribute(node, "font"), int(code, 16) if known else 0))

    def _note(self, kind: str, number: str) -> None:
        note = self.notes[kind].pop(number, None)
        if note is None or self.in_note:
            self.text.note("flag", f"{kind}-missing")
            return
        fields, self.fields, self.in_note = self.fields, [], True
        self.story.begin_note()
        self._walk(note)
        self.story.end_note()
        self.fields, self.in_note = fields, False

    def _field(self, kind: str) -> None:
        """A field has an instruction, then its result: only the result is text."""
        match kind:
            case "begin":
                self.fields.append("code")
            case "separate" if self.fields:
                self.fields[-1] = "result"
            case "end" if self.fields:
                self.fields.pop()

    def _chunk(self, number: str) -> None:
        """Another file, which Word shows in this place."""
        _, name = self.relations.get(number, ("", ""))
        readers: dict[str, Callable[[bytes], str]] = {
            ".txt": decode,
            ".htm": html.text_of,
            ".html": html.text_of,
            ".xhtml": html.text_of,
        }
        found, reader = self.package.find(name), readers.get(posixpath.splitext(name)[1].lower())
        if found is None or reader is None:
            self.text.note("drop", "inserted-file-unread", 1, name)
            return
        for line in re.split(r"\r?\n", reader(self.package.read(found))):
            self.story.begin_paragraph()
            self.story.write(line)
            self.story.end_paragraph()


def _sign(properties: Element | None, name: str, default: str) -> str:
    found = None if properties is None else _child(properties, name)
    return default if found is None else attribute(found, "val")
