"""`run_study`: run every step of a study, then write its report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.compare.matrix import Outcome, baselines_of, rates_at_edge, run_matrix, runs_of, steps_of
from rotrain.compare.study import read_study
from rotrain.errors import RotrainError
from rotrain.files import write_atomic
from rotrain.progress import Progress, clock
from rotrain.report.results import read_runs
from rotrain.report.table import as_text, columns, rows_of
from rotrain.report.write import FORMS, draw, render

STATES = ("done", "kept", "failed", "left")


@dataclass(frozen=True)
class StudyResult:
    """A study and its report.

    Attributes:
        out: Folder of the study.
        report: The page report.html; report.md, report.csv, report.tex and report-figures/ are beside it.
        steps: Number of steps by state: done, kept (done before), failed, left (skipped, because a step that they need
            failed).
        outcomes: How each step ended.
        table: The table of the report as text. Empty if there is no run.
        seconds: Time of this call, in seconds.
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
            RotrainError: A step failed.
        """
        if self.steps["failed"] or self.steps["left"]:
            raise RotrainError(
                f"{self.steps['failed']} of {len(self.outcomes)} steps failed",
                hint="run the same command again to retry them",
            )


def plan_study(study: str | PathLike[str]) -> list[dict[str, Any]]:
    """Return the steps of a study with their commands, in their order, without running them.

    Args:
        study: Study file (TOML), see docs/reference/study.md.

    Raises:
        UsageError: The study file has a wrong key or value.
        RotrainError: The study file cannot be read.

    Examples:
        >>> _ = Path("study.toml").write_text("archs = ['mamba2']\\nseeds = [0]\\nvariants = []")
        >>> [step["step"] for step in plan_study("study.toml")]
        ['fit mamba2-nano', 'evaluate mamba2-nano', 'evaluate baseline ngram', 'evaluate baseline zstd']
    """
    return [
        {"step": step.name, "command": ["rotrain", *step.args]} for step in steps_of(read_study(Path(study)))
    ]


def run_study(study: str | PathLike[str], progress: Progress | None = None) -> StudyResult:
    """Train, quantize, evaluate and benchmark the models of a study, then write its report.

    The same call continues a study that was stopped. If a step fails, the other steps still run, and `StudyResult.check`
    raises an error.

    Args:
        study: Study file (TOML), see docs/reference/study.md.
        progress: Receives a message when a step starts, a detail for each line that it prints, and a note when it fails.

    Raises:
        UsageError: The study file has a wrong key or value.
        RotrainError: The study file cannot be read.

    Examples:
        >>> run_study("configs/study/example.toml").steps["failed"]  # doctest: +SKIP
        0
    """
    progress = progress or Progress()
    file = Path(study)
    config = read_study(file)
    steps = steps_of(config)
    started_at = time.monotonic()
    outcomes = []

    def on_start(text: str, remaining_s: float | None) -> None:
        progress.message(text if remaining_s is None else f"{text}  (about {clock(remaining_s)} left)")

    for outcome in run_matrix(config, steps, on_start, progress.detail):
        outcomes.append(outcome)
        if outcome.state in ("failed", "left"):
            progress.note(f"{outcome.step.name}: {outcome.state}: {outcome.message}")
    progress.close()
    for arch, rate in rates_at_edge(config).items():
        progress.note(f"{arch} is best at {rate:g}, the edge of sweep_lr: a rate outside of it may be better")
    table = ""
    paths = [path for path in runs_of(config).values() if (path / "config.json").exists()]
    runs = read_runs([*paths, *(file for file in baselines_of(config).values() if file.exists())])
    if runs:
        rows, header = rows_of(runs), columns(runs)
        figures, notes = draw(runs, config.out / "report.html")
        for note in notes:
            progress.note(note)
        for suffix in FORMS:
            content = render(runs, f"Study {file.stem}", suffix, figures, "report-figures")
            write_atomic(config.out / f"report{suffix}", content)
        table = as_text(header, rows)
    return StudyResult(
        out=config.out,
        report=config.out / "report.html",
        steps={state: sum(outcome.state == state for outcome in outcomes) for state in STATES},
        outcomes=outcomes,
        table=table,
        seconds=time.monotonic() - started_at,
    )
