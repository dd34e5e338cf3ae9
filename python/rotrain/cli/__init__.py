"""The `rotrain` program. Each verb imports what it needs when it runs: --help loads no torch."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from rotrain.cli import (
    archs,
    average,
    bench,
    bench_train,
    chat,
    compare,
    doctor,
    evaluate,
    export,
    fit,
    generate,
    plan,
    push,
    quantize,
    report,
    serve,
)

app = typer.Typer(
    name="rotrain",
    help="Train, run, export, quantize and measure small Romanian language models from a pack directory.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
VERBS = (
    archs,
    plan,
    fit,
    average,
    generate,
    chat,
    serve,
    evaluate,
    export,
    push,
    quantize,
    bench,
    bench_train,
    compare,
    report,
    doctor,
)
for verb in VERBS:
    app.command(name=verb.__name__.rsplit(".", 1)[-1].replace("_", "-"))(verb.run)


def _print_version(wanted: bool) -> None:
    if wanted:
        from rotrain import __version__

        print(f"rotrain {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Train, run, export, quantize and measure small Romanian language models from a pack directory."""


def main() -> None:
    """Run the program on the arguments of the command line."""
    try:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that is not UTF-8 shows `?` for a letter that it lacks; a traceback would show nothing.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        app()
    except KeyboardInterrupt:
        # Outside of a verb, while the command line is read.
        print("stopped: by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    except SystemExit as end:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from rotrain.runtime.distributed import exit_process

            exit_process(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
