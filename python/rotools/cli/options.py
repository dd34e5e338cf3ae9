"""The words that several verbs share."""

from typing import Annotated

import typer

Inputs = Annotated[
    list[str],
    typer.Argument(help="JSONL (.gz, .zst), Parquet or .txt files, folders, globs, - for standard input."),
]
TextField = Annotated[str, typer.Option(help="Field of the text.")]
IdField = Annotated[str | None, typer.Option(help="Field of the id; without it `id`, else file:line.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first record that cannot be used.")]
Threads = Annotated[int, typer.Option(min=0, help="Worker threads; 0 means one a core.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress and no summary.")]
VocabSize = Annotated[int, typer.Option(min=258, max=65499, help="Size of a trained vocabulary.")]
