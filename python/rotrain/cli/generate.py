"""`rotrain generate`: let a trained model continue a text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json
from rotrain.errors import UsageError


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "A fost odată",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to write at most.")] = 128,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token each time.")] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Draw from the most likely tokens that have this probability together.")
    ] = 0.95,
    top_k: Annotated[int, typer.Option(help="Draw from this many tokens; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto (cuda in bf16 if there is a GPU).")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the text and errors only.")] = False,
) -> None:
    """Continue a text with a trained model.

    \b
    Examples:
      rotrain generate runs/llama-mha-nano --prompt "A fost odată" --max-tokens 64
    """
    with app_errors():
        _check_utf8(prompt)
        from rotrain.cli.display import choose_display
        from rotrain.generation import generate, stream

        options: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "seed": seed,
            "device": device,
            "progress": choose_display(quiet=quiet),
        }
        if json:
            print_json(generate(run, prompt, **options).to_dict())
            return
        for index, piece in enumerate(stream(run, prompt, **options)):
            # The prompt is printed with the first token: a prompt that is refused prints nothing.
            print(prompt + piece if index == 0 else piece, end="", flush=True)
        print()


def _check_utf8(prompt: str) -> None:
    """Refuse bytes of the command line that are no text: Python hands them on as lone surrogates."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"--prompt is not UTF-8 at character {error.start}", hint="save or type the text as UTF-8"
        ) from None
