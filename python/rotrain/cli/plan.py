"""`rotrain plan`: what a run would do, before it costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotrain.cli.configure import (
    ArchOption,
    ConfigOption,
    DataOption,
    SeedOption,
    SetOption,
    SizeOption,
    StepsOption,
    configure,
)
from rotrain.cli.console import app_errors, print_json

if TYPE_CHECKING:
    from rotrain.train.loop import Plan

CHART_WIDTH, CHART_HEIGHT = 64, 8


def run(
    arch: ArchOption = None,
    size: SizeOption = None,
    data: DataOption = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    tokens_per_s: Annotated[
        float | None, typer.Option(min=1e-9, help="A measured rate, for the time of the run.")
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the phases, steps, learning rate, memory and time of a run.

    \b
    Example:
      rotrain plan --arch llama-mha --size nano --data pack --steps 200
    """
    with app_errors():
        flags = {"arch": arch, "size": size, "data": data, "steps": steps, "seed": seed}
        resolved, said = configure(flags, config, assignments)
        from rotrain.train.loop import make_plan

        plan = make_plan(resolved)
        facts = _facts(plan, tokens_per_s)
        if json:
            print_json(facts)
            return
        if said:
            print(said)
        _show(facts)
        print(lr_chart(plan))


def _facts(plan: Plan, tokens_per_s: float | None) -> dict[str, Any]:
    from rotrain.models import count
    from rotrain.train.memory import training_bytes

    phases = []
    for phase in plan.sampler.plans:
        rates = [plan.rate.at(phase.first + 1), plan.rate.at(phase.first + phase.steps)]
        tokens = phase.steps * plan.tokens_per_step
        phases.append(
            {
                "name": phase.phase.name,
                "steps": phase.steps,
                "tokens": tokens,
                "epochs": tokens / (phase.sequences * plan.config.context),
                "lr_first": rates[0],
                "lr_last": rates[1],
            }
        )
    tokens = plan.steps * plan.tokens_per_step
    return {
        "arch": plan.config.arch,
        "size": plan.config.size,
        "parameters": count.param_count(plan.model),
        "steps": plan.steps,
        "tokens": tokens,
        "tokens_per_parameter": tokens / count.param_count(plan.model),
        "tokens_per_step": plan.tokens_per_step,
        "phases": phases,
        "warmup_steps": plan.rate.warmup,
        "decay_steps": plan.rate.decay,
        "flops": plan.run_flops,
        "memory_bytes": training_bytes(plan.model, plan.config.batch.micro),
        "seconds": None if tokens_per_s is None else tokens / tokens_per_s,
    }


def _show(facts: dict[str, Any]) -> None:
    from rotrain.train.screen import clock

    print(
        f"{facts['arch']} {facts['size']}: {facts['parameters']:,} parameters, {facts['steps']:,} steps of "
        f"{facts['tokens_per_step']:,} tokens = {facts['tokens']:,} tokens "
        f"({facts['tokens_per_parameter']:.1f} a parameter), {facts['flops']:.3g} operations"
    )
    for phase in facts["phases"]:
        print(
            f"  {phase['name']:<10}{phase['steps']:>9,} steps{phase['tokens']:>16,} tokens{phase['epochs']:>8.2f} epochs"
            f"   lr {phase['lr_first']:.2e} -> {phase['lr_last']:.2e}"
        )
    memory = {name: f"{size / 2**30:.2f} GiB" for name, size in facts["memory_bytes"].items()}
    print("memory: " + ", ".join(f"{name} {size}" for name, size in memory.items()))
    if facts["seconds"] is not None:
        print(f"time: {clock(facts['seconds'])} at the given rate")
    print(f"learning rate: {facts['warmup_steps']:,} steps of warmup, {facts['decay_steps']:,} of decay")


def lr_chart(plan: Plan) -> str:
    """The learning rate over the run in text, the phases named below."""
    steps = [1 + round(i * (plan.steps - 1) / (CHART_WIDTH - 1)) for i in range(CHART_WIDTH)]
    rates = [plan.rate.at(step) for step in steps]
    rows = []
    for level in range(CHART_HEIGHT, 0, -1):
        floor = plan.rate.peak * (level - 0.5) / CHART_HEIGHT
        label = f"{plan.rate.peak:.1e}" if level == CHART_HEIGHT else ""
        rows.append(f"{label:>8} |" + "".join("#" if rate >= floor else " " for rate in rates).rstrip())
    names = ["-"] * CHART_WIDTH
    for phase in plan.sampler.plans:
        at = min(CHART_WIDTH - 1, round(phase.first / plan.steps * CHART_WIDTH))
        text = f"|{phase.phase.name}"[: CHART_WIDTH - at]
        names[at : at + len(text)] = text
    rows.append(f"{'0':>8} +" + "".join(names))
    return "\n".join(rows)
