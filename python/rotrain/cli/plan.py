"""`rotrain plan`: what a run would do, before it costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotrain.cli.configure import (
    ArchOption,
    ConfigOption,
    CurriculumOption,
    DataOption,
    ForceOption,
    FromOption,
    SeedOption,
    SetOption,
    SizeOption,
    StepsOption,
    configure,
)
from rotrain.cli.console import app_errors, print_json

if TYPE_CHECKING:
    from rotrain.train.plan import Plan

CHART_WIDTH, RATE_ROWS, MIX_ROWS = 64, 8, 4


def run(
    arch: ArchOption = None,
    size: SizeOption = None,
    data: DataOption = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    curriculum: CurriculumOption = None,
    begin_from: FromOption = None,
    tokens_per_s: Annotated[
        float | None, typer.Option(min=1e-9, help="A measured rate, for the time of the run.")
    ] = None,
    force: ForceOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Draw the mix and the learning rate of a run, and what it costs.

    A plan that trains its last phase wholly at less than a tenth of the peak rate is refused.

    \b
    Example:
      rotrain plan --arch llama-mha --size nano --data pack --steps 200
      rotrain plan --arch llama-gqa --size 300m --curriculum sequential --json
    """
    with app_errors():
        flags = {
            "arch": arch,
            "size": size,
            "data": data,
            "steps": steps,
            "seed": seed,
            "curriculum": curriculum,
            "begin_from": begin_from,
        }
        resolved, said = configure(flags, config, assignments)
        from rotrain.train.branch import plan_new_run
        from rotrain.train.plan import check_rates

        plan = plan_new_run(resolved)
        facts = _facts(plan, tokens_per_s)
        if json:
            print_json(facts)
        else:
            if said:
                print(said)
            _show(facts)
            print(rate_chart(plan))
            print(mix_chart(plan))
        if not force:
            check_rates(plan)


def _facts(plan: Plan, tokens_per_s: float | None) -> dict[str, Any]:
    from rotrain.models import count
    from rotrain.train.cost import run_cost

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
            {"tokens": step * plan.tokens_per_step, "lr": plan.rate.at(step), "mix": plan_mix(plan, step)}
            for step in chart_steps(plan)
        ],
    }


def _show(facts: dict[str, Any]) -> None:
    from rotrain.train.screen import clock

    print(
        f"{facts['arch']} {facts['size']}: {facts['parameters']:,} parameters, {facts['steps']:,} steps of "
        f"{facts['tokens_per_step']:,} tokens = {facts['tokens']:,} tokens "
        f"({facts['tokens_per_parameter']:.1f} a parameter), {facts['flops']:.3g} operations"
    )
    for phase in facts["phases"]:
        mix = " + ".join(f"{share:.0%} {name}" for name, share in phase["mix"].items())
        print(
            f"  {phase['name']:<10}{phase['steps']:>9,} steps{phase['tokens']:>16,} tokens"
            f"   lr {phase['lr_first']:.2e} -> {phase['lr_last']:.2e}   {mix}"
        )
    texts = ", ".join(
        f"{text['name']} {text['tokens']:,} tokens ({text['epochs']:.2f} epochs)" for text in facts["texts"]
    )
    print(f"read: {texts}")
    memory = {name: f"{size / 2**30:.2f} GiB" for name, size in facts["memory_bytes"].items()}
    print("memory: " + ", ".join(f"{name} {size}" for name, size in memory.items()))
    print(
        f"disk: {facts['disk_bytes'] / 2**30:.2f} GiB at most, "
        f"{facts['checkpoint_bytes'] / 2**30:.2f} a checkpoint"
    )
    hours = ", ".join(
        f"{gpu} {row['hours']:.2g} h at {row['assumed_mfu']:.0%} MFU"
        for gpu, row in facts["gpu_hours"].items()
    )
    print(f"time, estimated and not measured: {hours}")
    if facts["seconds"] is not None:
        print(f"time: {clock(facts['seconds'])} at the given rate")
    print(f"learning rate: {facts['warmup_steps']:,} steps of warmup, {facts['decay_steps']:,} of decay")


def chart_steps(plan: Plan) -> list[int]:
    """The steps (from 1) the columns of a chart stand for."""
    return [1 + round(i * (plan.steps - 1) / (CHART_WIDTH - 1)) for i in range(CHART_WIDTH)]


def plan_mix(plan: Plan, step: int) -> dict[str, float]:
    """The share of each phase around a step (from 1)."""
    shares = [0.0] * len(plan.curriculum.phases)
    for stage, part in plan.curriculum.blend(step - 1):
        shares = [a + part * b for a, b in zip(shares, stage.shares, strict=True)]
    pairs = zip(plan.curriculum.phases, shares, strict=True)
    return {phase.name: share for phase, share in pairs if share}


def rate_chart(plan: Plan) -> str:
    """The learning rate over the tokens of the run in text, the stages named below."""
    rates = [plan.rate.at(step) for step in chart_steps(plan)]
    top = max(*rates, plan.rate.peak)
    rows = []
    for level in range(RATE_ROWS, 0, -1):
        floor = top * (level - 0.5) / RATE_ROWS
        label = f"{top:.1e}" if level == RATE_ROWS else ""
        rows.append(f"{label:>8} |" + "".join("#" if rate >= floor else " " for rate in rates).rstrip())
    names = ["-"] * CHART_WIDTH
    for stage in plan.curriculum.stages:
        at = min(CHART_WIDTH - 1, round(stage.first / plan.steps * CHART_WIDTH))
        text = f"|{stage.name}"[: CHART_WIDTH - at]
        names[at : at + len(text)] = text
    rows.append(f"{'0':>8} +" + "".join(names))
    return "\n".join(rows)


def mix_chart(plan: Plan) -> str:
    """The share of each phase over the tokens of the run: a letter stands for a part of the batch."""
    letters: dict[str, str] = {}
    for phase in plan.curriculum.phases:
        free = [c for c in [*phase.name, *"123456789"] if c not in letters.values()]
        letters[phase.name] = free[0] if free else "?"
    columns = []
    for step in chart_steps(plan):
        # A phase with any share shows in at least one row: replay is small and must be seen.
        column, rest = "", MIX_ROWS
        for name, share in sorted(plan_mix(plan, step).items(), key=lambda item: item[1]):
            rows = min(rest, max(1, round(share * MIX_ROWS)))
            column, rest = column + letters[name] * rows, rest - rows
        columns.append((column + column[-1] * MIX_ROWS)[:MIX_ROWS])
    lines = []
    for row in range(MIX_ROWS):
        label = "mix" if row == 0 else ""
        lines.append(f"{label:>8} |" + "".join(column[row] for column in columns))
    legend = "  ".join(f"{letter} = {name}" for name, letter in letters.items())
    return "\n".join([*lines, f"{'':>8} {legend}, over {plan.steps * plan.tokens_per_step:,} tokens"])
