"""The program's own entry point, run in this process: PyTorch is not loaded anew for each command."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from rotrain.cli import main


@dataclass(frozen=True)
class Ended:
    """What a command gave."""

    returncode: int
    stdout: str
    stderr: str


def rotrain(*words: object) -> Ended:
    """Run `rotrain WORDS`."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["rotrain", *map(str, words)]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Ended(code, out.getvalue(), err.getvalue())
