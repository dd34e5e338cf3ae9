"""The same run at several learning rates, and which rate is best.

Each rate has a run directory `lr-<rate>` of its own, so a stopped sweep continues where it was: finished rates are only
read. The best rate has the lowest held-out bits per byte at its end, as the mean over the phases. The order of rates in
the middle of a schedule may reverse when the rate decays (Wen et al. 2025, "Fantastic pretraining optimizers").
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig
from rotrain.data.pack import open_pack
from rotrain.errors import RotrainError, UsageError
from rotrain.files import read_record, write_record
from rotrain.run.directory import RunDirectory


def parse_rates(text: str) -> list[float]:
    """Return the rates of a text, in rising order and without duplicates.

    Raises:
        UsageError: The text is not a list of positive numbers.

    Examples:
        >>> parse_rates("2e-3,1e-3,2e-3")
        [0.001, 0.002]
    """
    try:
        rates = sorted({float(word) for word in text.split(",")})
    except ValueError:
        rates = []
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise UsageError(
            f"--sweep-lr takes learning rates, not {text!r}", hint="for example --sweep-lr 1e-3,2e-3,4e-3"
        )
    return rates


def best_rate(folder: Path) -> float:
    """Return the best rate of the sweep in `folder`.

    Raises:
        RotrainError: There is no finished sweep.
    """
    file = folder / "sweep.json"
    try:
        return float(read_record(file)["best_lr"])
    except OSError:
        raise RotrainError(
            "there is no finished sweep here",
            place=folder,
            hint="make it with `rotrain fit --sweep-lr RATES --out FOLDER`",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise RotrainError(
            "this is not the result of a sweep", place=file, hint="delete it; the same sweep writes it again"
        ) from None


def reuse_sweep_run(folder: Path, config: FitConfig) -> None:
    """Copy the sweep's run at the rate of `config` to `config.out`, if it is the run that `config` describes.

    Training it again would give the same weights. With another seed, other steps or a run that has started, nothing
    happens.
    """
    source, target = RunDirectory(folder / f"lr-{config.optim.lr:g}"), RunDirectory(Path(config.out))
    record, summary = source.read_config(), source.read_summary()
    started = target.path.exists() and any(target.path.iterdir())
    # An average is a run inside the run, and it names the run.
    if record is None or summary is None or started or config.checkpoint.average:
        return
    try:
        source.check_same_run(record, config, open_pack(Path(config.data)))
    except RotrainError:
        return
    copy = RunDirectory(target.path.with_name(f".{target.path.name}.tmp"))
    shutil.rmtree(copy.path, ignore_errors=True)
    shutil.copytree(source.path, copy.path)
    write_record(copy.config, record | {"config": record["config"] | {"out": config.out}})
    copy.write_summary(summary | {"run": config.out})
    if target.path.exists():
        target.path.rmdir()
    os.replace(copy.path, target.path)


def run_sweep(
    config: FitConfig, rates: list[float], train: Callable[[FitConfig], dict[str, Any]]
) -> dict[str, Any]:
    """Train `config` at each rate and write sweep.json.

    Args:
        config: The configuration; `config.out` is the folder of the sweep.
        rates: The rates.
        train: Trains one configuration and returns its summary.

    Returns:
        The content of sweep.json: a row for each rate, and the best rate. A rate that diverges has no score.

    Raises:
        RotrainError: Every rate diverged, or the pack has no held-out text.
    """
    folder = Path(config.out)
    if not any(phase.valid.tokens for phase in open_pack(Path(config.data)).phases):
        raise RotrainError(
            "the pack has no held-out text, so no rate can be called the best",
            place=config.data,
            hint="pack the corpus again with a --valid-share above 0",
        )
    rows = []
    for rate in rates:
        out = str(folder / f"lr-{rate:g}")
        one = config.model_copy(update={"out": out, "optim": config.optim.model_copy(update={"lr": rate})})
        row: dict[str, Any] = {"lr": rate, "run": out, "bpb": None, "loss": None, "spikes": None}
        try:
            summary = train(one)
            bpb = [score["bpb"] for score in summary["eval"].values()]
            row |= {
                "bpb": sum(bpb) / len(bpb),
                "loss": summary["loss"],
                "spikes": summary["spikes"],
                "eval": {name: score["bpb"] for name, score in summary["eval"].items()},
            }
        except RotrainError as error:
            if "diverged" not in error.what:
                raise
            row["failed"] = error.what
        rows.append(row)
    scored = [row for row in rows if row["bpb"] is not None]
    if not scored:
        raise RotrainError("every rate diverged", place=folder, hint="use lower rates")
    best = min(scored, key=lambda row: row["bpb"])
    result = {
        "out": str(folder),
        "arch": config.arch,
        "size": config.size,
        "steps": config.steps,
        "best_lr": best["lr"],
        # A best rate at an end of the range means that a better one may lie beyond it.
        "at_edge": len(rates) > 1 and best["lr"] in (rates[0], rates[-1]),
        "rows": rows,
    }
    write_record(folder / "sweep.json", result)
    return result
