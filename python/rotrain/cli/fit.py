"""`rotrain fit`: train a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

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
from rotrain.cli.console import app_errors, print_json, split_names, wait_asleep


def run(
    arch: ArchOption = None,
    size: SizeOption = None,
    data: DataOption = None,
    out: Annotated[str | None, typer.Option(help="Run directory. [default: runs/<arch>-<size>]")] = None,
    steps: StepsOption = None,
    seed: SeedOption = None,
    curriculum: CurriculumOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out. It is an error if there is none.")
    ] = False,
    begin_from: FromOption = None,
    sweep_lr: Annotated[
        str | None,
        typer.Option(metavar="RATES", help="Train at each of these rates, and print the best: 1e-3,2e-3."),
    ] = None,
    lr_of: Annotated[
        Path | None,
        typer.Option("--lr-of", metavar="SWEEP", help="Take the best rate of the sweep in this folder."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Log to tensorboard, trackio or wandb too; separated by commas."),
    ] = None,
    force: ForceOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
) -> None:
    """Train a model on a pack. Repeat the command to continue a stopped run.

    \b
    Examples:
      rotrain fit --arch llama-mha --size nano --data pack --steps 200
      rotrain fit --config configs/train/llama-mha-300m.toml --set optim.lr=0.0005
      rotrain fit --arch llama-mha --size nano --steps 100 --sweep-lr 1e-3,3e-3,9e-3 --out sweep
      rotrain fit --arch llama-mha --size nano --steps 100 --seed 1 --lr-of sweep --out run
      rotrain fit --from runs/llama-mha-nano@150 --steps 50 --set schedule.decay_fraction=1
      torchrun --nproc-per-node 2 -m rotrain fit --arch llama-mha --size nano --steps 200
    """
    with app_errors():
        wait_asleep()
        from rotrain.cli.display import choose_display
        from rotrain.train.configure import resolve_config
        from rotrain.train.fit import fit, sweep
        from rotrain.train.sweep import parse_rates

        options: dict[str, Any] = {
            "arch": arch,
            "size": size,
            "data": data,
            "out": out,
            "steps": steps,
            "seed": seed,
            "curriculum": curriculum,
            "begin_from": begin_from,
        }
        if lr_of is not None:
            _check_one_rate(sweep_lr, assignments)
        resolved, said = resolve_config(options, config, assignments)
        display = choose_display(quiet=quiet)
        is_main = os.environ.get("RANK", "0") == "0"  # under torchrun, one process prints
        if said and is_main:
            display.message(said)
        trackers = split_names(track or "")
        if sweep_lr is not None:
            found = sweep(resolved, parse_rates(sweep_lr), display, force=force, track=trackers).to_dict()
            if is_main:
                print_json(found) if json else _show_sweep(found)
            return
        result = fit(resolved, display, lr_of=lr_of, resume=resume, force=force, track=trackers).to_dict()
        if is_main:
            print_json(result) if json else _show(result)


def _check_one_rate(sweep_lr: str | None, assignments: list[str] | None) -> None:
    from rotrain.errors import UsageError

    if sweep_lr is not None or any(word.startswith("optim.lr=") for word in assignments or []):
        raise UsageError("--lr-of and another learning rate are both given", hint="remove one of them")


def _show(summary: dict[str, Any]) -> None:
    skipped = f", {summary['spikes']} spikes" if summary.get("spikes") else ""
    print(
        f"{summary['run']}: {summary['steps']:,} steps, {summary['tokens']:,} tokens, "
        f"loss {summary['first_loss']:.3f} -> {summary['loss']:.3f}{skipped}"
    )
    for domain, score in summary["eval"].items():
        print(f"  {domain}: {score['bpb']:.4f} bits per byte on {score['bytes']:,} held-out bytes")
    for domain, score in summary.get("average", {}).get("eval", {}).items():
        print(f"  {domain}: {score['bpb']:.4f} bits per byte, average of the last checkpoints")
    for sample in summary["samples"]:
        print(f"  [temperature {sample['temperature']}] {sample['prompt']}{sample['text']}")


def _show_sweep(result: dict[str, Any]) -> None:
    for row in result["rows"]:
        if row["bpb"] is None:
            print(f"  lr {row['lr']:<8g} {row['failed']}")
            continue
        scores = "  ".join(f"{name} {bpb:.4f}" for name, bpb in row["eval"].items())
        mark = "  <- best" if row["lr"] == result["best_lr"] else ""
        print(f"  lr {row['lr']:<8g} {row['bpb']:.4f} bits per byte ({scores}), {row['spikes']} spikes{mark}")
    edge = "; it is at the edge of the range, so try rates beyond it" if result["at_edge"] else ""
    print(f"{result['out']}: best rate {result['best_lr']:g}{edge}")
