"""`rotools sample`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json, Quiet
from rotools.sample import sample as write


def sample(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("corpus.jsonl"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write real Romanian text for a first try: the glosses of RoWordNet.

    \b
    Examples:
      rotools sample --out corpus.jsonl
    """
    result = write(out)
    if as_json:
        console.print_json(result.to_dict())
        return
    console.say(f"{out}: {result.documents:,} documents; {result.licence}", quiet=quiet)
