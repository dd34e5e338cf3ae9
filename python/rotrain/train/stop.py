"""SIGTERM and Ctrl-C ask a run to save and stop; a second Ctrl-C stops it at once."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignals:
    """Inside `with`, `number` is the signal that asked for a stop, 0 while none has."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> StopSignals:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
