"""What every verb shares: where output goes, and how a failure ends.

Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 128 + n
stopped by signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rotools.errors import printable
from rotrain.errors import RotrainError, Stopped, system_hint
from rotrain.requirements import require_train_packages

SPINS = 2_000
"""How often a thread of libgomp looks for work before it sleeps."""


@contextmanager
def app_errors() -> Iterator[None]:
    """Print an error as a sentence and a hint, and end with its exit code."""
    try:
        require_train_packages()
        yield
    except RotrainError as error:
        _print("error", str(error))
        hint = error.hint
        if hint is None and isinstance(error.__context__, OSError):
            hint = system_hint(error.__context__)
        if hint:
            _print("hint", hint)
        sys.exit(error.exit_code)
    except Stopped as stop:
        _print("stopped", str(stop))
        sys.exit(128 + stop.signal)
    except KeyboardInterrupt:
        _print("stopped", "by Ctrl-C")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of standard output ended (`| head`): nothing is wrong, nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError as error:
        _print("error", f"the system refused memory: {' '.join(str(error).split()) or 'no reason given'}")
        _print("hint", system_hint(OSError(errno.ENOMEM, "")))
        sys.exit(1)
    except OSError as error:
        _print("error", f"{error.filename}: {error.strerror}" if error.filename else str(error))
        _print("hint", system_hint(error))
        sys.exit(1)


def wait_asleep() -> None:
    """Let threads that wait for other threads sleep soon. Call it before PyTorch or llama.cpp is loaded.

    By default a thread of libgomp spins for milliseconds before it sleeps. Beside another program that takes most of the rate
    of both. `SPINS` rounds take about as long as waking a thread, so they cost nothing on an idle machine (docs/log/training.md).
    Benchmarks do not call it: they measure each engine as it comes. What the user has set stays.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        # libgomp reads both, and the count decides. Other libraries of OpenMP read the policy only.
        os.environ |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": str(SPINS)}


def print_json(value: Any) -> None:
    """Print data for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def split_names(text: str) -> list[str]:
    """Return the names of a comma-separated list.

    Examples:
        >>> split_names("fp32, bf16")
        ['fp32', 'bf16']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def _print(kind: str, text: str) -> None:
    print(f"{kind}: {printable(text)}", file=sys.stderr)
