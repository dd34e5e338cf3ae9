"""`rotools why`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import Json
from rotools.ledger import explain
from rotools.ledger import why as look


def why(
    document: Annotated[str, typer.Argument(help="A document's id, or its place as file:line.")],
    ledger: Annotated[Path | None, typer.Option(help="A ledger; by default the one of the pack.")] = None,
    pack: Annotated[Path, typer.Option(help="A pack directory.")] = Path("pack"),
    as_json: Json = False,
) -> None:
    """Say why a document went, was changed or was flagged, with rule, value, threshold and partner.

    \b
    Examples:
      rotools why d17 --pack pack
      rotools why web.jsonl:1842 --ledger clean.jsonl.ledger.parquet
    """
    path = ledger if ledger is not None else pack / "ledger.parquet"
    found = look(document, path)
    if as_json:
        console.print_json({"document": document, "ledger": str(path), **found})
        return
    for row in found["rows"]:
        print(f"{row['document']} ({row['source']}:{row['line']}): {explain(row)}")
    if found["stands_for"]:
        named = ", ".join(row["document"] for row in found["examples"])
        more = ", ..." if found["stands_for"] > len(found["examples"]) else ""
        print(f"{document} stays for {found['stands_for']:,} others: {named}{more}")
    if not found["rows"] and not found["stands_for"]:
        print(f"{document}: nothing was decided about it; it stayed as it is, or no input has it")
