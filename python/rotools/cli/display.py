"""The progress of a verb: bars on a terminal, a line now and then in a log file."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rotools.cli.console import say
from rotools.progress import Callback, Status

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LOG_INTERVAL_S = 30
"""Between two lines of progress where there is no terminal."""


class Display:
    """A context in which a long call reports its progress. Pass `callback` to the call.

    With `quiet`, there is no callback and nothing is shown.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._view: _Bars | _Lines | None = None
        if not quiet:
            self._view = _Bars() if sys.stderr.isatty() else _Lines()

    @property
    def callback(self) -> Callback | None:
        """What the call takes as `progress`."""
        return None if self._view is None else self._view.show

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view is not None:
            self._view.close()


class _Lines:
    """Lines for log files, where bars would be noise."""

    def __init__(self) -> None:
        self._number = 0
        self._step_began = self._last_line = time.monotonic()

    def show(self, status: Status) -> None:
        now = time.monotonic()
        if status.number != self._number:
            self._number, self._step_began = status.number, now
        if now - self._last_line < LOG_INTERVAL_S or not status.step:
            return
        self._last_line = now
        seconds = max(now - self._step_began, 1e-3)
        share = ""
        if status.done and status.total:
            left = seconds * (status.total - status.done) / status.done
            share = f" {100 * status.done / status.total:.0f} %, about {left:.0f} s left,"
        say(f"{status.step}:{share} {_rate(status, seconds)}".rstrip(", "))

    def close(self) -> None:
        """Nothing is left to draw."""


class _Bars:
    """A bar for each step."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._number = 0
        self._step_began = 0.0

    def show(self, status: Status) -> None:
        if self._bars is None:
            self._bars = _start_bars()
        if status.number != self._number:
            self._complete()
            self._number, self._step_began = status.number, time.monotonic()
            self._task = self._bars.add_task(status.step, total=status.total or None, rate="")
        if self._task is not None:
            seconds = max(time.monotonic() - self._step_began, 1e-3)
            self._bars.update(
                self._task,
                total=status.total or None,
                completed=status.done,
                rate=_rate(status, seconds),
            )

    def close(self) -> None:
        self._complete()
        if self._bars is not None:
            self._bars.stop()

    def _complete(self) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, total=1, completed=1)


def _start_bars() -> "Progress":
    # rich takes a tenth of a second to import; only a terminal needs it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=Console(stderr=True))
    bars.start()
    return bars


def _rate(status: Status, seconds: float) -> str:
    if not status.bytes:
        return status.note
    return f"{status.bytes / 1e6 / seconds:.1f} MB/s, {status.documents / seconds:,.0f} documents/s"
