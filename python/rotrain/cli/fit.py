"""`rotrain fit`: train a model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rotrain.cli.configure import (
    ArchOption,
    ConfigOption,
    CurriculumOption,
    DataOption,
    ForceOption,
    SeedOption,
    SetOption,
    SizeOption,
    StepsOption,
    configure,
)
from rotrain.cli.console import app_errors, print_json


def run(
    arch: ArchOption = None,
    size: SizeOption = None,
    data: DataOption = None,
    out: Annotated[str | None, typer.Option(help="Run directory. [default: runs/<arch>-<size>]")] = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    curriculum: CurriculumOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; an error if there is none.")
    ] = False,
    force: ForceOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show the result only.")] = False,
) -> None:
    """Train a model on a pack; the same command again goes on where it stopped.

    \b
    Example:
      rotrain fit --arch llama-mha --size nano --data pack --steps 200
      rotrain fit --config configs/train/llama-mha-300m.toml --set optim.lr=0.0005
    """
    with app_errors():
        flags: dict[str, Any] = {
            "arch": arch,
            "size": size,
            "data": data,
            "out": out,
            "steps": steps,
            "seed": seed,
            "curriculum": curriculum,
        }
        resolved, said = configure(flags, config, assignments)
        from rotrain.train.loop import fit
        from rotrain.train.screen import choose_screen

        screen = choose_screen(quiet=quiet)
        if said:
            screen.say(said)
        summary = fit(resolved, screen, must_exist=resume, force=force)
        if json:
            print_json(summary)
        else:
            _show(summary)


def _show(summary: dict[str, Any]) -> None:
    print(
        f"{summary['run']}: {summary['steps']:,} steps, {summary['tokens']:,} tokens, "
        f"loss {summary['first_loss']:.3f} -> {summary['loss']:.3f}"
    )
    for domain, score in summary["eval"].items():
        print(f"  {domain}: {score['bpb']:.4f} bits per byte on {score['bytes']:,} held-out bytes")
    for sample in summary["samples"]:
        print(f"  [temperature {sample['temperature']}] {sample['prompt']}{sample['text']}")
