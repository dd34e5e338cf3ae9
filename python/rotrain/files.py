"""Write files so that they appear complete or not at all, and compute their hashes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader sees the old file or the new one, even after a kill at any moment.

    The bytes go to a temporary name in the same directory and are forced to the disk. One rename gives them the final
    name. The directory is forced to the disk too: otherwise a power failure could lose the rename.

    Args:
        path: The file.
        data: The content. Text is written as UTF-8.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomic(Path(folder) / "a.txt", "mâine")
        ...     (Path(folder) / "a.txt").read_bytes()
        b'm\\xc3\\xa2ine'
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON in UTF-8, complete or not at all."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sync_file(path: Path) -> None:
    """Force a file that is already written to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Force the names in a directory to the disk. This does nothing on systems other than POSIX, which lack this call."""
    if os.name == "posix":
        sync_file(path)


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file. The file is read in parts, so a large file takes little memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
