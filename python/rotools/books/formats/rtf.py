"""Read RTF: text in the encoding of its font, notes, text boxes and rows of tables.

Written here because the packages that read RTF drop footnotes and text boxes without a word.

Source:
    Rich Text Format (RTF) Specification, version 1.9.1.
"""

import codecs
import re
from pathlib import Path

from rotools.books.formats.story import Story
from rotools.books.formats.symbols import REPLACEMENT, symbol
from rotools.books.texts import Text, limited

__all__ = ["read"]

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)",
    re.DOTALL,
)
_CHARSETS = {
    77: "mac_roman", 86: "mac_romanian", 88: "mac_latin2", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
"""Encodings by the number of the character set of a font. 0 and 1 mean the encoding of the document."""
_SYMBOLS = 2
_PAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_WRITTEN = {
    "line": "\n", "lbr": "\n", "tab": " ", "emdash": "—", "endash": "–", "emspace": " ", "enspace": " ", "qmspace": " ",
    "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "nestcell": " ",
}  # fmt: skip
_PARAGRAPH_ENDS = frozenset(["par", "sect", "page", "column", "nestrow"])
_ASIDE = {
    "header": "header", "headerl": "header", "headerr": "header", "headerf": "header", "footer": "footer",
    "footerl": "footer", "footerr": "footer", "footerf": "footer", "annotation": "comments",
}  # fmt: skip
"""Destinations whose text is counted and not read."""
_SILENT = frozenset([
    "colortbl", "stylesheet", "info", "pict", "object", "fldinst", "shprslt", "nonshppict", "sp",
    "bkmkstart", "bkmkend", "filetbl", "revtbl", "xe", "tc", "txe", "rxe", "ftnsep", "ftnsepc", "ftncn",
    "aftnsep", "aftnsepc", "aftncn", "formfield", "datafield", "listtable", "listoverridetable", "upr",
    "title", "author",
])  # fmt: skip
_OPENED = frozenset(["shpinst", "do", "ud", "fldrslt", "shpgrp", "shp"])
"""Ignorable destinations with text inside."""
_BOXES = frozenset(["shptxt", "dptxbxtext"])


class _Group:
    """The state that a closing brace restores."""

    __slots__ = ("aside", "deleted", "ends", "font", "hidden", "skip", "uc")

    def __init__(self) -> None:
        self.skip = ""
        self.aside = ""
        self.font = -1
        self.uc = 1
        self.hidden = False
        self.deleted = False
        self.ends = ""

    def inner(self) -> "_Group":
        """Return the state with which a group inside of this one begins."""
        group = _Group()
        group.skip, group.aside, group.font, group.uc = self.skip, self.aside, self.font, self.uc
        group.hidden, group.deleted = self.hidden, self.deleted
        return group


def read(path: Path) -> Text:
    """Read a document.

    Raises:
        ValueError: The file is no RTF.
    """
    data = limited(path)
    if not data.lstrip().startswith(b"{\\rtf"):
        raise ValueError("the file does not begin with {\\rtf: it is no RTF, or it is damaged")
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.text = Text()
        self.story = Story()
        self.group = _Group()
        self.stack: list[_Group] = []
        self.page = "cp1252"
        self.raw = bytearray()
        self.raw_encoding = ""
        self.fonts: dict[int, tuple[int, str]] = {}
        self.naming = -1
        self.default = -1
        self.pending = 0
        self.ignorable = False
        self.in_table = False
        self.in_cell = False
        self.label: list[str] | None = None

    def read(self) -> Text:
        place: int | None = 0
        while place is not None:
            place = self._run(place)
        self._flush()
        lines = self.story.lines()
        # Characters beyond the first plane are written as two halves.
        whole = "\n".join(lines).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.text.text = whole
        self.text.note("flag", "braces-missing", len(self.stack))
        return self.text

    def _run(self, place: int) -> int | None:
        """Read from `place` to the end, or to binary data. Returns the place after the data."""
        for token in _TOKEN.finditer(self.data, place):
            word, number, code, sign, brace, plain = token.groups()
            if plain is not None:
                if self.pending:
                    skipped = min(self.pending, len(plain))
                    self.pending -= skipped
                    plain = plain[skipped:]
                self._bytes(plain)
            elif code is not None:
                if self.pending:
                    self.pending -= 1
                else:
                    self._bytes(bytes([int(code, 16)]))
            elif brace is not None:
                self.pending = 0
                self._flush()
                self._brace(brace)
            elif sign is not None:
                self._sign(sign)
            elif word is not None:
                value = None if number is None else int(number)
                if word == b"bin":
                    self._flush()
                    return min(token.end() + max(value or 0, 0), len(self.data))
                self._word(word.decode(), value)
        return None

    def _brace(self, brace: bytes) -> None:
        self.ignorable = False
        if brace == b"{":
            self.stack.append(self.group)
            self.group = self.group.inner()
            return
        ends = self.group.ends
        if self.stack:
            self.group = self.stack.pop()
        match ends:
            case "note":
                self.story.end_note()
            case "box":
                self.story.end_paragraph()
                self.story.end_box()
            case "label" if self.label is not None:
                label, self.label = "".join(self.label).strip(), None
                # Bullets are signs of a font; numbers and letters are text.
                if any(c.isalnum() for c in label):
                    self._write(label + " ")

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self.ignorable = True
        elif sign == b"~":
            self._write("\xa0")
        elif sign == b"_":
            self._write("-")
        elif sign in (b"\r", b"\n"):
            self._word("par", None)
        elif sign in (b"{", b"}", b"\\"):
            if self.pending:
                self.pending -= 1
            else:
                self._bytes(sign)

    def _word(self, word: str, value: int | None) -> None:
        group = self.group
        ignorable, self.ignorable = self.ignorable, False
        if word == "u":
            self.pending = 0
            self._flush()
            self._unicode((value or 0) & 0xFFFF)
            self.pending = group.uc
            return
        self.pending = 0
        self._flush()
        match word:
            case "uc":
                group.uc = max(value or 0, 0)
            case "f" if group.skip == "fonttbl":
                self.naming = value or 0
                self.fonts[self.naming] = (0, "")
            case "fcharset" if group.skip == "fonttbl":
                self.fonts[self.naming] = (value or 0, self.fonts.get(self.naming, (0, ""))[1])
            case "f":
                group.font = value or 0
            case "deff":
                self.default = value or 0
            case "ansicpg":
                self.page = _encoding(f"cp{value}") or self.page
            case _ if word in _PAGES:
                self.page = _PAGES[word]
            case "plain":
                group.hidden = group.deleted = False
                group.font = self.default
            case "v":
                group.hidden = value != 0
            case "deleted":
                group.deleted = value != 0
            case "fonttbl":
                group.skip = "fonttbl"
            case _ if group.skip or group.aside:
                if word in _PARAGRAPH_ENDS or word in _WRITTEN:
                    return
            case "footnote":
                group.ends = "note"
                self._open()
                self.story.begin_note()
            case _ if word in _BOXES:
                group.ends = "box"
                self.story.begin_box()
                self.story.begin_paragraph()
            case "listtext" | "pntext":
                group.ends, self.label = "label", []
            case _ if word in _ASIDE:
                group.aside = _ASIDE[word]
            case _ if word in _OPENED:
                pass
            case _ if word in _SILENT or ignorable:
                group.skip = word
            case _ if word in _PARAGRAPH_ENDS:
                self._end_paragraph()
            case "pard":
                self.in_table = False
            case "intbl":
                self.in_table = True
            case "cell":
                self._open()
                self._end_cell()
            case "row":
                self._end_row()
            case _ if word in _WRITTEN:
                self._write(_WRITTEN[word])

    def _in_story(self) -> bool:
        """Say whether the text is in a note or a box, which have no tables."""
        return any(group.ends in ("note", "box") for group in (*self.stack, self.group))

    def _open(self) -> None:
        story = self.story
        if self._inner:
            return
        if self.in_table and not self.in_cell:
            if not story.rows:
                story.begin_row()
            story.begin_cell()
            self.in_cell = True
        elif not self.in_table and story.rows:
            self._end_row()
        if not story.open:
            story.begin_paragraph()

    @property
    def _inner(self) -> bool:
        return bool(self.story.numbers) or self._in_story()

    def _end_paragraph(self) -> None:
        if self.story.numbers:
            self.story.write("\n")
        elif self._in_story():
            self.story.end_paragraph()
            self.story.begin_paragraph()
        else:
            self.story.end_paragraph()

    def _end_cell(self) -> None:
        if not self._inner and self.in_cell:
            self.story.end_paragraph()
            self.story.end_cell()
            self.in_cell = False

    def _end_row(self) -> None:
        if not self._inner:
            self._end_cell()
            if self.story.rows:
                self.story.end_row()

    def _bytes(self, data: bytes) -> None:
        group = self.group
        if group.skip == "fonttbl":
            charset, name = self.fonts.get(self.naming, (0, ""))
            if len(name) < 100:
                self.fonts[self.naming] = (charset, name + data.decode("latin-1"))
            return
        if group.skip or not data:
            return
        charset, name = self._font()
        if charset == _SYMBOLS:
            self._flush()
            for byte in data:
                self._symbol(name, byte)
            return
        encoding = _CHARSETS.get(charset, self.page)
        if encoding != self.raw_encoding:
            self._flush()
            self.raw_encoding = encoding
        self.raw += data

    def _font(self) -> tuple[int, str]:
        """Return character set and name of the font."""
        font = self.group.font
        return self.fonts.get(font if font >= 0 else self.default, (0, ""))

    def _flush(self) -> None:
        if self.raw:
            encoding = _encoding(self.raw_encoding) or "cp1252"
            self._write(self.raw.decode(encoding, errors="replace"))
            self.raw.clear()

    def _symbol(self, font: str, code: int) -> None:
        font = font.partition(";")[0].strip()
        sign = chr(code) if code == 0x20 else symbol(font, code)
        self.text.note("flag", f"unknown-symbol {font}"[:80], sign == REPLACEMENT)
        self._write(sign)

    def _unicode(self, code: int) -> None:
        charset, name = self._font()
        if charset == _SYMBOLS and 0xF000 <= code <= 0xF0FF:
            self._symbol(name, code)
        else:
            self._write(chr(code))

    def _write(self, text: str) -> None:
        group = self.group
        if group.skip:
            return
        if group.aside or group.hidden or group.deleted:
            what = group.aside or ("tracked-deletion" if group.deleted else "hidden-text")
            self.text.leave_out(what, text)
        elif self.label is not None:
            self.label.append(text)
        else:
            self._open()
            self.story.write(text)


def _encoding(name: str) -> str:
    """Return the name under which Python has an encoding of single bytes or letters. Empty if it has none."""
    name = {
        "cp10000": "mac_roman",
        "cp10010": "mac_romanian",
        "cp10029": "mac_latin2",
        "cp65001": "utf-8",
    }.get(name, name)
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
