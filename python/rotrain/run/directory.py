"""A run directory: what the run is, whether it may go on, and its files.

config.json      the resolved configuration, the model's shape, the data's identity, the machine
tokenizer.json   a copy: a run directory is all that `generate` and `export` need
metrics.jsonl    see metrics.py
checkpoints/     see checkpoint.py
samples.jsonl    texts the finished model wrote
summary.json     the result; it is written last, so a run that has it is finished
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig, flatten
from rotrain.data.pack import Pack
from rotrain.errors import RotrainError
from rotrain.files import sha256_file, write_atomic, write_json

FORMAT, VERSION = "rotrain-run", 1

# Keys that may change between the parts of a run: they move files or describe, and change
# neither weights nor metrics (the clock's fields aside).
MUTABLE_KEYS = {
    "data",
    "out",
    "checkpoint.every",
    "checkpoint.keep",
    "checkpoint.keep_every",
    "runtime.peak_tflops",
    "runtime.parallel",
}


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run by name."""

    path: Path

    @property
    def config(self) -> Path:
        """What the run is."""
        return self.path / "config.json"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of its pack."""
        return self.path / "tokenizer.json"

    @property
    def metrics(self) -> Path:
        """Its log lines."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """What the finished model wrote."""
        return self.path / "samples.jsonl"

    @property
    def summary(self) -> Path:
        """The result of a finished run."""
        return self.path / "summary.json"

    def read_config(self) -> dict[str, Any] | None:
        """The content of config.json, or None where no run has begun."""
        try:
            record: dict[str, Any] = json.loads(self.config.read_bytes())
            if record["format"] != FORMAT or record["version"] != VERSION:
                raise ValueError(f"format {record['format']} {record['version']}")
            record.setdefault("from", None)  # runs of before there were branches
            return record
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RotrainError(
                f"this is no configuration of a run: {error}", place=self.config, hint="take another --out"
            ) from None

    def read_summary(self) -> dict[str, Any] | None:
        """The summary of a finished run, or None."""
        try:
            summary: dict[str, Any] = json.loads(self.summary.read_bytes())
            return summary
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RotrainError(f"cannot read the summary: {error}", place=self.summary) from None

    def check_empty(self) -> None:
        """Refuse a directory with anything in it but what a kill right before a run's beginning leaves."""
        foreign = [item.name for item in self.path.iterdir() if item.name not in _MAY_PRECEDE]
        if "checkpoints" in foreign and self.checkpoints.is_dir():
            inside = [item.name for item in self.checkpoints.iterdir()]
            foreign.remove("checkpoints")
            foreign += [f"checkpoints/{name}" for name in inside if name not in _BRANCH_MAY_LEAVE]
        if foreign:
            raise RotrainError(
                f"the directory is not empty and holds no run (there is {sorted(foreign)[0]})",
                place=self.path,
                hint="take another --out",
            )

    def create(
        self,
        config: FitConfig,
        model: dict[str, Any],
        pack: Pack,
        machine: dict[str, Any],
        origin: dict[str, Any] | None = None,
    ) -> None:
        """Record a new run. config.json comes last: with it, the run has begun.

        `origin` is where a branch began; its checkpoint of step 0 is there already.
        """
        write_atomic(self.tokenizer, pack.tokenizer_file.read_bytes())
        write_json(
            self.config,
            {
                "format": FORMAT,
                "version": VERSION,
                "config": config.model_dump(mode="json"),
                "model": model,
                "data": {
                    "manifest_sha256": pack.digest,
                    "tokenizer_sha256": sha256_file(self.tokenizer),
                    "eos_id": pack.eos_id,
                },
                "machine": machine,
                "from": origin,
            },
        )

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Record the result: the run is finished."""
        write_json(self.summary, summary)

    def check_same_run(self, record: dict[str, Any], config: FitConfig, pack: Pack) -> None:
        """Refuse to go on with another configuration or other data, naming what differs."""
        # Read as a configuration: a key that did not exist when the run began has its default.
        begun = FitConfig.model_validate(record["config"])
        there, here = (flatten(config.model_dump(mode="json")) for config in (begun, config))
        free = MUTABLE_KEYS
        if config.spikes.policy == "rewind":  # it goes back to a scheduled checkpoint
            free = free - {"checkpoint.every"}
        differing = [
            f"{key} is {there.get(key)!r} there and {here.get(key)!r} here"
            for key in sorted({*there, *here} - free)
            if there.get(key) != here.get(key)
        ]
        if differing:
            raise RotrainError(
                f"this run was begun with another configuration: {'; '.join(differing)}",
                place=self.path,
                hint="give the same words to go on, or another --out for a new run",
            )
        if record["data"]["manifest_sha256"] != pack.digest:
            raise RotrainError(
                f"this run was begun with another pack than {pack.path} (the manifests differ)",
                place=self.path,
                hint="give the same --data to go on, or another --out for a new run",
            )


# A branch copies its beginning before it is one (branch.py).
_BRANCH_MAY_LEAVE = {"step-000000", ".step-000000.tmp"}
_MAY_PRECEDE = {".lock", ".tokenizer.json.tmp", "tokenizer.json", ".config.json.tmp"}


@contextmanager
def lock_run(run: RunDirectory) -> Iterator[None]:
    """Make the directory and hold it: two processes must not write one run.

    The lock is the system's and goes with the process, however that ends.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock = open(run.path / ".lock", "ab")
    except OSError as error:
        raise RotrainError(
            f"cannot write the run directory: {error.strerror}", place=run.path, hint="take another --out"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotrainError(
                "another process is training in this directory",
                place=run.path,
                hint="wait for it, or take another --out",
            ) from None
        yield
