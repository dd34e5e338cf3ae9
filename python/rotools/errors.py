"""Errors that are found in Python, in the form of the core's: a sentence, the next step, an exit code."""

from rotools._rotext import RotoolsError

__all__ = ["RotoolsError", "failure", "usage"]


def failure(what: str, hint: str, code: int = 1) -> RotoolsError:
    """An error of a run: what is wrong and where, and what to do next."""
    error = RotoolsError(what)
    error.hint, error.exit_code = hint, code
    return error


def usage(what: str, hint: str) -> RotoolsError:
    """An error of usage (exit code 2)."""
    return failure(what, hint, 2)
