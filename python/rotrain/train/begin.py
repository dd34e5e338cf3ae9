"""Whether a run may begin or go on: everything that can be refused before a step is made."""

from __future__ import annotations

from typing import Any

import torch

from rotrain.config import FitConfig
from rotrain.errors import RotrainError, UsageError
from rotrain.models import count
from rotrain.run.directory import RunDir
from rotrain.runtime.allocator import keep_freed_memory
from rotrain.runtime.device import Machine, choose_machine
from rotrain.runtime.distributed import Team, choose_parallel
from rotrain.train.branch import begin_branch
from rotrain.train.plan import Plan, check_rates, make_plan
from rotrain.train.screen import Screen


def check_begun(run: RunDir) -> None:
    """Refuse to go on with a run that is not there."""
    if run.record() is None:
        raise RotrainError(
            "there is no run here to resume", place=run.path, hint="leave --resume out to begin one"
        )


def parallel_kind(plan: Plan, machine: Machine, team: Team) -> tuple[str, str]:
    """How the processes of a team share this run, and why; a batch must divide among them."""
    sequences = plan.config.batch.sequences
    if sequences % team.size:
        raise UsageError(
            f"a batch of {sequences} sequences does not divide among {team.size} processes",
            hint=f"take a multiple, for example --set batch.sequences={-(-sequences // team.size) * team.size}",
        )
    cuda = machine.device.type == "cuda"
    return choose_parallel(
        plan.config.runtime.parallel,
        team.size,
        16 * count.param_count(plan.model),
        torch.cuda.get_device_properties(machine.device).total_memory if cuda else None,
    )


def prepare(
    config: FitConfig, run: RunDir, screen: Screen, team: Team, *, force: bool
) -> tuple[dict[str, Any] | None, Machine]:
    """Check or begin the run, as the lead of its team; its summary if it is finished, and the machine.

    config.json is written last, so what is refused here leaves no run behind.
    """
    record = run.record()
    plan = make_plan(config, None if record is None else record["from"])
    keep_freed_memory()
    machine = choose_machine(config.runtime, run_flops=plan.run_flops)
    described = machine.describe() | {"processes": team.size}
    if record is not None:
        run.check_same(record, config, plan.pack)
        summary = run.finished()
        if summary is not None:
            screen.say(f"{run.path}: this run is finished ({summary['steps']:,} steps); nothing to do")
            return summary, machine
        changed = [key for key, value in described.items() if record["machine"].get(key) != value]
        if changed:
            screen.say(f"note: {', '.join(changed)} changed since this run began: the last bits may differ")
    parallel_kind(plan, machine, team)
    if record is None:
        run.check_free()
        if not force:
            check_rates(plan)
        origin = None
        if config.begin_from is not None:
            origin = begin_branch(config.begin_from, plan, run)
        run.begin(config, plan.model.model_dump(), plan.pack, described, origin)
    screen.say(machine.said)
    return None, machine
