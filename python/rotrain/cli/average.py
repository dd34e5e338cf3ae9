"""`rotrain average`: average a run's last checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json, wait_asleep


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    last: Annotated[int, typer.Option(min=2, help="Newest checkpoints to average.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Run directory to write. [default: RUN/average]")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    """Average the weights of the last checkpoints into a new run directory, and evaluate it.

    \b
    Examples:
      rotrain average runs/llama-mha-nano --last 2
      rotrain generate runs/llama-mha-nano/average --prompt "A fost odată"
    """
    with app_errors():
        wait_asleep()
        from rotrain.train.average import average

        result = average(run, last, out=out)
        if json:
            print_json(result.to_dict())
        elif not quiet:
            steps = ", ".join(f"{step:,}" for step in result.averaged)
            print(f"{result.run}: the mean of steps {steps}")
            for domain, score in result.eval.items():
                print(f"  {domain}: {score['bpb']:.4f} bits per byte on {score['bytes']:,} held-out bytes")
