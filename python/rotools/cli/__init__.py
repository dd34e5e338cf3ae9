"""The command line of rotools."""

import io
import sys

from rotools.cli import console
from rotools.errors import RotoolsError

STOPPED = 130
"""Exit code after Ctrl-C."""


def main() -> None:
    """Run the command line. This is the entry point of the script `rotools`."""
    from rotools.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        # A terminal that is not UTF-8 shows `?` for a letter that it lacks; a traceback would show nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except RotoolsError as error:
        console.fail(str(error), error.hint)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        console.fail(f"{error.filename}: {(error.strerror or str(error)).lower()}", "check the path")
        sys.exit(1)
    except SystemExit as end:
        # Typer turns Ctrl-C into this exit code, without a word.
        if end.code == STOPPED:
            console.fail("stopped by the user; no incomplete file is left")
        raise
