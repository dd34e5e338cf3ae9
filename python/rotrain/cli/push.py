"""`rotrain push`: publish a model on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    model: Annotated[Path, typer.Argument(help="Run directory, or a folder of `export --to hf`.")],
    to: Annotated[str, typer.Argument(help="hub:OWNER/NAME.")],
    public: Annotated[
        bool, typer.Option("--public", help="Make a new repository public, or upload to a public one.")
    ] = False,
    license: Annotated[
        str | None, typer.Option(help="Licence of the weights for the card of a run, such as apache-2.0.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    """Upload a model and its card to the Hugging Face hub. A new repository is private, unless you say --public.

    Only the card, the configuration, the weights and the tokenizer are uploaded; other files of the folder are named and left out.
    Without --public, the command refuses a repository that is already public.

    Log in first with `hf auth login`, or set HF_TOKEN.

    \b
    Examples:
      rotrain push runs/llama-mha-nano hub:me/llama-mha-nano --license apache-2.0
      rotrain push exports/llama-mha-nano hub:me/llama-mha-nano --public
    """
    with app_errors():
        from rotrain.cli.display import choose_display
        from rotrain.publishing import push

        display = choose_display(quiet=quiet)
        found = push(model, to, public=public, license=license, progress=display)
        if found.left_out:
            display.note(f"left out, because it is not part of a model: {', '.join(found.left_out)}")
        if json:
            print_json(found.to_dict())
        elif not quiet:
            print(f"{found.url}: {len(found.files)} files, {'private' if found.private else 'public'}")
