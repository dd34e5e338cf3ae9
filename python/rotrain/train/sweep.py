"""The same run at several learning rates, and which is best.

Each rate is a run directory `lr-<rate>` of its own, so a sweep that was stopped goes on where it was:
finished rates are only read. The best has the lowest held-out bits per byte at its end, as the mean
over the phases: rankings in the middle of a schedule turn round when the rate decays (Wen et al. 2025,
"Fantastic pretraining optimizers").
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig
from rotrain.data.pack import open_pack
from rotrain.errors import RotrainError, UsageError
from rotrain.files import write_json
from rotrain.run.directory import RunDirectory


def parse_rates(text: str) -> list[float]:
    """The rates of `1e-3,2e-3`, rising and without doubles."""
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
    """The best rate of the sweep in `folder`."""
    file = folder / "sweep.json"
    try:
        return float(json.loads(file.read_bytes())["best_lr"])
    except OSError:
        raise RotrainError(
            "there is no finished sweep here",
            place=folder,
            hint="make it with `rotrain fit --sweep-lr RATES --out FOLDER`",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise RotrainError(
            "this is no result of a sweep", place=file, hint="delete it; the same sweep writes it again"
        ) from None


def adopt(folder: Path, config: FitConfig) -> None:
    """Copy the sweep's own run at the rate of `config` to its place, where it is the run that `config` describes.

    Trained again it would have the same weights. Another seed, other steps, a begun run: nothing is done.
    """
    source, target = RunDirectory(folder / f"lr-{config.optim.lr:g}"), RunDirectory(Path(config.out))
    record, summary = source.read_config(), source.read_summary()
    begun = target.path.exists() and any(target.path.iterdir())
    # An average is a run inside the run, and names it.
    if record is None or summary is None or begun or config.checkpoint.average:
        return
    try:
        source.check_same_run(record, config, open_pack(Path(config.data)))
    except RotrainError:
        return
    copy = RunDirectory(target.path.with_name(f".{target.path.name}.tmp"))
    shutil.rmtree(copy.path, ignore_errors=True)
    shutil.copytree(source.path, copy.path)
    write_json(copy.config, record | {"config": record["config"] | {"out": config.out}})
    copy.write_summary(summary | {"run": config.out})
    if target.path.exists():
        target.path.rmdir()
    os.replace(copy.path, target.path)


def sweep(
    config: FitConfig, rates: list[float], train: Callable[[FitConfig], dict[str, Any]]
) -> dict[str, Any]:
    """Train `config` at each rate by `train`; returns and writes (sweep.json) a row a rate and the best.

    A rate that diverges is a row without a score. Raises `RotrainError` when all do.
    """
    folder = Path(config.out)
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
            if "diverged" not in error.message:
                raise
            row["failed"] = error.message
        rows.append(row)
    scored = [row for row in rows if row["bpb"] is not None]
    if not scored:
        raise RotrainError("every rate diverged", place=folder, hint="take lower rates")
    best = min(scored, key=lambda row: row["bpb"])
    result = {
        "out": str(folder),
        "arch": config.arch,
        "size": config.size,
        "steps": config.steps,
        "best_lr": best["lr"],
        # The best at an end of the range says that a better one may lie beyond it.
        "at_edge": len(rates) > 1 and best["lr"] in (rates[0], rates[-1]),
        "rows": rows,
    }
    write_json(folder / "sweep.json", result)
    return result
