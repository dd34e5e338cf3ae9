"""`rotools verify`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import Json, Quiet
from rotools.verify import verify as check


def verify(
    directory: Annotated[Path, typer.Argument(help="A pack directory.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every byte of a pack against its manifest.

    \b
    Examples:
      rotools verify pack
    """
    with Display(quiet=quiet) as display:
        checked = check(directory, progress=display.callback)
    if as_json:
        console.print_json(checked.to_dict())
        return
    console.say(
        f"{directory}: complete; {checked.shards} shards, {checked.tokens:,} tokens, "
        f"{checked.documents:,} documents",
        quiet=quiet,
    )
