"""The decisions of a person about books: a file beside the output, which every later run applies.

`OUT.decisions.jsonl` has one JSON object a line. The last one about a book counts. A book is identified by the SHA-256 of
its file, so renaming the file changes nothing.

| field | what |
|---|---|
| `version` | 1 |
| `digest`, `id` | the file's SHA-256; its name, for people |
| `verdict` | `keep`, `drop`, `pages` (drop these pages), `ocr` (read these again with OCR), `undo` |
| `pages` | numbers from 1, for `pages` and `ocr` |
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotools import jsonl
from rotools.errors import InputError, Place
from rotools.files import refused, write

__all__ = ["Decision", "append", "check", "mark", "path_of", "pending", "read"]

VERDICTS = ("keep", "drop", "pages", "ocr", "undo")


@dataclass(frozen=True)
class Decision:
    """What was decided about a book."""

    verdict: str = ""
    """`keep`, `drop`, or empty if only pages were decided."""
    pages: tuple[int, ...] = ()
    """Numbers of the pages to remove, from 1."""
    again: tuple[int, ...] = ()
    """Numbers of the pages to read with OCR, from 1."""


def path_of(out: Path) -> Path:
    """Return the file of the decisions about the books of `out`."""
    return out.with_name(out.name + ".decisions.jsonl")


def check(value: Any, place: Place | None = None) -> dict[str, Any]:
    """Return a value that is a decision.

    Raises:
        InputError: It is not.
    """
    try:
        good = (
            isinstance(value, dict)
            and value.get("version") == 1
            and value.get("verdict") in VERDICTS
            and isinstance(value.get("digest"), str)
            and all(isinstance(page, int) and page > 0 for page in value.get("pages", []))
        )
    except (ValueError, TypeError):
        good = False
    if not good:
        raise InputError(
            "the line is not a decision",
            place,
            "see docs/reference/books.md for its fields, or remove the line",
        )
    decision: dict[str, Any] = value
    return decision


def read(out: Path) -> dict[str, Decision]:
    """Read the decisions, by the SHA-256 of each book's file.

    Raises:
        InputError: A line is not a decision.
    """
    found: dict[str, Decision] = {}
    path = path_of(out)
    if not path.exists():
        return found
    for number, line in jsonl.read(path):
        value = check(line, Place(str(path), number))
        old = found.get(value["digest"], Decision())
        pages = tuple(sorted(set(value.get("pages", []))))
        match value["verdict"]:
            case "pages":
                new = Decision(old.verdict, pages, old.again)
            case "ocr":
                new = Decision(old.verdict, old.pages, pages)
            case "undo":
                new = Decision()
            case verdict:
                new = Decision(verdict, old.pages, old.again)
        found[value["digest"]] = new
    return found


def append(out: Path, value: dict[str, Any]) -> None:
    """Add a decision. It is on the disk when this function returns.

    Raises:
        InputError: The value is not a decision.
    """
    # ASCII: other programs take some characters of a name for the end of a line.
    line = json.dumps(check({"version": 1, **value}))
    with refused(path_of(out), "written"), path_of(out).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _state(verdicts: dict[str, Decision]) -> str:
    whole = sorted((digest, d.verdict, d.pages, d.again) for digest, d in verdicts.items() if d != Decision())
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def mark(out: Path, verdicts: dict[str, Decision]) -> None:
    """Record that `out` was written with these decisions."""
    write(out.with_name(out.name + ".work") / "decided", _state(verdicts))


def pending(out: Path) -> bool:
    """Say whether there are decisions that `out` was not written with."""
    if not path_of(out).exists():
        return False
    marked = out.with_name(out.name + ".work") / "decided"
    return not marked.exists() or marked.read_text() != _state(read(out))
