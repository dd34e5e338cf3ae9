"""`rotrain chat`: talk with a model in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, wait_asleep
from rotrain.errors import UsageError


def run(
    run: Annotated[Path, typer.Argument(help="Run directory, quantized or Hugging Face folder.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum tokens of an answer.")] = 128,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token each time.")] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Draw from the most likely tokens that have this probability together.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random choices.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the answers and errors only.")] = False,
) -> None:
    """Talk with a model: type a line, and the model answers. An empty line or Ctrl-D ends it.

    A model with a chat template gets the messages in it. A model without one writes the next line of the text.

    \b
    Examples:
      rotrain chat runs/llama-mha-nano
      rotrain chat fine-tuned-folder --temperature 0.3
    """
    with app_errors():
        wait_asleep()
        from rotrain.cli.display import choose_display
        from rotrain.conversation import Conversation
        from rotrain.generation import Sampling, load_for_decoding

        display = choose_display(quiet=quiet)
        trained = load_for_decoding(run, progress=display)
        if trained.chat_template is None:
            display.note("the model has no chat template: it writes the next line of your text")
        sampling = Sampling(temperature=temperature, top_p=top_p, seed=seed)
        conversation = Conversation(trained, sampling, max_tokens=max_tokens)
        while line := _read_line(quiet=quiet):
            for piece in conversation.answer(line):
                print(piece, end="", flush=True)
            print()
            if conversation.dropped:
                display.note(
                    f"the context of {trained.model.config.context:,} tokens is full: the oldest lines were left out"
                )


def _read_line(*, quiet: bool) -> str:
    if sys.stdin.isatty() and not quiet:
        print("> ", end="", flush=True)
    try:
        return sys.stdin.buffer.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the line is not UTF-8 at byte {error.start}", hint="type or save the text as UTF-8"
        ) from None
