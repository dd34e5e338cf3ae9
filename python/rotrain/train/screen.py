"""What a training run shows while it works: on a terminal a live line, elsewhere plain lines.

Everything here goes to standard error; data goes to standard output.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

PLAIN_SECONDS = 5.0


class Screen(Protocol):
    """What the loop tells."""

    def say(self, text: str) -> None:
        """A sentence."""

    def start(self, step: int, steps: int) -> None:
        """Training begins at `step` of `steps`."""

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        """A line of metrics, as it is logged."""

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Held-out scores by domain."""

    def close(self) -> None:
        """Training ended, in whatever way."""


class Quiet:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def start(self, step: int, steps: int) -> None:
        """Nothing."""

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        """Nothing."""

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Plain(Quiet):
    """Lines of text: the first step, the last, and one every few seconds between."""

    def __init__(self) -> None:
        self.steps, self.shown = 0, -PLAIN_SECONDS

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def start(self, step: int, steps: int) -> None:
        self.steps = steps

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        now = time.monotonic()
        if line["step"] == self.steps or now - self.shown >= PLAIN_SECONDS:
            self.shown = now
            self.say(f"step {line['step']:,}/{self.steps:,}  {_figures(line, seconds_left)}")

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        self.say(_scores(step, scores))


class Live(Quiet):
    """A bar with loss, learning rate, speed, MFU and time left, on a terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        self.progress = Progress(*columns, console=self.console)
        self.task: TaskID | None = None

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def start(self, step: int, steps: int) -> None:
        self.task = self.progress.add_task("", total=steps, completed=step, figures="")
        self.progress.start()

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        if self.task is not None:
            self.progress.update(self.task, completed=line["step"], figures=_figures(line, seconds_left))

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        self.say(_scores(step, scores))

    def close(self) -> None:
        self.progress.stop()


def choose_screen(*, quiet: bool) -> Screen:
    """The screen for standard error as it is."""
    if quiet:
        return Quiet()
    return Live() if sys.stderr.isatty() else Plain()


def clock(seconds: float) -> str:
    """Hours, minutes, seconds: 1:02:03, or 2:03 under an hour."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _figures(line: dict[str, Any], seconds_left: float) -> str:
    mfu = "" if line["mfu"] is None else f"  MFU {line['mfu']:.1%}"
    loss = "not finite" if line["loss"] is None else f"{line['loss']:.3f}"
    return (
        f"{line['phase']}  loss {loss}  lr {line['lr']:.2e}  "
        f"{line['tokens_per_s']:,.0f} tok/s{mfu}  left {clock(seconds_left)}"
    )


def _scores(step: int, scores: dict[str, dict[str, float | int]]) -> str:
    parts = [
        f"{name} {score['bpb']:.3f} bits/byte (ppl {score['ppl']:,.1f})" for name, score in scores.items()
    ]
    return f"step {step:,}  held-out: " + ("  ".join(parts) or "no text")
