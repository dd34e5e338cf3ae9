"""Read FictionBook 2: the sections of its body, with notes after the paragraph that refers to them.

Source:
    FictionBook 2.2, http://www.fictionbook.org/index.php/Eng:XML_Schema_Fictionbook_2.1
"""

from pathlib import Path

from rotools.books.formats.archive import Archive
from rotools.books.formats.story import Story
from rotools.books.formats.xml import Element, attribute, characters, decode_xml, local, parse, walk
from rotools.books.texts import Text, limited

__all__ = ["read"]

_PARAGRAPHS = frozenset(["p", "v", "subtitle", "text-author", "date"])


def read(path: Path) -> Text:
    """Read a book: a .fb2 file, or a zip file with one.

    Raises:
        ValueError: The file is damaged.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
    if packed:
        archive = Archive(path)
        names = [name for name in archive.names if name.lower().endswith(".fb2")]
        if len(names) != 1:
            raise ValueError(f"the zip file has {len(names)} .fb2 files, and a book is one")
        data = archive.read(names[0])
    else:
        data = limited(path)
    text = Text()
    source = decode_xml(data)
    text.note("flag", "bad-bytes", source.count("\ufffd") - data.count(b"\xef\xbf\xbd"))
    try:
        root = parse(source)
    except ValueError as error:
        if "<FictionBook" not in source[:4096]:
            raise
        root = parse(source, recover=True)
        text.note("flag", f"xml-repaired {error}")
    bodies = [node for node in root if local(node) == "body"]
    if not bodies:
        raise ValueError("the file has no <body>: it is no FictionBook, or it is damaged")
    reader = _Reader([body for body in bodies if attribute(body, "name") in ("notes", "comments")])
    for body in bodies:
        if attribute(body, "name") not in ("notes", "comments"):
            reader.walk(body)
    for note in reader.notes.values():
        text.leave_out("note without a mark", characters(note))
    for node in root:
        if local(node) == "description":
            text.leave_out("description", characters(node))
    text.text = reader.story.text()
    return text


class _Reader:
    def __init__(self, bodies: list[Element]) -> None:
        self.story = Story()
        self.in_note = False
        self.notes = {
            attribute(node, "id"): node
            for body in bodies
            for node in body.iter()
            if local(node) == "section" and attribute(node, "id")
        }

    def walk(self, root: Element) -> None:
        story = self.story
        for event, node in (walker := walk(root)):
            name = local(node)
            if event == "start":
                match name:
                    case "tr":
                        story.begin_row()
                    case "td" | "th":
                        story.begin_cell()
                        story.begin_paragraph()
                    case _ if name in _PARAGRAPHS:
                        story.begin_paragraph()
                    case "title" if self.in_note:
                        # The number of the note, which is written anew.
                        walker.skip_subtree()  # type: ignore[attr-defined]
                        continue
                    case "a" if attribute(node, "type") == "note" and not self.in_note:
                        if (note := self.notes.pop(attribute(node, "href").lstrip("#"), None)) is not None:
                            self.in_note = True
                            story.begin_note()
                            self.walk(note)
                            story.end_note()
                            self.in_note = False
                            walker.skip_subtree()  # type: ignore[attr-defined]
                            continue
                if node.text and (node.text.strip() or story.open):
                    story.write(node.text.replace("\n", " "))
            else:
                match name:
                    case "tr":
                        story.end_row()
                    case "td" | "th":
                        story.end_paragraph()
                        story.end_cell()
                    case _ if name in _PARAGRAPHS:
                        story.end_paragraph()
                if node is not root and node.tail and (node.tail.strip() or story.open):
                    story.write(node.tail.replace("\n", " "))
