"""Write files so that they appear complete or not at all, and notice when their bytes changed.

A record is a JSON object with a seal, the hash of all its other fields. A disk or a hand that changes a digit is noticed
when the record is read. Records of older versions have no seal and are read too.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, reason, system_hint


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader sees the old file or the new one, even after a kill at any moment.

    The bytes go to a temporary name in the same directory and are forced to the disk. One rename gives them the final
    name. The directory is forced to the disk too: otherwise a power failure could lose the rename.

    Args:
        path: The file.
        data: The content. Text is written as UTF-8.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomic(Path(folder) / "a.txt", "mâine")
        ...     (Path(folder) / "a.txt").read_bytes()
        b'm\\xc3\\xa2ine'
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        # What the command line shows is the file that the user knows. A failed write names none.
        temporary.unlink(missing_ok=True)
        error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def new_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `out`, which gets the name `out` when the block ends. After an error nothing is left.

    Args:
        out: The folder to make. It must not exist, except with `replace`.
        replace: An older folder is replaced: there is one at each moment, where the file system can exchange two names.

    Raises:
        RotrainError: The disk refuses something.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as space:
        ...     with new_folder(Path(space) / "made") as folder:
        ...         _ = (folder / "a").write_text("b")
        ...     (Path(space) / "made" / "a").read_text()
        'b'
    """
    if replace:
        out = Path(os.path.realpath(out))  # of a link, the folder is replaced and not the link
    temporary = out.with_name(f".{out.name}.tmp")
    with writing(out):
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            sync_directory(temporary)
            if replace and out.exists() and _exchange(temporary, out):
                sync_directory(out.parent)
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                _rename_aside(temporary, out, replace=replace)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _exchange(first: Path, second: Path) -> bool:
    """Return whether two folders exchanged their names in one step. Linux can do so on most file systems."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return (
        renameat2 is not None
        and renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0
    )


def _rename_aside(new: Path, out: Path, *, replace: bool) -> None:
    """Give the folder `new` the name `out`. An older folder is `.NAME.old` until then, and gets its name back if that fails."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if replace and out.exists():
        os.rename(out, old)
    try:
        os.rename(new, out)
    except OSError:
        if old.exists():
            os.rename(old, out)
        raise
    sync_directory(out.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """Give a temporary name beside `out`, which becomes `out` when the block ends. After an error nothing is left.

    Args:
        out: The file to make. One that is there is replaced.

    Raises:
        RotrainError: The disk refuses something.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as space:
        ...     with new_file(Path(space) / "made") as file:
        ...         _ = file.write_text("b")
        ...     (Path(space) / "made").read_text()
        'b'
    """
    temporary = out.with_name(f".{out.name}.part")
    with writing(out):
        try:
            yield temporary
            os.replace(temporary, out)
            sync_directory(out.parent)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink()
            if isinstance(error, RotrainError) and error.place == str(temporary):
                raise RotrainError(error.what, place=out, hint=error.hint) from None
            raise


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what a disk refuses into one sentence about `out`.

    Raises:
        RotrainError: The disk refused.
    """
    try:
        yield
    except OSError as error:
        raise RotrainError(
            f"it cannot be written: {reason(error)}", place=out, hint=system_hint(error)
        ) from None


def read_file(path: Path) -> bytes:
    """Return the bytes of a file. An error of the disk while it is read names the file, as one of opening it does.

    Raises:
        OSError: The file cannot be read.

    Examples:
        >>> read_file(Path("/dev/null"))
        b''
    """
    try:
        return path.read_bytes()
    except OSError as error:
        error.filename = str(path)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON in UTF-8, complete or not at all."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


SEAL, CHECKSUM = "seal", "crc"


def parse_json(data: bytes) -> Any:
    """Return the value of JSON in UTF-8.

    Raises:
        ValueError: It is not JSON, or it is nested too deep.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the hash of its fields.

    Examples:
        >>> open_record(json.dumps(seal({"loss": 2.5})).encode())
        {'loss': 2.5}
    """
    fields = {key: value for key, value in record.items() if key != SEAL}
    # A tuple becomes a list, and a number that is a key becomes text, as the reader will find them.
    return fields | {SEAL: _digest(json.loads(json.dumps(fields)))}


def open_record(data: bytes) -> dict[str, Any]:
    """Return the fields of a record, without the seal.

    Raises:
        ValueError: This is not a JSON object, or it changed after it was written.
    """
    record = parse_json(data)
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    expected = record.pop(SEAL, None)
    if expected is None:
        _refuse_renamed(record, SEAL, 32)
    elif expected != _digest(record):
        raise ValueError("it changed after it was written (its seal differs)")
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a record with its seal, complete or not at all."""
    write_json(path, seal(record))


def read_record(path: Path) -> dict[str, Any]:
    """Read a record. See `open_record`.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged.
    """
    return open_record(read_file(path))


def seal_line(record: dict[str, Any]) -> bytes:
    """Return a record as one line of JSON, with a checksum as its last field.

    Examples:
        >>> open_line(seal_line({"step": 3}))
        {'step': 3}
    """
    line = json.dumps(record, ensure_ascii=False)
    return f'{line[:-1]}, "crc": "{zlib.crc32(line.encode()):08x}"}}\n'.encode()


def open_line(line: bytes) -> dict[str, Any]:
    """Return the fields of one line, without the checksum. Lines of older versions have none.

    Raises:
        ValueError: This is not a JSON object, or it changed after it was written.
    """
    record = parse_json(line)
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    expected = record.pop(CHECKSUM, None)
    if expected is None:
        _refuse_renamed(record, CHECKSUM, 8)
    else:
        written = line.rstrip(b"\n")[: -len(b', "crc": "00000000"}')] + b"}"
        if expected != f"{zlib.crc32(written):08x}":
            raise ValueError("it changed after it was written (its checksum differs)")
    return record


def _refuse_renamed(record: dict[str, Any], name: str, digits: int) -> None:
    """Refuse a hash under a name of the same length: the damage is in the name."""
    for key, value in record.items():
        if len(key) == len(name) and isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            raise ValueError(f"it changed after it was written ({key!r} is {name!r}, damaged)")


def _digest(fields: dict[str, Any]) -> str:
    # What counts is the value: the spaces of the file may change.
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def sync_file(path: Path) -> None:
    """Force a file that is already written to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        error.filename = str(path)
        raise


def sync_directory(path: Path) -> None:
    """Force the names in a directory to the disk. This does nothing on systems other than POSIX, which lack this call."""
    if os.name == "posix":
        sync_file(path)


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file. The file is read in parts, so a large file takes little memory."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        error.filename = str(path)
        raise
