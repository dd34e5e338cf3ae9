"""Trackers beside metrics.jsonl: TensorBoard, trackio and W&B, each only when asked for and installed.

They get what the log gets, as flat numbers by step, and are never read: resume and reports rest on
metrics.jsonl alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import sys
from typing import Any, Protocol

from rotrain.config import FitConfig, flatten
from rotrain.errors import RotrainError, UsageError, install
from rotrain.run.directory import RunDirectory

NAMES = ("tensorboard", "trackio", "wandb")


class Tracker(Protocol):
    """Where lines of the log go as well."""

    def log(self, line: dict[str, Any]) -> None:
        """A line of the log."""

    def close(self) -> None:
        """There are no more."""


def check_trackers(names: tuple[str, ...]) -> None:
    """An unknown or missing tracker is an error before anything begins."""
    for name in names:
        if name not in NAMES:
            raise UsageError(f"there is no tracker {name!r}", hint=f"trackers are: {', '.join(NAMES)}")
        _load(name)


def open_trackers(names: tuple[str, ...], run: RunDirectory, config: FitConfig) -> list[Tracker]:
    """The trackers called `names`."""
    return [TensorBoard(run) if name == "tensorboard" else Service(name, run, config) for name in names]


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """The numbers of a line by dotted name, without the step itself."""
    return {
        key: float(value)
        for key, value in flatten(line).items()
        if isinstance(value, int | float) and key != "step"
    }


class TensorBoard:
    """Event files in the run directory; `tensorboard --logdir runs` shows all runs beside each other."""

    def __init__(self, run: RunDirectory) -> None:
        module = _load("tensorboard")
        self._writer = module.SummaryWriter(log_dir=str(run.path / "tensorboard"))

    def log(self, line: dict[str, Any]) -> None:
        for name, value in scalars(line).items():
            self._writer.add_scalar(name.replace(".", "/"), value, line["step"])

    def close(self) -> None:
        self._writer.close()


class Service:
    """W&B, or trackio, which has the same args. One run directory is one run there, resumed or not."""

    def __init__(self, name: str, run: RunDirectory, config: FitConfig) -> None:
        self._module = _load(name)
        identity = hashlib.sha256(str(run.path.resolve()).encode()).hexdigest()[:16]
        args: dict[str, Any] = {
            "project": "rotrain",
            "name": run.path.name,
            "config": flatten(config.model_dump(mode="json")),
            "resume": "allow",
        }
        if name == "wandb":
            args |= {"id": identity, "dir": str(run.path)}
        with _no_data_on_stdout():
            self._module.init(**args)

    def log(self, line: dict[str, Any]) -> None:
        self._module.log(scalars(line), step=line["step"])

    def close(self) -> None:
        with _no_data_on_stdout():
            self._module.finish()


def _no_data_on_stdout() -> contextlib.AbstractContextManager[object]:
    """Standard output is for the result: what a service has to say goes where everything else goes."""
    return contextlib.redirect_stdout(sys.stderr)


def _load(name: str) -> Any:
    try:
        return importlib.import_module("torch.utils.tensorboard" if name == "tensorboard" else name)
    except ImportError:
        raise RotrainError(
            f"--track {name} needs the package {name}, which is not installed",
            hint=f"pip install {name}, or all trackers: {install('track')}",
        ) from None
