"""SIGTERM and Ctrl-C ask a run to save and stop. A second Ctrl-C stops it at once."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignals:
    """Catch the signals that ask for a stop, inside a `with` block.

    Attributes:
        number: The signal that asked for a stop; 0 if none did.
    """

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
