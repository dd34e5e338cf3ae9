"""What a person decided about books: a file beside the output, which every later run replays.

`OUT.decisions.jsonl` has one JSON object a line; of several about one book the last holds. A book is known by the
SHA-256 of its file, so renaming it changes nothing.

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

from rotools.errors import failure

__all__ = ["Decision", "append", "mark", "parse", "path_of", "pending", "read"]

VERDICTS = ("keep", "drop", "pages", "ocr", "undo")


@dataclass(frozen=True)
class Decision:
    """What holds for a book."""

    verdict: str = ""
    """`keep`, `drop`, or nothing where only pages were decided."""
    pages: tuple[int, ...] = ()
    """Pages that go, from 1."""
    again: tuple[int, ...] = ()
    """Pages to read with OCR, from 1."""


def path_of(out: Path) -> Path:
    """The decisions about the books of `out`."""
    return out.with_name(out.name + ".decisions.jsonl")


def parse(line: str, place: str) -> dict[str, Any]:
    """A decision from a line.

    Raises:
        RotoolsError: it is none.
    """
    try:
        value = json.loads(line)
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
        raise failure(f"{place}: no decision", "see docs/books.md for what a line holds, or remove it")
    decision: dict[str, Any] = value
    return decision


def read(out: Path) -> dict[str, Decision]:
    """For each book that was decided about, by the SHA-256 of its file, what holds.

    Raises:
        RotoolsError: a line is no decision.
    """
    found: dict[str, Decision] = {}
    path = path_of(out)
    if not path.exists():
        return found
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        value = parse(line, f"{path}:{number}")
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
    """Adds a decision, on the disk when this returns.

    Raises:
        RotoolsError: it is none.
    """
    line = json.dumps({"version": 1, **value}, ensure_ascii=False)
    parse(line, "the decision")
    with path_of(out).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _state(verdicts: dict[str, Decision]) -> str:
    whole = sorted((digest, d.verdict, d.pages, d.again) for digest, d in verdicts.items() if d != Decision())
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def mark(out: Path, verdicts: dict[str, Decision]) -> None:
    """Notes that `out` was written by these decisions."""
    (out.with_name(out.name + ".work") / "decided").write_text(_state(verdicts))


def pending(out: Path) -> bool:
    """Are there decisions that `out` was not written by?"""
    if not path_of(out).exists():
        return False
    marked = out.with_name(out.name + ".work") / "decided"
    return not marked.exists() or marked.read_text() != _state(read(out))
