"""`rotools sample`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json, Quiet


def sample(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("corpus.jsonl"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write real Romanian text for a first try: the glosses of RoWordNet.

    \b
    Example:
      rotools sample --out corpus.jsonl
    """
    from rotools.sample import write

    documents, licence = write(out)
    if as_json:
        console.print_json({"out": str(out), "documents": documents, "licence": licence})
        return
    console.say(f"{out}: {documents:,} documents; {licence}", quiet=quiet)
