"""`rotools report`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import Json, Quiet
from rotools.report import report as write


def report(
    pack: Annotated[Path, typer.Argument(help="A pack directory.")] = Path("pack"),
    out: Annotated[
        Path | None, typer.Option(help="The page to write. By default report.html in the pack.")
    ] = None,
    texts: Annotated[
        bool, typer.Option(help="Read the sources again for the texts of examples and duplicates.")
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one offline page: what happened to the documents, by stage and rule, with examples and differences.

    \b
    Examples:
      rotools report pack
      rotools report pack --out report.html --no-texts
    """
    with Display(quiet=quiet or as_json) as display:
        result = write(pack, out, texts=texts, progress=display.callback)
    if as_json:
        console.print_json(result.to_dict())
        return
    console.say(
        f"{result.out}: {result.rows:,} decisions by {result.rules} rules, {result.clusters} clusters, "
        f"{result.texts} texts",
        quiet=quiet,
    )
    if result.missing:
        console.say(f"  texts are missing: {result.missing}", quiet=quiet)
