"""`rotools filter`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import (
    Boilerplate,
    IdField,
    Inputs,
    Json,
    Quiet,
    Redact,
    Shard,
    Strict,
    TextField,
    Threads,
    Thresholds,
    Undiacritized,
    thresholds,
)
from rotools.filter import FilterOptions, filter_files, filter_shard
from rotools.options import Profile, shard_number


def filter(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    profile: Annotated[Profile, typer.Option(help="Kind of text in the inputs.")] = "web",
    threshold: Thresholds = None,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="Remove nothing; write the measured values into the field `filter`."),
    ] = False,
    redact: Redact = True,
    boilerplate: Boilerplate = True,
    diacritics: Undiacritized = "flag",
    shard: Shard = None,
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep the documents that are Romanian prose worth training on, and replace personal data.

    The input is repaired text (see `rotools normalize`). The rules and their thresholds are in docs/reference/filter-rules.md. They are
    checked in order, and the first rule that a document breaks removes it. OUT.ledger.parquet has the value and the threshold.

    \b
    Examples:
      rotools filter clean.jsonl --out good.jsonl.zst
      rotools filter books.jsonl.zst --out good.jsonl --profile books --threshold garbled-words=0.05
      rotools filter clean.jsonl --out scores.jsonl --annotate
      rotools filter clean.jsonl --out good.jsonl --shard 2/8
    """
    with Display(quiet=quiet) as display:
        options: FilterOptions = {
            "profile": profile,
            "thresholds": thresholds(threshold),
            "annotate": annotate,
            "redact": redact,
            "boilerplate": boilerplate,
            "diacritics": diacritics,
            "text_field": text_field,
            "id_field": id_field,
            "strict": strict,
            "threads": threads,
            "progress": display.callback,
        }
        if shard is not None:
            part = shard_number(shard)
            done = filter_shard(part, inputs, out, **options)
        else:
            result = filter_files(inputs, out, **options)
    if shard is not None:
        if as_json:
            console.print_json(done.to_dict())
        else:
            console.say_shard(done, part, quiet=quiet)
        return
    if as_json:
        console.print_json(result.to_dict())
        console.end_incomplete([result.read])
        return
    read = result.read
    console.say(
        f"{out}: {read.documents:,} of {read.records:,} documents, {read.bytes / 1e6:.1f} MB of text",
        quiet=quiet,
    )
    console.say_removed(read, quiet=quiet)
    console.say(f"  reasons: {result.ledger}", quiet=quiet)
    console.end_incomplete([read])
