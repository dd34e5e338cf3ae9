"""The command line of rotools."""

import sys

from rotools.cli import console
from rotools.errors import RotoolsError


def main() -> None:
    """Run the command line. This is the entry point of the script `rotools`."""
    from rotools.cli.app import app

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
    except KeyboardInterrupt:
        console.fail("stopped by the user; no incomplete file is left")
        sys.exit(130)
