"""Wait until other programs leave the machine alone, for a limited time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rotrain.bench.guard import contention, read_clock

POLL_S = 0.5
"""How long the machine is watched to call it quiet."""
MESSAGE_INTERVAL_S = 60.0
"""Seconds between two sentences of a long wait."""


class QuietWait:
    """The time that is left to wait for a quiet machine, for a whole benchmark.

    Args:
        limit_s: Seconds to wait, all waits together.
        notify: Receives a sentence when a wait starts, each minute, and when the time is spent.
    """

    def __init__(self, limit_s: float, notify: Callable[[str], None]) -> None:
        self.left_s, self._limit_s, self._notify = limit_s, limit_s, notify

    def wait(self) -> bool:
        """Wait until the machine is quiet or no time is left, and return whether it is quiet. It does not wait if no time is left."""
        notified_at = None
        while self.left_s > 0:
            started_at = time.monotonic()
            found = watch_machine()
            if found["quiet"] is not False:
                return True
            if notified_at is None or started_at - notified_at >= MESSAGE_INTERVAL_S:
                notified_at = started_at
                self._notify(
                    f"waiting for a quiet machine: other programs use {found['foreign_cores']:.2f} cores "
                    f"(at most {self.left_s / 60:.0f} of {self._limit_s / 60:g} minutes more)"
                )
            self.left_s -= max(time.monotonic() - started_at, POLL_S)
            if self.left_s <= 0:
                self._notify("the machine did not get quiet: the figures are measured now, and marked")
        return False


def watch_machine() -> dict[str, Any]:
    """Return how much other processes use the machine now, see `rotrain.bench.guard.contention`."""
    before = read_clock()
    time.sleep(POLL_S)
    return contention(before, read_clock(), 0.0)
