"""`rotools dedup`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import (
    AcceptLoss,
    Decontaminate,
    Duplicates,
    IdField,
    Inputs,
    Json,
    MaxRam,
    Preset,
    Profile,
    Quiet,
    RepeatedLines,
    Shard,
    Strict,
    TextField,
    Threads,
    size,
)
from rotools.cli.options import (
    shard as parts,
)


def dedup(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    profile: Annotated[Profile, typer.Option(help="What the inputs hold.")] = Profile.web,
    preset: Duplicates = Preset.default,
    accept_loss: AcceptLoss = False,
    repeated_lines: RepeatedLines = None,
    decontaminate: Decontaminate = None,
    shard: Shard = None,
    max_ram: MaxRam = "1G",
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove duplicates and near-duplicates; the records that stay are written as they stand.

    MinHash over 5-grams of words, blind to case, diacritics and digits, only proposes pairs. A document goes when 90 % of
    its word 3-grams stand in a document that stays (or both share 85 %), digits counted; the longest copy stays. The result
    does not depend on threads or on the order of files. OUT.ledger.parquet names the partner of every document that went.

    \b
    Examples:
      rotools dedup web.jsonl.zst --out clean.jsonl.zst
      rotools dedup crawl/*.jsonl --out clean.jsonl --max-ram 4G --preset strict
      rotools dedup web.jsonl --out clean.jsonl --repeated-lines 20 --decontaminate exams.jsonl
      rotools why d17 --ledger clean.jsonl.zst.ledger.parquet
    """
    memory = size(max_ram)
    part = parts(shard)
    outcome = console.watch(
        lambda progress: _rotext.dedup(
            inputs,
            out,
            profile=profile.value,
            preset=preset.value,
            max_ram=memory,
            accept_loss=accept_loss,
            repeated_lines=repeated_lines,
            decontaminate=decontaminate or [],
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
    read, found = outcome["read"], outcome["dedup"]
    console.say(
        f"{out}: {read['documents']:,} of {found['documents']:,} documents, {read['bytes'] / 1e6:.1f} MB of text",
        quiet=quiet,
    )
    for reason, count in read["rejected"].items():
        console.say(f"  left out, {reason}: {count:,}", quiet=quiet)
    console.say(
        f"  {found['compared']:,} pairs compared; why each went: {outcome['ledger']}",
        quiet=quiet,
    )
    cut = read["cut"]
    if cut["lines"]:
        console.say(
            f"  {cut['lines']:,} lines cut ({cut['bytes'] / 1e6:.1f} MB), {found['repeated_lines']:,} different ones",
            quiet=quiet,
        )
    if found["capped"]:
        console.say(f"  {found['capped']:,} had more candidates than are compared", quiet=quiet)
