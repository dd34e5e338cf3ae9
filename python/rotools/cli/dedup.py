"""`rotools dedup`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import (
    AcceptLoss,
    Against,
    Decontaminate,
    Duplicates,
    IdField,
    Inputs,
    Json,
    MaxRam,
    Quiet,
    RepeatedLines,
    Shard,
    Strict,
    TextField,
    Threads,
)
from rotools.dedup import DedupOptions, dedup_shard
from rotools.dedup import dedup as remove_duplicates
from rotools.options import MAX_RAM, Profile, shard_number


def dedup(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    profile: Annotated[Profile, typer.Option(help="Kind of text in the inputs.")] = "web",
    preset: Duplicates = "default",
    accept_loss: AcceptLoss = False,
    repeated_lines: RepeatedLines = None,
    decontaminate: Decontaminate = None,
    against: Against = None,
    shard: Shard = None,
    max_ram: MaxRam = MAX_RAM,
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove duplicates and near-duplicates. The records that are kept are written unchanged.

    MinHash over 5-grams of words, without case, diacritics and digits, proposes pairs. A document is removed when 90 % of its
    word 3-grams occur in a document that is kept, when both share 85 %, or when 70 % of its words occur in long
    passages of one. These comparisons count digits. The cleanest copy is kept. The result depends neither on threads nor on the order of the
    files. OUT.ledger.parquet names the kept document of every duplicate.

    \b
    Examples:
      rotools dedup web.jsonl.zst --out clean.jsonl.zst
      rotools dedup crawl/*.jsonl --out clean.jsonl --max-ram 4G --preset strict
      rotools dedup web.jsonl --out clean.jsonl --repeated-lines 20 --decontaminate exams.jsonl
      rotools dedup new.jsonl --out unseen.jsonl --against corpus.jsonl
      rotools why d17 --ledger clean.jsonl.zst.ledger.parquet
    """
    with Display(quiet=quiet) as display:
        options: DedupOptions = {
            "profile": profile,
            "preset": preset,
            "accept_loss": accept_loss,
            "repeated_lines": repeated_lines,
            "decontaminate": decontaminate or [],
            "against": against or [],
            "max_ram": max_ram,
            "text_field": text_field,
            "id_field": id_field,
            "strict": strict,
            "threads": threads,
            "progress": display.callback,
        }
        if shard is not None:
            part = shard_number(shard)
            done = dedup_shard(part, inputs, out, **options)
        else:
            result = remove_duplicates(inputs, out, **options)
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
    read, found = result.read, result.dedup
    console.say(
        f"{out}: {read.documents:,} of {found['documents']:,} documents, {read.bytes / 1e6:.1f} MB of text",
        quiet=quiet,
    )
    for reason, count in read.rejected.items():
        console.say(f"  removed, {reason}: {count:,}", quiet=quiet)
    console.say(f"  {found['compared']:,} pairs compared; reasons: {result.ledger}", quiet=quiet)
    if read.cut["lines"]:
        console.say(
            f"  {read.cut['lines']:,} lines cut ({read.cut['bytes'] / 1e6:.1f} MB), "
            f"{found['repeated_lines']:,} different ones",
            quiet=quiet,
        )
    if found["capped"]:
        console.say(f"  {found['capped']:,} documents had more candidates than are compared", quiet=quiet)
    console.end_incomplete([result.read])
