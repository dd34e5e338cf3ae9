"""What this machine found out once, in a small sealed file: `~/.cache/rotrain/micro.json` (`XDG_CACHE_HOME` moves it).

The file saves a search and decides nothing else. A file that is damaged or cannot be written costs a new search.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from rotrain.files import read_record, write_record

FORMAT = "rotrain-micro"


def memory_file() -> Path:
    """Return the file of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rotrain" / "micro.json"


def recall(key: str, path: Path | None = None) -> int | None:
    """Return the number that was remembered for `key`, or None.

    Args:
        key: What the number depends on.
        path: The file. Default: `memory_file()`.
    """
    try:
        record = read_record(path or memory_file())
        value = record["found"][key] if record["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, int) and value > 0 else None


def remember(key: str, value: int, path: Path | None = None) -> None:
    """Remember a number for `key`.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     remember("a card, llama-gqa 300m", 8, Path(folder) / "micro.json")
        ...     recall("a card, llama-gqa 300m", Path(folder) / "micro.json")
        8
    """
    path = path or memory_file()
    try:
        record = read_record(path)
        found = record["found"] if record["format"] == FORMAT and isinstance(record["found"], dict) else {}
    except (OSError, ValueError, KeyError):
        found = {}
    with contextlib.suppress(OSError):  # a home that cannot be written
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, {"format": FORMAT, "found": found | {key: value}})
