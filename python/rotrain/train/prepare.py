"""Whether a run may start or continue: everything that can be refused before a step is made."""

from __future__ import annotations

from typing import Any

import torch

from rotrain.config import FitConfig
from rotrain.errors import RotrainError, UsageError
from rotrain.models import count
from rotrain.progress import Progress
from rotrain.run.directory import RunDirectory
from rotrain.runtime.allocator import keep_freed_memory
from rotrain.runtime.device import Machine, choose_machine
from rotrain.runtime.distributed import Distributed, choose_strategy
from rotrain.runtime.host import describe_start
from rotrain.train.branch import start_branch
from rotrain.train.plan import Plan, check_rates, make_plan


def check_exists(run: RunDirectory) -> None:
    """Refuse to continue a run that is not there.

    Raises:
        RotrainError: The directory holds no run.
    """
    if run.read_config() is None:
        raise RotrainError(
            "there is no run here to resume", place=run.path, hint="remove --resume to start one"
        )


def choose_run_strategy(plan: Plan, machine: Machine, distributed: Distributed) -> tuple[str, str]:
    """Choose how the processes share this run.

    Returns:
        `none`, `ddp` or `fsdp`, and why.

    Raises:
        UsageError: The batch does not divide among the processes.
    """
    sequences = plan.config.batch.sequences
    if sequences % distributed.size:
        raise UsageError(
            f"a batch of {sequences} sequences does not divide among {distributed.size} processes",
            hint=f"use a multiple, for example --set batch.sequences={-(-sequences // distributed.size) * distributed.size}",
        )
    cuda = machine.device.type == "cuda"
    return choose_strategy(
        plan.config.runtime.parallel,
        distributed.size,
        16 * count.param_count(plan.model),
        torch.cuda.get_device_properties(machine.device).total_memory if cuda else None,
    )


def prepare_run(
    config: FitConfig, run: RunDirectory, progress: Progress, distributed: Distributed, *, force: bool
) -> tuple[dict[str, Any] | None, Machine]:
    """Check a run and start it if it is new. Only the main process calls this.

    config.json is written last, so a refused run leaves nothing behind.

    Args:
        config: The configuration of the run.
        run: Its directory, locked.
        progress: Receives what was chosen.
        distributed: The processes of the run.
        force: Start a run that `check_rates` refuses.

    Returns:
        The summary if the run is finished, else None; and the machine.

    Raises:
        RotrainError: The run cannot start or continue.
    """
    record = run.read_config()
    plan = make_plan(config, None if record is None else record["from"])
    keep_freed_memory()
    machine = choose_machine(config.runtime, run_flops=plan.run_flops)
    described = machine.describe() | {"processes": distributed.size}
    if record is not None:
        run.check_same_run(record, config, plan.pack)
        summary = run.read_summary()
        if summary is not None:
            progress.message(f"{run.path}: this run is finished ({summary['steps']:,} steps); nothing to do")
            return summary, machine
        changed = [key for key, value in described.items() if record["machine"].get(key) != value]
        if changed:
            progress.note(f"{', '.join(changed)} changed since this run began: the last bits may differ")
    choose_run_strategy(plan, machine, distributed)
    if record is None:
        run.check_empty()
        if not force:
            check_rates(plan)
        origin = None
        if config.begin_from is not None:
            origin = start_branch(config.begin_from, plan, run)
        run.create(config, plan.model.model_dump(), plan.pack, described, origin, describe_start())
    progress.message(machine.said)
    return None, machine
