"""`rotrain generate`: let a trained model continue a text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, wait_asleep
from rotrain.errors import RotrainError, UsageError, reason


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "A fost odată",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="File with one text to continue on each line, in place of --prompt; -: standard input."
        ),
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum tokens to write.")] = 128,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token each time.")] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Draw from the most likely tokens that have this probability together.")
    ] = 0.95,
    top_k: Annotated[int, typer.Option(help="Draw from this many tokens; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random choices.")] = 0,
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
      rotrain generate runs/llama-mha-nano --prompts lines.txt --json
    """
    with app_errors():
        wait_asleep()
        texts = [_checked(prompt)] if prompts is None else _read(prompts)
        from rotrain.cli.display import choose_display
        from rotrain.generation import generate, load_for_decoding, stream

        display = choose_display(quiet=quiet)
        trained = load_for_decoding(run, device=device, progress=display)
        options: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "seed": seed,
        }
        for text in texts:
            room = trained.model.config.context - len(trained.tokenizer.encode(text))
            if 0 < room < max_tokens:
                display.note(
                    f"at most {room:,} tokens are written, not {max_tokens:,}: the context has {trained.model.config.context:,}, with the prompt"
                )
        if json:
            found = [generate(trained, text, **options).to_dict() for text in texts]
            print_json(found[0] if prompts is None else found)
            return
        for text in texts:
            for index, piece in enumerate(stream(trained, text, **options)):
                # The prompt is printed with the first token: a prompt that is refused prints nothing.
                print(text + piece if index == 0 else piece, end="", flush=True)
            print()


def _read(file: Path) -> list[str]:
    """Read prompts, one on each line."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        texts = content.decode("utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RotrainError(
            f"line {line} of the prompts is not UTF-8 at byte {error.start}",
            place=file,
            hint="save the file as UTF-8",
        ) from None
    except OSError as error:
        raise RotrainError(f"cannot read the prompts: {reason(error)}", place=file) from None
    texts = [text.removesuffix("\r") for text in texts]
    if texts == [""]:
        raise UsageError("there are no prompts", place=file, hint="write one text on each line")
    return texts


def _checked(prompt: str) -> str:
    """Return the prompt. Bytes of the command line that are no text are refused: Python hands them on as lone surrogates."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"--prompt is not UTF-8 at character {error.start}", hint="save or type the text as UTF-8"
        ) from None
    return prompt
