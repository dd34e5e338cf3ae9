"""Read OpenDocument texts (.odt): one walk over content.xml.

Source:
    OpenDocument 1.3, part 3, chapters 5 (text), 6 (white space, notes), 9 (tables), 14.
"""

import re
from pathlib import Path

from rotools.books.formats.archive import Archive
from rotools.books.formats.story import Story
from rotools.books.formats.xml import characters, decode_xml, local, parse, walk
from rotools.books.texts import Text

__all__ = ["read"]

_ASIDE = {
    "tracked-changes": "tracked-deletion", "annotation": "comments", "covered-table-cell": "merged-cell",
    "note-citation": "", "sequence-decls": "", "forms": "forms", "ruby-text": "ruby", "desc": "", "title": "",
    "index-title-template": "", "table-of-content-source": "", "event-listeners": "", "binary-data": "",
}  # fmt: skip
"""Elements that are not read, and the name under which their characters are counted. Empty: no text for people."""
_WRITTEN = {"tab": " ", "line-break": "\n"}


def read(path: Path) -> Text:
    """Read a text.

    Raises:
        ValueError: The file is no text of OpenDocument, is damaged, or has a password.
    """
    text = Text()
    package = Archive(path)
    manifest = package.find("META-INF/manifest.xml")
    if manifest and b"encryption-data" in package.read(manifest):
        raise ValueError("the document is protected by a password")
    root = parse(decode_xml(package.read("content.xml")))
    body = next((node for node in root.iter() if local(node) == "body"), None)
    if body is None:
        raise ValueError("content.xml has no body")
    story = Story()
    for event, node in (walker := walk(body)):
        name = local(node)
        if event == "start":
            if name in _ASIDE and (name != "title" or "svg" in node.tag):
                if _ASIDE[name]:
                    text.leave_out(_ASIDE[name], characters(node))
                walker.skip_subtree()  # type: ignore[attr-defined]
                continue
            match name:
                case "p" | "h":
                    story.begin_paragraph()
                case "table-row":
                    story.begin_row()
                case "table-cell":
                    story.begin_cell()
                case "text-box":
                    story.begin_box()
                case "note":
                    story.begin_note()
                case "s":
                    story.write(" ")
                case _ if name in _WRITTEN:
                    story.write(_WRITTEN[name])
            if node.text:
                _write(story, node.text)
        else:
            match name:
                case "p" | "h":
                    story.end_paragraph()
                case "table-row":
                    story.end_row()
                case "table-cell":
                    story.end_cell()
                case "text-box":
                    story.end_box()
                case "note":
                    story.end_note()
            if node.tail and node is not body:
                _write(story, node.tail)
    styles = package.find("styles.xml")
    if styles:
        for node in parse(decode_xml(package.read(styles))).iter():
            if local(node) in (
                "header",
                "footer",
                "header-left",
                "footer-left",
                "header-first",
                "footer-first",
            ):
                text.leave_out(local(node).partition("-")[0], characters(node))
    text.text = story.text()
    return text


def _write(story: Story, text: str) -> None:
    """White space of the file is one space; spaces and breaks of the text are elements."""
    if story.open:
        story.write(re.sub(r"\s+", " ", text))
    elif text.strip():
        story.write(text.strip())
