"""metrics.jsonl: one JSON object for each log line, with a checksum as its last field.

A training line has step, tokens, phase, epoch, mix, loss, lr, grad_norm, flops, seconds, tokens_per_s, mfu, memory_bytes
and joules. An evaluation line has step, tokens, eval and seconds. A spike line has step, tokens, spike and seconds. The
fields of `TIME_FIELDS` depend on the clock and the machine; all others are the same whenever the same run is repeated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, reason, system_hint
from rotrain.files import open_line, seal_line, write_atomic

TIME_FIELDS = ("seconds", "tokens_per_s", "mfu", "memory_bytes", "joules")


class MetricsLog:
    """An open metrics file.

    The system has a line when `write` returns; the disk has it after `sync`.

    Args:
        path: The file.
        upto: Step at which the run is. Lines of later steps and an incomplete line are removed.

    Attributes:
        seconds: Training time of the earlier parts of the run.
        joules: Energy of the earlier parts; None where a part had no counter.
    """

    def __init__(self, path: Path, *, upto: int) -> None:
        kept = _lines_upto(path, upto) if path.exists() else []
        write_atomic(path, b"".join(kept))
        self._file = open(path, "ab", buffering=0)
        self.path = path
        self.seconds = open_line(kept[-1])["seconds"] if kept else 0.0
        used = [open_line(line) for line in reversed(kept) if b'"joules"' in line][:1]
        self.joules: float | None = used[0]["joules"] if used else 0.0

    def write(self, line: dict[str, Any]) -> None:
        """Append one line.

        Raises:
            RotrainError: The disk refuses it.
        """
        try:
            left = memoryview(seal_line(line))
            while left:  # a disk that is nearly full may take a part of it
                left = left[self._file.write(left) :]
        except OSError as error:
            raise RotrainError(
                f"the log could not be written: {error.strerror}",
                place=self.path,
                hint="free disk space; the same command continues from the newest checkpoint",
            ) from None

    def sync(self) -> None:
        """Force the lines to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return all lines of a metrics file.

    Raises:
        RotrainError: The file cannot be read, or a line is damaged.
    """
    return [found for _, found in _lines(path)]


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each line and what it says."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield line, _open(line, f"{path}:{number}")
    except OSError as error:
        raise RotrainError(
            f"cannot read the log: {error.strerror}", place=path, hint=system_hint(error)
        ) from None


def _open(line: bytes, place: str) -> dict[str, Any]:
    try:
        found = open_line(line)
        _check(found)
    except (ValueError, KeyError, TypeError) as error:
        raise RotrainError(
            f"the line is damaged: {reason(error)}",
            place=place,
            hint="restore the file from a copy, or remove the line: a report then lacks a point",
        ) from None
    return found


def _check(line: dict[str, Any]) -> None:
    """Check the fields that every line has, and that the figures of its kind are figures."""
    number = (int, float)
    kinds: dict[str, type | tuple[type, ...]] = {"step": int, "tokens": int, "seconds": number}
    if "loss" in line:
        kinds |= {"loss": (*number, type(None)), "lr": number}  # a loss that is not finite is null
    elif "eval" in line:
        kinds["eval"] = dict
    elif "spike" in line:
        kinds["spike"] = dict
    else:
        raise ValueError("it has no loss, no eval and no spike")
    for key, kind in kinds.items():
        if not isinstance(line[key], kind) or isinstance(line[key], bool):
            raise ValueError(f"{key} is {line[key]!r}")


def _lines_upto(path: Path, step: int) -> list[bytes]:
    """Return the lines up to a step. A kill may have cut the last line; nothing else may be damaged."""
    kept: list[bytes] = []
    try:
        for line, found in _lines(path):
            if found["step"] > step:
                break
            kept.append(line if line.endswith(b"\n") else line + b"\n")
    except RotrainError:
        with path.open("rb") as file:
            after = file.read()[sum(map(len, kept)) :]
        # A line is one write, so what a kill cut has no end; what a power failure cut has zeros.
        if b"\n" in after and b"\0" not in after:
            raise
    return kept
