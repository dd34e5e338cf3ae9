"""The command line of rotools."""

import io
import os
import sys

from rotools.cli import console
from rotools.errors import RotoolsError, system_hint

STOPPED = 130
"""Exit code after Ctrl-C."""


def main() -> None:
    """Run the command line. This is the entry point of the script `rotools`."""
    try:
        from rotools.cli.app import app

        for stream in (sys.stdout, sys.stderr):
            # A terminal that is not UTF-8 shows `?` for a letter that it lacks; a traceback would show nothing.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        app()
    except RotoolsError as error:
        hint = error.hint
        if hint is None and isinstance(error.__context__, OSError):
            hint = system_hint(error.__context__)
        console.fail(str(error), hint)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of standard output ended (`| head`): nothing is wrong, nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        console.fail(f"{error.filename}: {what}" if error.filename else what, system_hint(error))
        sys.exit(1)
    except KeyboardInterrupt:
        # Outside of the work: while the command line is read, or a summary is printed.
        console.fail("stopped by the user")
        sys.exit(STOPPED)
    except SystemExit as end:
        # Typer turns Ctrl-C into this exit code, without a word.
        if end.code == STOPPED:
            console.fail("stopped by the user; no incomplete file is left")
        raise
