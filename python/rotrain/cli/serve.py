"""`rotrain serve`: serve a model on this machine with llama.cpp."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, wait_asleep


def run(
    model: Annotated[Path, typer.Argument(help="GGUF file, or run directory.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0: a free one.")] = 8080,
    context: Annotated[
        int | None,
        typer.Option(min=16, help="Tokens of the context. [default: that of the model, at most 4096]"),
    ] = None,
) -> None:
    """Serve a model on 127.0.0.1 with llama.cpp's server: a small page, and the API of OpenAI.

    Open the whole printed address. The part after # is the key, which changes at each start. A program sends it as
    its OpenAI API key. Ctrl-C ends the server.

    \b
    Examples:
      rotrain serve llama-mha-q4.gguf
      rotrain serve runs/llama-mha-nano --port 0
    """
    with app_errors():
        wait_asleep()
        from rotrain.serving import serve

        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        with serve(model, port=port, context=context) as served:
            print(f"{model}: {served.page} (Ctrl-C ends it)")
            print(f"API: {served.address}/v1 with the key {served.key}", flush=True)
            ended.wait()
