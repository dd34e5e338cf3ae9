"""`rotrain report`: write one page about many models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run directories, with the results of `evaluate` and `bench` in them; or results of `evaluate --out`."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="File to write: .html, or .md, .csv, .tex for the table alone.")
    ] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Small language models for Romanian",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    """Write one offline page: what to use, the table of all variants, charts, samples, methods.

    The charts of a page or a .tex file are also written as SVG and PDF, to a folder beside it.

    \b
    Examples:
      rotrain report runs/llama-mha-nano runs/mamba2-nano --out report.html
      rotrain report runs/llama-mha-nano runs/mamba2-nano smollm.json --out table.tex
    """
    with app_errors():
        from rotrain.report.write import write_report

        result = write_report(runs, out, title=title)
        if json:
            print_json(result.to_dict())
        elif not quiet:
            for note in result.notes:
                print(f"note: {note}")
            print(f"{result.out}: {result.runs} runs, {len(result.rows)} variants")
