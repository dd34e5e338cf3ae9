"""`rotools split`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import Json, Quiet, Threads
from rotools.split import split as rewrite


def split(
    inputs: Annotated[
        list[str], typer.Argument(help="Compressed files of JSON lines, folders, globs, URLs.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the new files.")],
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Rewrite compressed files that cannot be cut, so that the tasks of a cluster can share them.

    One frame of zstd and one member of gzip can only be read from the start. The new file has many frames with a table (the
    seekable format of zstd), which every program that reads zstd accepts. Its plain bytes are the same, and are compared.

    \b
    Examples:
      rotools split web.jsonl.gz --out units
      rotools split 'crawl/*.jsonl.zst' --out units
    """
    with Display(quiet=quiet) as display:
        done = rewrite(inputs, out, threads=threads, progress=display.callback)
    if as_json:
        console.print_json(done.to_dict())
        return
    for file in done.files:
        if file.note:
            console.say(f"{file.source}: not read: {file.note}", quiet=quiet)
        elif file.out is None:
            console.say(f"{file.source}: can be cut as it is, not written again", quiet=quiet)
        else:
            console.say(
                f"{file.out}: {file.bytes / 1e6:,.1f} MB of text in {file.frames:,} {'frame' if file.frames == 1 else 'frames'}, "
                f"{file.size / 1e6:,.1f} MB, the same bytes",
                quiet=quiet,
            )
