"""`rotrain report`: one page about many models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories, with what `evaluate` and `bench` left in them.")
    ],
    out: Annotated[
        Path, typer.Option(help="File to write: .html, .md, .csv or .tex (the table alone).")
    ] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Small language models for Romanian",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Write one offline page: what to use, the table of all variants, charts, samples, methods.

    \b
    Examples:
      rotrain report runs/llama-mha-nano runs/mamba2-nano --out report.html
      rotrain report runs/llama-mha-nano runs/mamba2-nano --out table.tex
    """
    with app_errors():
        from rotrain.errors import UsageError
        from rotrain.files import write_atomic
        from rotrain.report.page import page
        from rotrain.report.results import read_runs
        from rotrain.report.table import as_csv, as_latex, as_markdown, columns, rows_of

        tables = {".md": as_markdown, ".csv": as_csv, ".tex": as_latex}
        if out.suffix not in (".html", *tables):
            raise UsageError(
                f"there is no report of the form {out.suffix!r}", hint="take .html, .md, .csv or .tex"
            )
        found = read_runs(runs)
        rows, heads = rows_of(found), columns(found)
        write_atomic(out, page(found, title) if out.suffix == ".html" else tables[out.suffix](heads, rows))
        if json:
            print_json({"out": str(out), "rows": [{c.name: c.text(row) for c in heads} for row in rows]})
        elif not quiet:
            print(f"{out}: {len(found)} runs, {len(rows)} variants")
