"""`rotools report`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json, Quiet


def report(
    pack: Annotated[Path, typer.Argument(help="A pack directory.")] = Path("pack"),
    out: Annotated[
        Path | None, typer.Option(help="The page to write; by default report.html in the pack.")
    ] = None,
    texts: Annotated[
        bool, typer.Option(help="Read the sources again for the texts of examples and duplicates.")
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one offline page: where documents went, by stage and rule, with examples and differences.

    \b
    Examples:
      rotools report pack
      rotools report pack --out report.html --no-texts
    """
    from rotools.report import gather, page

    found = gather(pack, texts=texts, watch=lambda task: console.watch(task, quiet=quiet or as_json))
    path = out or pack / "report.html"
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(page(found, f"What went into {pack.name}"))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    rules, clusters = len(found.ledger["rules"]), len(found.ledger["clusters"])
    if as_json:
        console.print_json(
            {
                "out": str(path),
                "rows": found.ledger["rows"],
                "rules": rules,
                "clusters": clusters,
                "texts": len(found.texts),
            }
        )
        return
    console.say(
        f"{path}: {found.ledger['rows']:,} decisions by {rules} rules, {clusters} clusters, {len(found.texts)} texts",
        quiet=quiet,
    )
    if found.missing:
        console.say(f"  texts are missing: {found.missing}", quiet=quiet)
