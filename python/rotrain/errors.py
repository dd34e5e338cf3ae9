"""The one error a user sees: a sentence, a place and a next step."""

from __future__ import annotations

from rotools.distribution import install

__all__ = ["RotrainError", "Stopped", "UsageError", "install"]


class RotrainError(Exception):
    """A failure the user can act on.

    `message` says what is wrong in one sentence, `place` where (a file, a key, a line), and
    `hint` what to do next. The command line prints them and ends with exit code 1; a
    `UsageError` ends with 2.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: object = None, hint: str | None = None) -> None:
        self.message = message
        self.place = None if place is None else str(place)
        self.hint = hint
        super().__init__(f"{self.place}: {message}" if self.place else message)


class UsageError(RotrainError):
    """The command itself is wrong: an unknown key, a value out of range, a missing word."""

    exit_code = 2


class Stopped(Exception):
    """The user or the system asked the run to stop; what was done is saved.

    `signal` is the number of the signal; the exit code is 128 plus it (130 for Ctrl-C).
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal
