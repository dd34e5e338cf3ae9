"""`rotrain generate`: let a trained model write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json, tell_notes


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "A fost odată",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to write at most.")] = 128,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.8,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens of this probability.")] = 0.95,
    top_k: Annotated[int, typer.Option(help="Draw from this many tokens; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the text and errors only.")] = False,
) -> None:
    """Continue a text with a trained model.

    \b
    Example:
      rotrain generate runs/llama-mha-nano --prompt "A fost odată" --max-tokens 64
    """
    with app_errors():
        from rotrain.generation import Sampling, generate
        from rotrain.run.load import load_run

        sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
        trained = load_run(run)
        tell_notes(trained.notes, quiet=quiet)
        ids: list[int] = []
        words = generate(
            trained.model,
            trained.tokenizer.encode(prompt),
            max_tokens=max_tokens,
            eos_id=trained.eos_id,
            sampling=sampling,
        )
        if json:
            ids.extend(words)
            text = trained.tokenizer.decode(ids)
            print_json({"run": str(run), "step": trained.step, "prompt": prompt, "text": text, "tokens": ids})
            return
        for index, piece in enumerate(trained.tokenizer.stream(words)):
            # The prompt is shown once the first token is there: a prompt that is refused prints nothing.
            print(prompt + piece if index == 0 else piece, end="", flush=True)
        print()
