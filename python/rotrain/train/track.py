"""Trackers beside metrics.jsonl: TensorBoard, trackio and W&B. Each is loaded only when it is asked for.

A tracker gets what the log gets, as flat numbers by step. It is never read: resume and reports use metrics.jsonl alone.
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
    """A program that receives the lines of the log."""

    def log(self, line: dict[str, Any]) -> None:
        """Receive a line of the log."""

    def close(self) -> None:
        """Receive the end of the log."""


def check_trackers(names: tuple[str, ...]) -> None:
    """Refuse an unknown or missing tracker before anything starts.

    Raises:
        UsageError: There is no tracker of this name.
        RotrainError: Its package is not installed.
    """
    for name in names:
        if name not in NAMES:
            raise UsageError(f"there is no tracker {name!r}", hint=f"trackers are: {', '.join(NAMES)}")
        _load(name)


def open_trackers(names: tuple[str, ...], run: RunDirectory, config: FitConfig) -> list[Tracker]:
    """Open the trackers called `names` for a run."""
    return [TensorBoard(run) if name == "tensorboard" else HostedTracker(name, run, config) for name in names]


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a line by dotted name, without the step itself.

    Examples:
        >>> scalars({"step": 3, "loss": 2.5, "eval": {"web": {"bpb": 1.5}}, "phase": "web"})
        {'loss': 2.5, 'eval.web.bpb': 1.5}
    """
    return {
        key: float(value)
        for key, value in flatten(line).items()
        if isinstance(value, int | float) and key != "step"
    }


class TensorBoard:
    """Event files in the run directory. `tensorboard --logdir runs` shows all runs beside each other.

    Args:
        run: The run.
    """

    def __init__(self, run: RunDirectory) -> None:
        module = _load("tensorboard")
        self._writer = module.SummaryWriter(log_dir=str(run.path / "tensorboard"))

    def log(self, line: dict[str, Any]) -> None:
        """Write the numbers of a line."""
        for name, value in scalars(line).items():
            self._writer.add_scalar(name.replace(".", "/"), value, line["step"])

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class HostedTracker:
    """W&B, or trackio, which has the same interface. One run directory is one run there, resumed or not.

    Args:
        name: `wandb` or `trackio`.
        run: The run.
        config: Its configuration.
    """

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
        with _stdout_to_stderr():
            self._module.init(**args)

    def log(self, line: dict[str, Any]) -> None:
        """Send the numbers of a line."""
        self._module.log(scalars(line), step=line["step"])

    def close(self) -> None:
        """End the run there."""
        with _stdout_to_stderr():
            self._module.finish()


def _stdout_to_stderr() -> contextlib.AbstractContextManager[object]:
    """Standard output is for the result: the messages of a service go to standard error."""
    return contextlib.redirect_stdout(sys.stderr)


def _load(name: str) -> Any:
    try:
        return importlib.import_module("torch.utils.tensorboard" if name == "tensorboard" else name)
    except ImportError:
        raise RotrainError(
            f"--track {name} needs the package {name}, which is not installed",
            hint=f"pip install {name}, or all trackers: {install('track')}",
        ) from None
