"""`rotrain compare`: run a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    study: Annotated[Path, typer.Argument(help="Study file (TOML), see docs/reference/study.md.")],
    plan: Annotated[bool, typer.Option("--plan", help="Print the commands without running them.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only notes and errors.")] = False,
) -> None:
    """Train, quantize, evaluate and benchmark the models of a study, then write its report.

    The same command continues a study that was stopped. If a step fails, the other steps still run.

    \b
    Examples:
      rotrain compare configs/study/example.toml --plan
      rotrain compare configs/study/example.toml
    """
    with app_errors():
        from rotrain.cli.display import Quiet, choose_display
        from rotrain.compare.run_study import plan_study, run_study

        if plan:
            steps = plan_study(study)
            print_json(steps) if json else print("\n".join(" ".join(step["command"]) for step in steps))
            return
        result = run_study(study, Quiet() if quiet else choose_display())
        if json:
            print_json(result.to_dict())
        elif not quiet:
            print(result.table, end="")
            counts = ", ".join(f"{count} {state}" for state, count in result.steps.items() if count)
            print(f"{result.report}: {counts}, {result.seconds:.0f} s")
        result.check()
