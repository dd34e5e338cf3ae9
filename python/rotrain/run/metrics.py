"""metrics.jsonl: one JSON object for each log line.

A training line has step, tokens, phase, epoch, mix, loss, lr, grad_norm, flops, seconds, tokens_per_s, mfu, memory_bytes
and joules. An evaluation line has step, tokens, eval and seconds. A spike line has step, tokens, spike and seconds. The
fields of `TIME_FIELDS` depend on the clock and the machine; all others are the same whenever the same run is repeated.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError
from rotrain.files import write_atomic

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
        kept = _lines_upto(path, upto)
        write_atomic(path, b"".join(kept))
        self._file = open(path, "ab", buffering=0)
        self.path = path
        self.seconds = json.loads(kept[-1])["seconds"] if kept else 0.0
        used = [json.loads(line) for line in reversed(kept) if b'"joules"' in line][:1]
        self.joules: float | None = used[0]["joules"] if used else 0.0

    def write(self, line: dict[str, Any]) -> None:
        """Append one line.

        Raises:
            RotrainError: The disk refuses it.
        """
        try:
            self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
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
    """Return all lines of a metrics file."""
    with path.open("rb") as file:
        return [json.loads(line) for line in file]


def _lines_upto(path: Path, step: int) -> list[bytes]:
    if not path.exists():
        return []
    kept = []
    with path.open("rb") as file:
        for line in file:
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
            except (ValueError, KeyError, TypeError):
                break
            kept.append(line)
    return kept
