"""A run that starts at a checkpoint of another run: `rotrain fit --from RUN[@STEP]`.

The branch takes the weights and the optimizer of its parent's checkpoint. It trains steps of its own, with its own
curriculum and learning rate: one parent at a constant rate can have several endings. The branch skips what its parent
read of each phase, so no text is read twice before its epoch is over. The start is copied as the branch's checkpoint of
step 0. From then on the branch needs no checkpoint of the parent, only its config.json, for the options that the command
leaves out.
"""

from __future__ import annotations

import shutil
from typing import Any

from rotrain.config import FitConfig, parse_run_step
from rotrain.errors import RotrainError
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory
from rotrain.train.plan import Plan, make_plan


def find_parent(text: str, *, pack_digest: str) -> tuple[checkpoint.SavedCheckpoint, dict[str, Any]]:
    """Find the checkpoint that `RUN[@STEP]` names; the newest one without a step.

    Args:
        text: `RUN` or `RUN@STEP`.
        pack_digest: Identity of the branch's pack.

    Returns:
        The checkpoint, and what config.json records of it: run, step, hash of the weights, tokens trained so far, and
        sequences read of each phase (None if the parent read another pack).

    Raises:
        RotrainError: There is no such checkpoint, or it cannot be continued.
    """
    path, step = parse_run_step(text)
    run = RunDirectory(path)
    record = run.read_config()
    if record is None:
        raise RotrainError("there is no run here to start from", place=path, hint="give --from RUN[@STEP]")
    if step is not None:
        saved = checkpoint.open_step(run.checkpoints, step)
    else:
        found, damaged = checkpoint.find_newest(run.checkpoints)
        if found is None:
            raise RotrainError(damaged[0] if damaged else "the run has no checkpoint yet", place=path)
        saved = found
    if checkpoint.OPTIMIZER not in saved.sha256:
        raise RotrainError(
            "this checkpoint has no state of the optimizer (it is an average)",
            place=saved.path,
            hint="start from the run itself",
        )
    config, before = FitConfig.model_validate(record["config"]), record["from"]
    tokens = config.batch.sequences * config.context * saved.step + (before["tokens"] if before else 0)
    drawn = None
    if record["data"]["manifest_sha256"] == pack_digest:
        plan = make_plan(config, before)
        drawn = list(plan.curriculum.drawn(saved.step))
    return saved, {
        "run": str(path),
        "step": saved.step,
        "model_sha256": saved.sha256[checkpoint.MODEL],
        "tokens": tokens,
        "drawn": drawn,
        "context": config.context,
        "optimizer": config.optim.name,
    }


def plan_new_run(config: FitConfig) -> Plan:
    """Plan a run that has not started, after its parent if it has one. Nothing is written."""
    plan = make_plan(config)
    if config.begin_from is None:
        return plan
    return make_plan(config, find_parent(config.begin_from, pack_digest=plan.pack.digest)[1])


def start_branch(text: str, plan: Plan, run: RunDirectory) -> dict[str, Any]:
    """Copy the parent's checkpoint as step 0 of a new run.

    Args:
        text: `RUN` or `RUN@STEP`.
        plan: The branch.
        run: Its directory.

    Returns:
        What config.json records of the parent.

    Raises:
        RotrainError: The checkpoint is of another model or another optimizer.
    """
    saved, origin = find_parent(text, pack_digest=plan.pack.digest)
    differing = [
        f"{key} is {there!r} there and {here!r} here"
        for (key, there), here in zip(
            saved.model.model_dump().items(), plan.model.model_dump().values(), strict=True
        )
        if there != here
    ]
    if origin["optimizer"] != plan.config.optim.name:
        there = origin["optimizer"]
        raise RotrainError(
            f"the checkpoint is of another optim.name: {there!r} there, {plan.config.optim.name!r} here",
            place=saved.path,
            hint=f"give --set optim.name={there}: the run continues its state",
        )
    if differing:
        raise RotrainError(
            f"the checkpoint is of another model: {'; '.join(differing)}",
            place=saved.path,
            hint="remove --arch, --size and context: they come from the run",
        )
    # A kill may have come before the run started: a copy without a config.json belongs to no run. RunDirectory.check_empty
    # has checked that there is nothing else.
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    checkpoint.save(run.checkpoints, 0, saved.model, saved.weights(), saved.optimizer())
    return origin
