"""`rotools verify`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import Json, Quiet


def verify(
    directory: Annotated[Path, typer.Argument(help="A pack directory.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every byte of a pack against its manifest.

    \b
    Example:
      rotools verify pack
    """
    checked = console.watch(lambda progress: _rotext.verify(directory, progress), quiet=quiet)
    if as_json:
        console.print_json(checked)
        return
    console.say(
        f"{directory}: whole; {checked['shards']} shards, {checked['tokens']:,} tokens, "
        f"{checked['documents']:,} documents",
        quiet=quiet,
    )
