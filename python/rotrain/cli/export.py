"""`rotrain export`: a trained model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json, tell_notes


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    to: Annotated[str, typer.Option(help="Format: hf (a Hugging Face folder).")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Write a trained model in another format, and prove that it computes the same.

    \b
    Example:
      rotrain export runs/llama-mha-nano --to hf --out exports/llama-mha-nano
    """
    with app_errors():
        from rotrain.errors import UsageError

        if to != "hf":
            raise UsageError(f"there is no format {to!r}", hint="formats are: hf")
        from rotrain.export.hf import export_hf
        from rotrain.train.load import load_run

        trained = load_run(run)
        tell_notes(trained.notes, quiet=quiet)
        result = export_hf(trained, out)
        if json:
            print_json(result)
        if json or quiet:
            return
        difference = result["max_logit_difference"]
        proof = (
            "not checked: transformers is not installed"
            if difference is None
            else f"transformers loads it; logits differ by {difference:.1e} at most (limit {result['tolerance']:g})"
        )
        print(f"{out}: step {result['step']:,}, {result['bytes']:,} bytes; {proof}")
