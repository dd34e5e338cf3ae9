"""`rotrain compare`: a whole study."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


class Steps:
    """What runs now: a line a step, and on a terminal below it the last line that the step said."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._live = quiet, not quiet and sys.stderr.isatty()

    def begin(self, text: str, left: float | None) -> None:
        """A step begins, and so many seconds are left."""
        from rotrain.train.screen import clock

        if not self._quiet:
            told = "" if left is None else f"  (about {clock(left)} left)"
            print(text + told, file=sys.stderr, flush=True)

    def tell(self, line: str) -> None:
        """The step says something; the next line takes its place."""
        if self._live:
            width = shutil.get_terminal_size().columns - 3
            print(f"\r\033[K  {line[:width]}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """It ended."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def run(
    study: Annotated[Path, typer.Argument(help="Study file (TOML), see docs/compare.md.")],
    plan: Annotated[bool, typer.Option("--plan", help="Print the commands; run nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Train, quantize, evaluate and benchmark every cell of a study, then write its report.

    The same command goes on where it stopped. A cell that fails is told, and the others go on.

    \b
    Examples:
      rotrain compare configs/study/example.toml --plan
      rotrain compare configs/study/example.toml
    """
    with app_errors():
        from rotrain.compare.matrix import at_edge, run_matrix, runs_of, steps_of
        from rotrain.compare.study import read_study
        from rotrain.errors import RotrainError
        from rotrain.files import write_atomic
        from rotrain.report.page import page
        from rotrain.report.results import read_runs
        from rotrain.report.table import as_csv, as_latex, as_markdown, as_text, columns, rows_of

        found = read_study(study)
        steps = steps_of(found)
        if plan:
            if json:
                print_json([{"step": step.name, "command": ["rotrain", *step.args]} for step in steps])
            else:
                print("\n".join(f"rotrain {' '.join(step.args)}" for step in steps))
            return
        begun = time.monotonic()
        outcomes = []
        screen = Steps(quiet=quiet)
        for outcome in run_matrix(found, steps, screen.begin, screen.tell):
            screen.end()
            outcomes.append(outcome)
            if outcome.state in ("failed", "left"):
                print(f"  {outcome.step.name}: {outcome.state}: {outcome.message}", file=sys.stderr)
        for arch, rate in at_edge(found).items():
            print(
                f"note: {arch} is best at {rate:g}, the edge of sweep_lr: a better rate may lie beyond",
                file=sys.stderr,
            )
        runs = read_runs([path for path in runs_of(found).values() if (path / "config.json").exists()])
        if runs:
            rows, heads = rows_of(runs), columns(runs)
            write_atomic(found.out / "report.html", page(runs, f"Study {study.stem}"))
            for name, table in (("md", as_markdown), ("csv", as_csv), ("tex", as_latex)):
                write_atomic(found.out / f"report.{name}", table(heads, rows))
        counts = {
            state: sum(o.state == state for o in outcomes) for state in ("done", "kept", "failed", "left")
        }
        if json:
            print_json({"out": str(found.out), "report": str(found.out / "report.html"), "steps": counts})
        elif not quiet:
            if runs:
                print(as_text(heads, rows), end="")
            told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
            print(f"{found.out}/report.html: {told}, {time.monotonic() - begun:.0f} s")
        if counts["failed"] or counts["left"]:
            raise RotrainError(
                f"{counts['failed']} of {len(steps)} steps failed", hint="the same command tries them again"
            )
