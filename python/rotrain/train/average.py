"""The mean of a run's last checkpoints, as a run directory of its own.

The mean of weights along a trajectory does part of what a decay of the learning rate does (Izmailov et al. 2018; for
pre-training Sanyal et al. 2023, "Early weight averaging meets high learning rates"), and it removes the noise of single
checkpoints from comparisons. The mean is taken in fp64, in the order of the steps: the same checkpoints give the same
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.config import FitConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.files import new_folder, read_file, write_atomic, write_record
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory
from rotrain.runtime.device import choose_machine
from rotrain.train.evaluation import evaluate_phases
from rotrain.train.plan import make_plan


@dataclass(frozen=True)
class AverageResult:
    """An averaged model on the disk.

    Attributes:
        run: Its run directory.
        averaged: The steps whose checkpoints were averaged, in order.
        eval: Held-out scores by phase.
        record: The summary, as summary.json has it.
    """

    run: Path
    averaged: tuple[int, ...]
    eval: dict[str, dict[str, float | int]]
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary, as `rotrain average --json` prints it."""
        return self.record


def average(
    run: str | PathLike[str],
    last: int = 5,
    *,
    out: str | PathLike[str] | None = None,
    replace: bool = False,
) -> AverageResult:
    """Average the weights of a run's newest checkpoints and evaluate the result on the run's pack.

    The new run directory appears complete or not at all.

    Args:
        run: Run directory.
        last: Checkpoints to average, at least 2.
        out: Where to write. Default: RUN/average.
        replace: Replace what is there. Otherwise it is an error.

    Raises:
        RotrainError: There are too few checkpoints, or `out` exists.

    Examples:
        >>> average("runs/llama-mha-nano", last=2).averaged
        (2, 4)
    """
    source = RunDirectory(Path(run))
    target = RunDirectory(source.path / "average" if out is None else Path(out))
    record = source.read_config()
    if record is None:
        raise RotrainError("there is no run here", place=source.path, hint="train one with `rotrain fit`")
    steps = sorted(checkpoint.list_steps(source.checkpoints)[:last])
    if len(steps) < last or last < 2:
        raise RotrainError(
            f"the run has {len(steps)} checkpoints, fewer than the {last} to average",
            place=source.checkpoints,
            hint="at least 2 are needed; keep more with --set checkpoint.keep=5",
        )
    if target.path.exists() and not replace:
        raise RotrainError("this exists already", place=target.path, hint="remove it, or give another --out")
    saved = [checkpoint.open_step(source.checkpoints, step) for step in steps]
    weights = mean_weights(saved)
    config = FitConfig.model_validate(record["config"])
    plan = make_plan(config, record["from"])
    model = Decoder(saved[-1].model)
    model.load_state_dict(weights)
    machine = choose_machine(config.runtime.model_copy(update={"compile": "off"}))
    model.to(machine.device)
    lengths = Tokenizer(source.tokenizer).byte_lengths()
    scores = evaluate_phases(model, plan, lengths, machine)
    summary = {
        "run": str(target.path),
        "arch": config.arch,
        "size": config.size,
        "parameters": count.param_count(saved[-1].model),
        "steps": steps[-1],
        "averaged": steps,
        "eval": scores,
    }
    hashes = {str(one.step): one.sha256[checkpoint.MODEL] for one in saved}
    with new_folder(target.path, replace=replace) as folder:
        partial = RunDirectory(folder)
        write_atomic(partial.tokenizer, read_file(source.tokenizer))
        checkpoint.save(partial.checkpoints, steps[-1], saved[-1].model, weights, None)
        write_record(partial.config, record | {"average": {"run": str(source.path), "model_sha256": hashes}})
        write_record(partial.summary, summary)
    return AverageResult(target.path, tuple(steps), scores, summary)


def mean_weights(saved: list[checkpoint.SavedCheckpoint]) -> dict[str, Tensor]:
    """Return the mean of the weights of checkpoints. One checkpoint at a time is in memory beside the sum."""
    total: dict[str, Tensor] = {}
    types: dict[str, torch.dtype] = {}
    for one in saved:
        for name, tensor in one.weights().items():
            types[name] = tensor.dtype
            total[name] = total[name].add_(tensor) if name in total else tensor.double()
    return {name: (tensor / len(saved)).to(types[name]) for name, tensor in total.items()}
