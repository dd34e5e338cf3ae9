"""The text of a book that has no pages, and what its reader left out."""

from dataclasses import dataclass, field
from pathlib import Path

from rotools import _rotext

__all__ = ["MOST", "Part", "Text", "decode", "limited"]

MOST = 512 << 20
"""Limit for the text of a file, in bytes. A file that unpacks to more is an attack."""


@dataclass
class Part:
    """One row of the ledger about a part of a book."""

    action: str
    """`drop`: text was lost. `flag`: text was left out on purpose, or read in another way than the file says."""
    rule: str
    """What happened: `chapter-missing`, `left-out header`."""
    where: str
    """The part of the file: `OEBPS/ch5.xhtml`. Empty: the file."""
    value: int
    """Characters, or a count."""


@dataclass
class Text:
    """The paragraphs of a book, one per line, and the parts that a reader of the ledger should know about."""

    text: str = ""
    parts: list[Part] = field(default_factory=list)

    def note(self, action: str, rule: str, value: int = 1, where: str = "") -> None:
        """Record something about a part. The values of equal rows are added up."""
        if value <= 0:
            return
        for part in self.parts[-200:]:
            if (part.action, part.rule, part.where) == (action, rule, where):
                part.value += value
                return
        self.parts.append(Part(action, rule, where, value))

    def leave_out(self, name: str, text: str | int, where: str = "") -> None:
        """Count the characters of something that is no text of the book."""
        count = text if isinstance(text, int) else len("".join(text.split()))
        self.note("flag", f"left-out {name}", count, where)


def decode(data: bytes, *, page: bool = False) -> str:
    """Decode bytes by evidence, as `normalize` and `pack` do.

    Args:
        data: The bytes of a file.
        page: Whether they are an HTML page, which may name its encoding.
    """
    return _rotext.decode_text(data, page=page)[0]


def limited(path: Path) -> bytes:
    """Read a file.

    Raises:
        ValueError: The file is larger than `MOST`.
    """
    if path.stat().st_size > MOST:
        raise ValueError(f"the file has more than {MOST >> 20} MB")
    return path.read_bytes()
