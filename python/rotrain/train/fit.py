"""`fit`: train a model on a pack."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig
from rotrain.errors import UsageError
from rotrain.progress import Progress
from rotrain.train.configure import make_config
from rotrain.train.loop import run_training
from rotrain.train.sweep import best_rate, reuse_sweep_run, run_sweep


@dataclass(frozen=True)
class FitResult:
    """A finished run.

    Attributes:
        run: Its directory.
        steps: Steps that were done.
        tokens: Tokens that were trained on.
        loss: Loss of the last logged step in nats per token.
        eval: Held-out scores by phase: bpb, ppl, loss, tokens and bytes.
        samples: Texts that the model wrote: temperature, prompt and text.
        record: The whole summary, as summary.json has it.
    """

    run: Path
    steps: int
    tokens: int
    loss: float
    eval: dict[str, dict[str, float]]
    samples: list[dict[str, str]] = field(repr=False)
    record: dict[str, Any] = field(repr=False)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> FitResult:
        """Return the result that a summary describes."""
        return cls(
            run=Path(record["run"]),
            steps=record["steps"],
            tokens=record["tokens"],
            loss=record["loss"],
            eval=record["eval"],
            samples=record["samples"],
            record=record,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the summary, as `rotrain fit --json` prints it."""
        return self.record


@dataclass(frozen=True)
class SweepResult:
    """The same run at several learning rates.

    Attributes:
        out: Folder of the sweep.
        best_lr: The rate with the lowest held-out bits per byte.
        at_edge: Whether the best rate is the lowest or the highest: a better one may lie beyond it.
        rows: One row for each rate.
        record: The whole result, as sweep.json has it.
    """

    out: Path
    best_lr: float
    at_edge: bool
    rows: list[dict[str, Any]]
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain fit --sweep-lr --json` prints it."""
        return self.record


def fit(
    config: FitConfig | None = None,
    progress: Progress | None = None,
    *,
    arch: str | None = None,
    size: str | None = None,
    data: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    curriculum: str | None = None,
    begin_from: str | None = None,
    file: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    lr_of: str | PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    track: Sequence[str] = (),
) -> FitResult:
    """Train a model on a pack. The same call again continues where it stopped.

    Give a `FitConfig`, or the options from which `make_config` makes one.

    Args:
        config: The configuration. The options from `arch` to `settings` must then be left out.
        progress: Receives messages, metrics and evaluations.
        arch: See `make_config`.
        size: See `make_config`.
        data: See `make_config`.
        out: See `make_config`.
        steps: See `make_config`.
        seed: See `make_config`.
        curriculum: See `make_config`.
        begin_from: See `make_config`.
        file: See `make_config`.
        settings: See `make_config`.
        lr_of: Folder of a sweep whose best rate the run takes. If the sweep has the same run, it is copied.
        resume: Continue the run in `out`. It is an error if there is none.
        force: Start a run that trains its last phase at a rate near zero.
        track: Trackers that receive the metrics too: tensorboard, trackio or wandb.

    Returns:
        The finished run.

    Raises:
        UsageError: An option is wrong.
        RotrainError: The run cannot start or continue, or it diverged.
        Stopped: SIGTERM or SIGINT came. Everything is saved.

    Examples:
        >>> result = fit(arch="mamba2", size="nano", data="pack", steps=2, settings={"context": 32})
        >>> result.run.as_posix(), result.steps, sorted(result.eval)
        ('runs/mamba2-nano', 2, ['books', 'web'])
    """
    options: dict[str, Any] = {
        "arch": arch,
        "size": size,
        "data": data,
        "out": out,
        "steps": steps,
        "seed": seed,
        "curriculum": curriculum,
        "begin_from": begin_from,
        "file": file,
        "settings": settings,
    }
    if config is not None:
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise UsageError(
                f"a configuration and options are both given: {', '.join(given)}",
                hint="change the configuration with its model_copy(update=...), or leave it out",
            )
    else:
        config = make_config(**options)
    if lr_of is not None:
        if settings is not None and "optim.lr" in settings:
            raise UsageError("lr_of and optim.lr are both given", hint="remove one of them")
        rate = best_rate(Path(lr_of))
        config = config.model_copy(update={"optim": config.optim.model_copy(update={"lr": rate})})
        if os.environ.get("RANK", "0") == "0":  # under torchrun, one process copies
            reuse_sweep_run(Path(lr_of), config)
    record = run_training(config, progress, must_exist=resume, force=force, track=tuple(track))
    return FitResult.from_record(record)


def sweep(
    config: FitConfig,
    rates: Sequence[float],
    progress: Progress | None = None,
    *,
    force: bool = False,
    track: Sequence[str] = (),
) -> SweepResult:
    """Train the same run at several learning rates and find the best one.

    Args:
        config: The configuration; `config.out` is the folder of the sweep.
        rates: Learning rates.
        progress: Receives messages, metrics and evaluations.
        force: Start runs that train their last phase at a rate near zero.
        track: Trackers that receive the metrics too.

    Raises:
        RotrainError: Every rate diverged, or a run cannot start.

    Examples:
        >>> config = make_config(
        ...     arch="llama-mha", size="nano", data="pack", out="sweep", steps=2, settings={"context": 32}
        ... )
        >>> result = sweep(config, [1e-6, 3e-3])
        >>> result.best_lr, result.at_edge
        (0.003, True)
    """
    record = run_sweep(
        config, list(rates), lambda one: run_training(one, progress, force=force, track=tuple(track))
    )
    return SweepResult(
        out=Path(record["out"]),
        best_lr=record["best_lr"],
        at_edge=record["at_edge"],
        rows=record["rows"],
        record=record,
    )
