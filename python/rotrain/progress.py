"""What a long call reports while it works."""

from __future__ import annotations

from typing import Any


class Progress:
    """Receives the progress of a long call. This class ignores everything: override the methods that you want.

    Every function of the library that takes `progress` accepts an object of this class, or None. The command line
    passes one that draws bars on a terminal. The methods are called from the thread and the process that made the call.

    Examples:
        >>> class Printed(Progress):
        ...     def message(self, text: str) -> None:
        ...         print(text)
        >>> Printed().message("calibrating on 1,024 tokens")
        calibrating on 1,024 tokens
    """

    def message(self, text: str) -> None:
        """Receive one sentence about the work."""

    def note(self, text: str) -> None:
        """Receive one sentence that the user should read, for example about a damaged checkpoint."""

    def detail(self, text: str) -> None:
        """Receive a line that the next line replaces."""

    def update(self, task: str, done: int, total: int) -> None:
        """Receive the state of a task: `done` of `total` units. The task ends when they are equal."""

    def start_training(self, step: int, steps: int) -> None:
        """Receive the start of a training at `step` of `steps`."""

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        """Receive a line of metrics, as it is logged in metrics.jsonl, and the estimated time to the end."""

    def evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Receive the held-out scores of each phase after `step` steps."""

    def close(self) -> None:
        """Receive the end of a training, however it ended."""


def clock(seconds: float) -> str:
    """Return a duration as 1:02:03, or as 2:03 under an hour.

    Examples:
        >>> clock(3723), clock(123)
        ('1:02:03', '2:03')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
