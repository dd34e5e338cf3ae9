"""The command line of rotools."""

import sys

from rotools._rotext import RotoolsError
from rotools.cli import console


def main() -> None:
    """Entry point of the script `rotools`."""
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
        console.fail("stopped by the user; no half file is left")
        sys.exit(130)
