"""SIGTERM, SIGUSR1, SIGHUP and Ctrl-C ask a run to save and stop. A second Ctrl-C stops it at once.

Slurm sends SIGUSR1 before the end of a job (`--signal=USR1@60`), a terminal that is closed sends SIGHUP.
"""

from __future__ import annotations

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


class StopSignals:
    """Catch the signals that ask for a stop, inside a `with` block.

    Attributes:
        number: The signal that asked for a stop; 0 if none did.
    """

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> StopSignals:
        # `nohup` ignores SIGHUP: what is ignored stays ignored.
        asked = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._ask) for number in asked}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
