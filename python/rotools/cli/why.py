"""`rotools why`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json
from rotools.ledger import explain
from rotools.ledger import why as look_up


def why(
    document: Annotated[str, typer.Argument(help="Id of a document, or its place as file:line.")],
    ledger: Annotated[Path | None, typer.Option(help="A ledger. By default the one of the pack.")] = None,
    pack: Annotated[Path, typer.Option(help="A pack directory.")] = Path("pack"),
    as_json: Json = False,
) -> None:
    """Say why a document was removed, changed or flagged, with rule, value, threshold and partner.

    \b
    Examples:
      rotools why d17 --pack pack
      rotools why web.jsonl:1842 --ledger clean.jsonl.ledger.parquet
    """
    found = look_up(document, pack=pack, ledger=ledger)
    if as_json:
        console.print_json(found.to_dict())
        return
    for row in found.rows:
        console.show(f"{row['document']} ({row['source']}:{row['line']}): {explain(row)}")
    if found.stands_for:
        named = ", ".join(row["document"] for row in found.examples)
        more = ", ..." if found.stands_for > len(found.examples) else ""
        noun = "document" if found.stands_for == 1 else "documents"
        console.show(f"{document} represents {found.stands_for:,} removed {noun}: {named}{more}")
    if not found.rows and not found.stands_for:
        console.show(
            f"{document}: the ledger has no decision about it; it was kept unchanged, or no input has it"
        )
