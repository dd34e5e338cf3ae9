"""What of a run must be equal: all of it, but the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rotrain.files import read_record
from rotrain.run.metrics import TIME_FIELDS, read_metrics


def metrics_without_time(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the fields that depend on the clock."""
    lines = read_metrics(run / "metrics.jsonl")
    return [{key: value for key, value in line.items() if key not in TIME_FIELDS} for line in lines]


# Where a run lies, and when it ran.
_ITS_OWN = ("run", "average", *TIME_FIELDS)


def content(run: Path) -> dict[str, Any]:
    """Everything a finished run holds: metrics, samples, summary, and the bytes of checkpoints."""
    summary = read_record(run / "summary.json")
    files = sorted(
        path
        for folder in ("checkpoints", "average/checkpoints")
        for path in (run / folder).rglob("*")
        if path.is_file()
    )
    assert files
    return {
        "metrics": metrics_without_time(run),
        "samples": (run / "samples.jsonl").read_bytes(),
        "summary": {key: value for key, value in summary.items() if key not in _ITS_OWN},
        "tokenizer": (run / "tokenizer.json").read_bytes(),
        "checkpoints": {str(path.relative_to(run)): path.read_bytes() for path in files},
    }
