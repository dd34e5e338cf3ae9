"""The errors that a user sees: one sentence, a place and a next step."""

from __future__ import annotations

from pydantic import ValidationError

from rotools.distribution import install
from rotools.errors import system_hint

__all__ = ["RotrainError", "Stopped", "UsageError", "install", "reason", "system_hint"]


class RotrainError(Exception):
    """A failure that the user can act on. The command line prints it and ends with `exit_code`.

    Attributes:
        what: What is wrong, in one sentence.
        place: Where: a file, a key, a line. None where there is no place.
        hint: What to do next, or None.
        exit_code: 1; 2 for a `UsageError`.

    Examples:
        >>> error = RotrainError("there is no pack here", place="corpus", hint="make one with `rotools pack`")
        >>> print(error)
        corpus: there is no pack here
    """

    exit_code = 1

    def __init__(self, what: str, *, place: object = None, hint: str | None = None) -> None:
        self.what = what
        self.place = None if place is None else str(place)
        self.hint = hint
        super().__init__(f"{self.place}: {what}" if self.place else what)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the parts, so that an error passes from a worker of a DataLoader to its parent."""
        return _rebuild, (type(self), self.what, self.place, self.hint)


def _rebuild(kind: type[RotrainError], what: str, place: str | None, hint: str | None) -> RotrainError:
    return kind(what, place=place, hint=hint)


class UsageError(RotrainError):
    """The call itself is wrong: an unknown key, a value out of range, a missing argument.

    Examples:
        >>> UsageError("there is no size 'huge'").exit_code
        2
    """

    exit_code = 2


class Stopped(Exception):
    """A signal asked the run to stop. Everything is saved.

    Attributes:
        signal: Number of the signal. The command line ends with 128 plus it (130 for Ctrl-C).
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def reason(error: Exception) -> str:
    """Return what is wrong with a file, on one line, from what its reader raised.

    Examples:
        >>> reason(KeyError("model"))
        "there is no 'model'"
    """
    if isinstance(error, KeyError):
        return f"there is no {error}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())
