"""`rotrain bench-train`: measure the speed, the device utilization and the memory of training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotrain.cli.configure import ConfigOption, SetOption, SizeOption
from rotrain.cli.console import app_errors, print_json

if TYPE_CHECKING:
    from rotrain.config import FitConfig


def run(
    arch: Annotated[
        str,
        typer.Option(
            metavar="ARCHS", help="Architectures, separated by commas, or all. See `rotrain archs`."
        ),
    ],
    size: SizeOption = None,
    steps: Annotated[int, typer.Option(min=2, help="Steps to time.")] = 10,
    warm_up: Annotated[int, typer.Option(min=1, help="Steps to run before the timed steps.")] = 3,
    vocab_size: Annotated[int, typer.Option(min=2, max=1 << 20, help="Entries of the vocabulary.")] = 40_000,
    roofline: Annotated[
        str | None,
        typer.Option(
            metavar="GPU",
            help="Measure nothing: print an estimate of the least time of a step on this GPU (H100, RTX 4090, ...).",
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="File to write the whole result to (JSON).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the table and errors only.")] = False,
) -> None:
    """Measure a training step: tokens per second, MFU, peak memory. No pack is needed.

    The step is the same as in `rotrain fit` with the same configuration. --set accepts every key of that configuration.

    \b
    Examples:
      rotrain bench-train --arch llama-gqa --size nano --steps 5
      rotrain bench-train --arch all --size 300m --out bench-train.json
      rotrain bench-train --arch llama-gqa,mamba2 --size 300m --set batch.micro=8 --set runtime.precision=bf16
      rotrain bench-train --arch all --size 300m --roofline H100
      rotrain bench-train --arch mistral-swa --size nano --set runtime.compile=off --set context=1024 --json
    """
    with app_errors():
        from rotrain.bench.training import run_training_benchmark
        from rotrain.cli.display import choose_display
        from rotrain.models.presets import ARCHS
        from rotrain.train.configure import resolve_config

        display = choose_display(quiet=quiet, messages=not json)
        configs = []
        for name in ARCHS if arch == "all" else arch.split(","):
            resolved, message = resolve_config({"arch": name.strip(), "size": size}, config, assignments)
            configs.append(resolved)
        if message:
            display.message(message)
        if roofline is not None:
            _print_rooflines(configs, vocab_size, roofline, json=json)
            return
        result = run_training_benchmark(
            configs, vocab_size=vocab_size, steps=steps, warm_up=warm_up, out=out, progress=display
        ).to_dict()
        if json:
            print_json(result)
        else:
            _show(result)


def _print_rooflines(configs: list[FitConfig], vocab_size: int, gpu: str, *, json: bool) -> None:
    from rotrain.bench.roofline import DEFAULT_MICRO, roofline
    from rotrain.models.presets import model_config

    rows = []
    for config in configs:
        given = config.batch.micro
        shape = model_config(
            config.arch, config.size, vocab_size=vocab_size, context=config.context, window=config.window
        )
        micro = min(config.batch.sequences, DEFAULT_MICRO if given == "auto" else given)
        rows.append(roofline(shape, gpu, tokens=config.batch.sequences * config.context, micro=micro))
    if json:
        print_json({"rooflines": [row.to_dict() for row in rows]})
        return
    print(
        f"{rows[0].gpu}: the least milliseconds of a step, estimated from counted operations and bytes; not measured"
    )
    names = list(dict.fromkeys(part.name for row in rows for part in row.parts))
    print(f"{'':<16}" + "".join(f"{name:>16}" for name in [*names, "whole step", "tokens/s", "MFU bound"]))
    for row in rows:
        times = {part.name: part for part in row.parts}
        cells = [f"{times[name].seconds * 1e3:.1f}" if name in times else "-" for name in names]
        cells += [f"{row.seconds * 1e3:.1f}", f"{row.tokens_per_s:,.0f}", f"{row.mfu:.0%}"]
        print(f"{row.arch:<16}" + "".join(f"{cell:>16}" for cell in cells))


def _show(result: dict[str, Any]) -> None:
    print(
        f"{'':<20}{'precision':<11}{'compiled':<10}{'step tokens':>12}{'tokens/s':>18}{'TFLOP/s':>10}{'MFU':>8}{'peak MiB':>10}"
    )
    for row in result["rows"]:
        rates, machine = row["tokens_per_s"], row["machine"]
        half = (rates["ci"][1] - rates["ci"][0]) / 2
        rate = f"{rates['median']:,.0f} ± {half:,.0f}"
        mfu = "-" if row["mfu"] is None else f"{row['mfu']:.1%}"
        print(
            f"{row['arch'] + ' ' + row['size']:<20}{machine['precision']:<11}{'yes' if machine['compiled'] else 'no':<10}"
            f"{row['tokens_per_step']:>12,}{rate:>18}{row['flops_per_s'] / 1e12:>10.3f}{mfu:>8}"
            f"{row['memory']['peak_bytes'] / 2**20:>10,.0f}"
        )
    for row in result["rows"]:
        if row["contended"]:
            print(
                f"note: {row['arch']}: other processes disturbed {row['disturbed_steps']} of {len(row['steps'])} steps"
            )
    if all(row["mfu"] is None for row in result["rows"]):
        print("MFU needs the peak of the device: --set runtime.peak_tflops=N")
