"""Read JSON Lines. A line ends with `\\n` and with nothing else: a text may contain U+2028, U+0085 or any other separator."""

import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from rotools.errors import InputError, Place

__all__ = ["read"]


def read(path: str | PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Read the values of a file, with the number of each line. Empty lines are skipped.

    Raises:
        InputError: A line is not JSON in UTF-8.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = file.write_text('{"id": "a\\u2028b"}\\n\\n7\\n', encoding="utf-8")
        >>> list(read(file))
        [(1, {'id': 'a\\u2028b'}), (3, 7)]
    """
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                place = Place(str(path), number)
                raise InputError("the line is not JSON", place, "correct the line, or remove it") from None
            yield number, value
