"""`plan`: what a run would read, at which rate, and what it would cost, before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rotrain.config import FitConfig
from rotrain.models import count
from rotrain.train.branch import plan_new_run
from rotrain.train.cost import run_cost
from rotrain.train.plan import Plan, check_rates

CURVE_POINTS = 64


@dataclass(frozen=True)
class PlanResult:
    """A planned run.

    Attributes:
        parameters: Parameters of its model.
        steps: Optimizer steps.
        tokens: Training tokens.
        memory_bytes: Bytes of memory by part.
        gpu_hours: Estimated hours by GPU; nobody measured them.
        plan: The plan itself, for the batch and the rate of any step.
        record: All facts, as `rotrain plan --json` prints them.
    """

    parameters: int
    steps: int
    tokens: int
    memory_bytes: dict[str, int]
    gpu_hours: dict[str, dict[str, float]]
    plan: Plan = field(repr=False)
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all facts, as `rotrain plan --json` prints them."""
        return self.record

    def check_rates(self) -> None:
        """Refuse a run that reads all of its last, best text at a rate that hardly teaches it.

        Raises:
            RotrainError: The highest rate of the last phase is under a tenth of the peak.
        """
        check_rates(self.plan)


def plan(config: FitConfig, *, tokens_per_s: float | None = None) -> PlanResult:
    """Plan a run: its phases, its learning rate, its memory and its time. Nothing is written.

    Args:
        config: The configuration of the run.
        tokens_per_s: A measured rate, for the time of the run.

    Raises:
        RotrainError: The pack cannot be read, or the configuration does not fit it.

    Examples:
        >>> from rotrain.train.configure import make_config
        >>> config = make_config(arch="llama-mha", size="nano", data="pack", steps=200, settings={"context": 128})
        >>> plan(config).tokens
        204800
    """
    planned = plan_new_run(config)
    record = _facts(planned, tokens_per_s)
    return PlanResult(
        parameters=record["parameters"],
        steps=record["steps"],
        tokens=record["tokens"],
        memory_bytes=record["memory_bytes"],
        gpu_hours=record["gpu_hours"],
        plan=planned,
        record=record,
    )


def curve_steps(plan: Plan) -> list[int]:
    """Return the steps (from 1) of the points of a curve."""
    return [1 + round(i * (plan.steps - 1) / (CURVE_POINTS - 1)) for i in range(CURVE_POINTS)]


def phase_shares(plan: Plan, step: int) -> dict[str, float]:
    """Return the share of each phase around a step (from 1)."""
    shares = [0.0] * len(plan.curriculum.phases)
    for stage, part in plan.curriculum.blend(step - 1):
        shares = [a + part * b for a, b in zip(shares, stage.shares, strict=True)]
    pairs = zip(plan.curriculum.phases, shares, strict=True)
    return {phase.name: share for phase, share in pairs if share}


def _facts(plan: Plan, tokens_per_s: float | None) -> dict[str, Any]:
    curriculum, context = plan.curriculum, plan.config.context
    tokens = plan.steps * plan.tokens_per_step
    names = [phase.name for phase in curriculum.phases]
    return {
        "arch": plan.config.arch,
        "size": plan.config.size,
        "curriculum": plan.config.curriculum,
        "parameters": count.param_count(plan.model),
        "steps": plan.steps,
        "tokens": tokens,
        "tokens_per_parameter": tokens / count.param_count(plan.model),
        "tokens_per_step": plan.tokens_per_step,
        "phases": [
            {
                "name": stage.name,
                "steps": stage.steps,
                "tokens": stage.steps * plan.tokens_per_step,
                "mix": {name: share for name, share in zip(names, stage.shares, strict=True) if share},
                "ramp_steps": 2 * ramp,
                "lr_first": plan.rate.at(stage.first + 1),
                "lr_last": plan.rate.at(stage.first + stage.steps),
            }
            for stage, ramp in zip(curriculum.stages, curriculum.ramps, strict=True)
        ],
        "texts": [
            {"name": name, "tokens": (end - begin) * context, "epochs": (end - begin) / sequences}
            for name, begin, end, sequences in zip(
                names, curriculum.drawn(0), curriculum.drawn(plan.steps), curriculum.sequences, strict=True
            )
        ],
        "warmup_steps": plan.rate.warmup,
        "decay_steps": plan.rate.decay,
        "flops": plan.run_flops,
        **run_cost(plan),
        "seconds": None if tokens_per_s is None else tokens / tokens_per_s,
        "curve": [
            {"tokens": step * plan.tokens_per_step, "lr": plan.rate.at(step), "mix": phase_shares(plan, step)}
            for step in curve_steps(plan)
        ],
    }
