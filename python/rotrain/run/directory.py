"""A run directory: what the run is, whether it may continue, and its files.

config.json      the resolved configuration, the model's shape, the identity of the data, the machine
tokenizer.json   a copy: `generate` and `export` need nothing but the run directory
metrics.jsonl    see metrics.py
checkpoints/     see checkpoint.py
samples.jsonl    texts that the finished model wrote
summary.json     the result; it is written last, so a run that has it is finished
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig, ModelConfig, flatten
from rotrain.data.pack import Pack
from rotrain.errors import RotrainError, reason, system_hint
from rotrain.files import read_file, read_record, sha256_file, write_atomic, write_record

FORMAT, VERSION = "rotrain-run", 1

COPY_TOKENIZER = "copy tokenizer.json again from the pack of the run"

# Keys that may change between the parts of a run: they move files, describe the machine or say how much is measured. They
# do not change what is learned. `batch.micro` adds the same gradients in another order, so only the last bits differ: a run
# that was out of memory, or moved to a smaller GPU, continues.
MUTABLE_KEYS = {
    "data",
    "out",
    "checkpoint.every",
    "checkpoint.keep",
    "checkpoint.keep_every",
    "batch.micro",
    "evaluation.every",
    "evaluation.prompt",
    "evaluation.sample_tokens",
    "runtime.deterministic",
    "runtime.peak_tflops",
    "runtime.parallel",
}


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run by name.

    Attributes:
        path: The directory. It need not exist.

    Examples:
        >>> RunDirectory(Path("runs/nano")).summary.as_posix()
        'runs/nano/summary.json'
    """

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
        """Texts that the finished model wrote."""
        return self.path / "samples.jsonl"

    @property
    def summary(self) -> Path:
        """The result of a finished run."""
        return self.path / "summary.json"

    def read_config(self) -> dict[str, Any] | None:
        """Return the content of config.json, or None where no run has started.

        Raises:
            RotrainError: The file is not the configuration of a run.
        """
        try:
            record = read_record(self.config)
            if record["format"] != FORMAT or record["version"] != VERSION:
                raise ValueError(f"format {record['format']} {record['version']}")
            record.setdefault("from", None)  # the first runs had no branches
            ModelConfig.model_validate(record["model"])
            FitConfig.model_validate(record["config"])
            data = record["data"]
            if not isinstance(data["eos_id"], int) or not 0 <= data["eos_id"] < record["model"]["vocab_size"]:
                raise ValueError(f"data.eos_id is {data['eos_id']!r}, which is no token of the vocabulary")
            if not isinstance(data["manifest_sha256"], str) or not isinstance(record["machine"], dict):
                raise ValueError("data or machine is of another type")
            return record
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RotrainError(
                f"this is not the configuration of a run: {reason(error)}",
                place=self.config,
                hint="restore the file from a copy, or choose another --out",
            ) from None

    def read_summary(self) -> dict[str, Any] | None:
        """Return the summary of a finished run, or None."""
        try:
            summary = read_record(self.summary)
            missing = [key for key in ("run", "arch", "parameters", "steps", "eval") if key not in summary]
            if missing:
                raise ValueError(f"there is no {missing[0]}")
            return summary
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RotrainError(
                f"the summary is damaged: {reason(error)}",
                place=self.summary,
                hint="remove it; the same `rotrain fit` writes it again",
            ) from None

    def check_tokenizer(self, record: dict[str, Any]) -> None:
        """Compare tokenizer.json with the hash in config.json.

        Raises:
            RotrainError: It cannot be read, or it is another one.
        """
        try:
            digest = sha256_file(self.tokenizer)
        except OSError as error:
            raise RotrainError(
                f"cannot read the tokenizer: {error.strerror}", place=self.tokenizer, hint=COPY_TOKENIZER
            ) from None
        if digest != record["data"].get("tokenizer_sha256", digest):
            raise RotrainError(
                "this is not the tokenizer that the run was started with (its hash differs)",
                place=self.tokenizer,
                hint=COPY_TOKENIZER,
            )

    def check_empty(self) -> None:
        """Refuse a directory that is not empty. What a kill just before the start of a run leaves is allowed.

        Raises:
            RotrainError: There is a file that no run leaves.
        """
        foreign = [item.name for item in self.path.iterdir() if item.name not in _MAY_PRECEDE]
        if "checkpoints" in foreign and self.checkpoints.is_dir():
            inside = [item.name for item in self.checkpoints.iterdir()]
            foreign.remove("checkpoints")
            foreign += [f"checkpoints/{name}" for name in inside if name not in _BRANCH_MAY_LEAVE]
        if foreign:
            raise RotrainError(
                f"the directory is not empty and holds no run (there is {sorted(foreign)[0]})",
                place=self.path,
                hint="choose another --out",
            )

    def create(
        self,
        config: FitConfig,
        model: dict[str, Any],
        pack: Pack,
        machine: dict[str, Any],
        origin: dict[str, Any] | None = None,
        started: dict[str, Any] | None = None,
    ) -> None:
        """Record a new run. config.json comes last: with it, the run has started.

        Args:
            config: The resolved configuration.
            model: Shape of the model.
            pack: The data.
            machine: What the bits of the run depend on.
            origin: Where a branch started; its checkpoint of step 0 is already there.
            started: When, where and with which command the run started. Nothing depends on it.
        """
        write_atomic(self.tokenizer, read_file(pack.tokenizer_file))
        write_record(
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
                "started": started or {},
                "from": origin,
            },
        )

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Record the result. The run is then finished."""
        write_record(self.summary, summary)

    def check_same_run(self, record: dict[str, Any], config: FitConfig, pack: Pack) -> None:
        """Refuse to continue with another configuration or other data.

        Args:
            record: The content of config.json.
            config: The configuration to continue with.
            pack: The data to continue with.

        Raises:
            RotrainError: They differ; the message names the keys.
        """
        self.check_tokenizer(record)
        # Validation gives a key that did not exist when the run started its default.
        started = FitConfig.model_validate(record["config"])
        there, here = (flatten(config.model_dump(mode="json")) for config in (started, config))
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
                f"this run was started with other options: {'; '.join(differing)}",
                place=self.path,
                hint=self._other_options_hint(there.get("steps"), here.get("steps")),
            )
        if record["data"]["manifest_sha256"] != pack.digest:
            raise RotrainError(
                f"this run was started with another pack than {pack.path} (the manifests differ)",
                place=self.path,
                hint="give the same --data to continue, or another --out for a new run",
            )

    def _other_options_hint(self, there: object, here: object) -> str:
        if isinstance(there, int) and isinstance(here, int) and here > there:
            return f"to train further, branch from it: --from {self.path} --steps {here - there}, and another --out"
        return "give the same options to continue, or another --out for a new run"


# A branch copies its start before it is a run (branch.py).
_BRANCH_MAY_LEAVE = {"step-000000", ".step-000000.tmp"}
_MAY_PRECEDE = {".lock", ".tokenizer.json.tmp", "tokenizer.json", ".config.json.tmp"}


# What a file system without locks answers.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_LOCK_HINT = "locks keep two runs apart: write to another file system, or set ROTEXT_NO_LOCKS=1 if no other run writes there"


@contextmanager
def lock_run(run: RunDirectory) -> Iterator[None]:
    """Make the directory and lock it: two processes must not write one run.

    The lock belongs to the process. The system releases it when the process ends, however it ends.

    Raises:
        RotrainError: Another process has the lock, or the directory cannot be written.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock = open(run.path / ".lock", "ab")
    except OSError as error:
        raise RotrainError(
            f"cannot write the run directory: {reason(error)}", place=run.path, hint=system_hint(error)
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotrainError(
                "another process is training in this directory",
                place=run.path,
                hint="wait for it, or choose another --out",
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS or os.environ.get("ROTEXT_NO_LOCKS") != "1":
                raise RotrainError(
                    f"the directory cannot be locked: {reason(error)}",
                    place=run.path,
                    hint=_LOCK_HINT if error.errno in _NO_LOCKS else system_hint(error),
                ) from None
        yield
