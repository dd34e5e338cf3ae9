"""`run_study`: perform every step of a study, then write its report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.compare.matrix import Outcome, at_edge, run_matrix, runs_of, steps_of
from rotrain.compare.study import read_study
from rotrain.errors import RotrainError
from rotrain.files import write_atomic
from rotrain.progress import Progress, clock
from rotrain.report.page import page
from rotrain.report.results import read_runs
from rotrain.report.table import as_csv, as_latex, as_markdown, as_text, columns, rows_of

STATES = ("done", "kept", "failed", "left")


@dataclass(frozen=True)
class StudyResult:
    """A study and its report.

    Attributes:
        out: Folder of the study.
        report: The page report.html; report.md, report.csv and report.tex are beside it.
        steps: Number of steps by state: done, kept (done before), failed, left (what they need failed).
        outcomes: How each step ended.
        table: The table of the report as text; empty without a run.
        seconds: Time of this call.
    """

    out: Path
    report: Path
    steps: dict[str, int]
    outcomes: list[Outcome] = field(repr=False)
    table: str = field(repr=False)
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain compare --json` prints it."""
        return {"out": str(self.out), "report": str(self.report), "steps": self.steps}

    def check(self) -> None:
        """Raise an error if a step failed.

        Raises:
            RotrainError: A step failed, or was left because another one failed.
        """
        if self.steps["failed"] or self.steps["left"]:
            raise RotrainError(
                f"{self.steps['failed']} of {len(self.outcomes)} steps failed",
                hint="the same command tries them again",
            )


def plan_study(study: str | PathLike[str]) -> list[dict[str, Any]]:
    """Return the steps of a study with their commands, in their order. Nothing runs.

    Args:
        study: Study file (TOML), see docs/compare.md.

    Raises:
        UsageError: The study file has a wrong key or value.

    Example:
        >>> _ = Path("study.toml").write_text("archs = ['mamba2']\\nvariants = []")
        >>> [step["step"] for step in plan_study("study.toml")]
        ['fit mamba2-nano', 'evaluate mamba2-nano']
    """
    return [
        {"step": step.name, "command": ["rotrain", *step.args]} for step in steps_of(read_study(Path(study)))
    ]


def run_study(study: str | PathLike[str], progress: Progress | None = None) -> StudyResult:
    """Train, quantize, evaluate and benchmark every cell of a study, then write its report.

    The same call continues where it stopped. If a step fails, the others still run; see `StudyResult.check`.

    Args:
        study: Study file (TOML), see docs/compare.md.
        progress: Receives a message when a step starts, a detail for each line it prints, and a note when one fails.

    Raises:
        UsageError: The study file has a wrong key or value.
        RotrainError: The study file cannot be read.

    Example:
        >>> run_study("configs/study/example.toml").steps["failed"]  # doctest: +SKIP
        0
    """
    progress = progress or Progress()
    file = Path(study)
    found = read_study(file)
    steps = steps_of(found)
    began = time.monotonic()
    outcomes = []

    def begin(text: str, left: float | None) -> None:
        progress.message(text if left is None else f"{text}  (about {clock(left)} left)")

    for outcome in run_matrix(found, steps, begin, progress.detail):
        outcomes.append(outcome)
        if outcome.state in ("failed", "left"):
            progress.note(f"{outcome.step.name}: {outcome.state}: {outcome.message}")
    progress.close()
    for arch, rate in at_edge(found).items():
        progress.note(f"{arch} is best at {rate:g}, the edge of sweep_lr: a better rate may lie beyond")
    table = ""
    runs = read_runs([path for path in runs_of(found).values() if (path / "config.json").exists()])
    if runs:
        rows, heads = rows_of(runs), columns(runs)
        write_atomic(found.out / "report.html", page(runs, f"Study {file.stem}"))
        for name, form in (("md", as_markdown), ("csv", as_csv), ("tex", as_latex)):
            write_atomic(found.out / f"report.{name}", form(heads, rows))
        table = as_text(heads, rows)
    return StudyResult(
        out=found.out,
        report=found.out / "report.html",
        steps={state: sum(outcome.state == state for outcome in outcomes) for state in STATES},
        outcomes=outcomes,
        table=table,
        seconds=time.monotonic() - began,
    )
