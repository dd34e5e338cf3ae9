"""`rotools filter`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import (
    Boilerplate,
    Diacritics,
    IdField,
    Inputs,
    Json,
    Profile,
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
from rotools.cli.options import (
    shard as parts,
)


def filter(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    profile: Annotated[Profile, typer.Option(help="What the inputs hold.")] = Profile.web,
    threshold: Thresholds = None,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="Drop nothing: write what was measured into the field `filter`."),
    ] = False,
    redact: Redact = True,
    boilerplate: Boilerplate = True,
    diacritics: Undiacritized = Diacritics.flag,
    shard: Shard = None,
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep what is Romanian prose worth training on, and redact personal data.

    Input is repaired text (see `rotools normalize`). The rules and their thresholds are in docs/filter.md; a document goes
    by the first rule that it breaks, with its value and threshold in OUT.ledger.parquet.

    \b
    Examples:
      rotools filter clean.jsonl --out good.jsonl.zst
      rotools filter books.jsonl.zst --out good.jsonl --profile books --threshold garbled-words=0.05
      rotools filter clean.jsonl --out scores.jsonl --annotate
      rotools filter clean.jsonl --out good.jsonl --shard 2/8
    """
    part = parts(shard)
    outcome = console.watch(
        lambda progress: _rotext.filter(
            inputs,
            out,
            profile=profile.value,
            thresholds=thresholds(threshold or []),
            redact=redact,
            boilerplate=boilerplate,
            annotate=annotate,
            diacritics=diacritics.value,
            shard=part,
            text_field=text_field,
            id_field=id_field,
            strict=strict,
            threads=threads,
            progress=progress,
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"out": str(out), **outcome})
        return
    if part:
        console.sharded(outcome, part, quiet=quiet)
        return
    read = outcome["read"]
    console.say(
        f"{out}: {read['documents']:,} of {read['records']:,} documents, {read['bytes'] / 1e6:.1f} MB of text",
        quiet=quiet,
    )
    console.left_out(read, quiet=quiet)
    console.say(f"  why each went: {outcome['ledger']}", quiet=quiet)
