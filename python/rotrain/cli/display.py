"""What a command shows while it works: bars on a terminal, plain lines elsewhere.

Everything here goes to standard error. Data goes to standard output.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import time
from typing import Any

from rotrain.progress import Progress, clock

PLAIN_SECONDS = 5.0


class Quiet(Progress):
    """Show notes only."""

    def note(self, text: str) -> None:
        """Print the note."""
        print(f"note: {text}", file=sys.stderr, flush=True)


class Plain(Quiet):
    """Print lines of text: every message, and of a training the first step, the last, and one every few seconds."""

    def __init__(self) -> None:
        self.steps, self.shown = 0, -PLAIN_SECONDS

    def message(self, text: str) -> None:
        """Print the message."""
        print(text, file=sys.stderr, flush=True)

    def start_training(self, step: int, steps: int) -> None:
        """Remember the number of the last step."""
        self.steps = steps

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        """Print the line if it is the last, or if the one before is some seconds old."""
        now = time.monotonic()
        if line["step"] == self.steps or now - self.shown >= PLAIN_SECONDS:
            self.shown = now
            self.message(f"step {line['step']:,}/{self.steps:,}  {_figures(line, seconds_left)}")

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Print the scores."""
        self.message(_scores(step, scores))


class Live(Quiet):
    """Draw bars on a terminal: one for a training, one for each other task."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        atexit.register(self.close)  # an error must not leave a bar, or the cursor hidden
        self._training: Any = None
        self._training_task: Any = None
        self._tasks: Any = None
        self._task_ids: dict[str, Any] = {}
        self._has_detail = False

    def message(self, text: str) -> None:
        """Print the message above the bars."""
        self._clear_detail()
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print the note above the bars."""
        self.message(f"note: {text}")

    def detail(self, text: str) -> None:
        """Show the line in place of the one before."""
        width = shutil.get_terminal_size().columns - 3
        print(f"\r\033[K  {text[:width]}", end="", file=sys.stderr, flush=True)
        self._has_detail = True

    def update(self, task: str, done: int, total: int) -> None:
        """Move the bar of a task. The bar disappears when the task is done."""
        if self._tasks is None:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bars

            self._clear_detail()
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._tasks = Bars(*columns, console=self.console, transient=True)
            self._tasks.start()
        if task not in self._task_ids:
            self._task_ids[task] = self._tasks.add_task(task, total=total)
        self._tasks.update(self._task_ids[task], completed=done, total=total)
        if done >= total:
            self._tasks.remove_task(self._task_ids.pop(task))

    def start_training(self, step: int, steps: int) -> None:
        """Draw the bar of a training."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        self._training = Bars(*columns, console=self.console)
        self._training_task = self._training.add_task("", total=steps, completed=step, figures="")
        self._training.start()

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        """Move the bar of the training and show loss, rate, speed, MFU and time left."""
        if self._training is not None:
            figures = _figures(line, seconds_left)
            self._training.update(self._training_task, completed=line["step"], figures=figures)

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Print the scores above the bar."""
        self.message(_scores(step, scores))

    def close(self) -> None:
        """Remove the bars."""
        self._clear_detail()
        for bars in (self._training, self._tasks):
            if bars is not None:
                bars.stop()
        self._training = self._tasks = None
        self._task_ids.clear()

    def _clear_detail(self) -> None:
        if self._has_detail:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._has_detail = False


def choose_display(*, quiet: bool = False, messages: bool = True) -> Progress:
    """Return the display for standard error as it is.

    Args:
        quiet: Show nothing at all.
        messages: Show messages and bars; otherwise notes only.
    """
    if quiet:
        return Progress()
    if not messages:
        return Quiet()
    return Live() if sys.stderr.isatty() else Plain()


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
