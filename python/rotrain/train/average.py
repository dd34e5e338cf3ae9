"""The mean of a run's last checkpoints, as a run directory of its own.

Averaging weights along a trajectory does part of what a decay of the learning rate does (Izmailov et
al. 2018; for pre-training Sanyal et al. 2023, "Early weight averaging meets high learning rates"), and
takes the noise of single checkpoints out of comparisons. The mean is taken in fp64, in the order of
the steps, so the same checkpoints give the same bytes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.config import FitConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.files import sync_directory, write_atomic, write_json
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory
from rotrain.runtime.device import choose_machine
from rotrain.train.evaluation import evaluate_phases
from rotrain.train.plan import make_plan


def average_run(path: Path, last: int, *, out: Path | None = None, replace: bool = False) -> dict[str, Any]:
    """Average the newest `last` checkpoints of a run into `out` (default: RUN/average); its summary.

    The result is evaluated on the run's pack. It appears whole or not at all; what is there already
    is an error, or replaced. Raises `RotrainError` when there are too few checkpoints.
    """
    run, target = RunDirectory(path), RunDirectory(out or path / "average")
    record = run.read_config()
    if record is None:
        raise RotrainError("there is no run here", place=path, hint="train one with `rotrain fit`")
    steps = sorted(checkpoint.list_steps(run.checkpoints)[:last])
    if len(steps) < last or last < 2:
        raise RotrainError(
            f"the run has {len(steps)} checkpoints, and the average of {last} was asked for",
            place=run.checkpoints,
            hint="at least 2 are needed; keep more with --set checkpoint.keep=5",
        )
    if target.path.exists() and not replace:
        raise RotrainError("this exists already", place=target.path, hint="remove it, or give another --out")
    saved = [checkpoint.open_step(run.checkpoints, step) for step in steps]
    weights = mean_weights(saved)
    config = FitConfig.model_validate(record["config"])
    plan = make_plan(config, record["from"])
    model = Decoder(saved[-1].model)
    model.load_state_dict(weights)
    machine = choose_machine(config.runtime.model_copy(update={"compile": "off"}))
    model.to(machine.device)
    lengths = Tokenizer(run.tokenizer).byte_lengths()
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
    partial = RunDirectory(target.path.with_name(f".{target.path.name}.partial"))
    shutil.rmtree(partial.path, ignore_errors=True)
    partial.path.mkdir(parents=True)
    write_atomic(partial.tokenizer, run.tokenizer.read_bytes())
    checkpoint.save(partial.checkpoints, steps[-1], saved[-1].model, weights, None)
    sources = {str(one.step): one.sha256[checkpoint.MODEL] for one in saved}
    write_json(partial.config, record | {"average": {"run": str(path), "model_sha256": sources}})
    write_json(partial.summary, summary)
    if target.path.exists():
        shutil.rmtree(target.path)
    os.rename(partial.path, target.path)
    sync_directory(target.path.parent)
    return summary


def mean_weights(saved: list[checkpoint.SavedCheckpoint]) -> dict[str, Tensor]:
    """The mean of the weights, one checkpoint in memory at a time besides the sum."""
    total: dict[str, Tensor] = {}
    types: dict[str, torch.dtype] = {}
    for one in saved:
        for name, tensor in one.weights().items():
            types[name] = tensor.dtype
            total[name] = total[name].add_(tensor) if name in total else tensor.double()
    return {name: (tensor / len(saved)).to(types[name]) for name, tensor in total.items()}
