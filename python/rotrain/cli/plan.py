"""`rotrain plan`: show what a run would do before it costs anything."""

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
)
from rotrain.cli.console import app_errors, print_json

if TYPE_CHECKING:
    from rotrain.train.plan import Plan

RATE_ROWS, MIX_ROWS = 8, 4


def run(
    arch: ArchOption = None,
    size: SizeOption = None,
    data: DataOption = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    curriculum: CurriculumOption = None,
    begin_from: FromOption = None,
    tokens_per_s: Annotated[
        float | None,
        typer.Option(min=1e-9, help="Measured speed in tokens per second, to estimate the time of the run."),
    ] = None,
    force: ForceOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the data mix, the learning rate and the estimated cost of a run.

    The command refuses a plan that trains all of its last phase at less than a tenth of the peak rate.

    \b
    Examples:
      rotrain plan --arch llama-mha --size nano --data pack --steps 200
      rotrain plan --arch llama-gqa --size 300m --curriculum sequential --json
    """
    with app_errors():
        from rotrain.train.configure import resolve_config
        from rotrain.train.preview import plan

        options = {
            "arch": arch,
            "size": size,
            "data": data,
            "steps": steps,
            "seed": seed,
            "curriculum": curriculum,
            "begin_from": begin_from,
        }
        resolved, said = resolve_config(options, config, assignments)
        result = plan(resolved, tokens_per_s=tokens_per_s)
        if json:
            print_json(result.to_dict())
        else:
            if said:
                print(said)
            _show(result.to_dict())
            print(rate_chart(result.plan))
            print(mix_chart(result.plan))
        if not force:
            result.check_rates()


def _show(facts: dict[str, Any]) -> None:
    from rotrain.progress import clock

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
    sequences = f"{facts['memory_micro']} sequence{'' if facts['memory_micro'] == 1 else 's'} at once"
    print(
        f"memory ({facts['memory_for']}, {sequences}): "
        + ", ".join(f"{name} {size}" for name, size in memory.items())
    )
    fits = ", ".join(f"{micro or 'none'} in {size}" for size, micro in facts["gpu_micro"].items())
    print(f"sequences at once on a GPU, estimated: {fits}")
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


def rate_chart(plan: Plan) -> str:
    """Draw the learning rate over the tokens of the run, with the names of the stages below."""
    from rotrain.train.preview import curve_steps

    rates = [plan.rate.at(step) for step in curve_steps(plan)]
    width = len(rates)
    top = max(*rates, plan.rate.peak)
    rows = []
    for level in range(RATE_ROWS, 0, -1):
        floor = top * (level - 0.5) / RATE_ROWS
        label = f"{top:.1e}" if level == RATE_ROWS else ""
        rows.append(f"{label:>8} |" + "".join("#" if rate >= floor else " " for rate in rates).rstrip())
    names = ["-"] * width
    for stage in plan.curriculum.stages:
        at = min(width - 1, round(stage.first / plan.steps * width))
        text = f"|{stage.name}"[: width - at]
        names[at : at + len(text)] = text
    rows.append(f"{'0':>8} +" + "".join(names))
    return "\n".join(rows)


def mix_chart(plan: Plan) -> str:
    """Draw the share of each phase over the tokens of the run: a letter is a part of the batch."""
    from rotrain.train.preview import curve_steps, phase_shares

    letters: dict[str, str] = {}
    for phase in plan.curriculum.phases:
        free = [c for c in [*phase.name, *"123456789"] if c not in letters.values()]
        letters[phase.name] = free[0] if free else "?"
    columns = []
    for step in curve_steps(plan):
        # A phase with any share has at least one row: replay is small and must be visible.
        column, rest = "", MIX_ROWS
        for name, share in sorted(phase_shares(plan, step).items(), key=lambda item: item[1]):
            rows = min(rest, max(1, round(share * MIX_ROWS)))
            column, rest = column + letters[name] * rows, rest - rows
        columns.append((column + column[-1] * MIX_ROWS)[:MIX_ROWS])
    lines = []
    for row in range(MIX_ROWS):
        label = "mix" if row == 0 else ""
        lines.append(f"{label:>8} |" + "".join(column[row] for column in columns))
    legend = "  ".join(f"{letter} = {name}" for name, letter in letters.items())
    return "\n".join([*lines, f"{'':>8} {legend}, over {plan.steps * plan.tokens_per_step:,} tokens"])
