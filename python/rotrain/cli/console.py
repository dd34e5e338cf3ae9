"""What every verb shares: where output goes, and how a failure ends.

Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
2 wrong usage, 128 + n stopped by signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rotrain.errors import RotrainError, Stopped


@contextmanager
def app_errors() -> Iterator[None]:
    """Turn errors into a sentence, a hint and an exit code."""
    try:
        yield
    except RotrainError as error:
        _tell("error", str(error))
        if error.hint:
            _tell("hint", error.hint)
        sys.exit(error.exit_code)
    except Stopped as stop:
        _tell("stopped", str(stop))
        sys.exit(128 + stop.signal)
    except KeyboardInterrupt:
        _tell("stopped", "by Ctrl-C")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of standard output went away (`| head`): nothing is wrong, nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _tell("error", f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(1)


def print_json(value: Any) -> None:
    """Data for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def tell_notes(notes: list[str], *, quiet: bool) -> None:
    """Say which damaged checkpoints were passed over."""
    for note in [] if quiet else notes:
        _tell("note", note)


def tell_warnings(sentences: list[str], *, quiet: bool) -> None:
    """Say what the result cannot keep, or what is to be known of it."""
    for sentence in [] if quiet else sentences:
        _tell("note", sentence)


def _tell(kind: str, text: str) -> None:
    print(f"{kind}: {text}", file=sys.stderr)
