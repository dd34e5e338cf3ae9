"""`rotools plan`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.options import (
    Duplicates,
    IdField,
    Json,
    MaxRam,
    Preset,
    TextField,
    Threads,
    VocabSize,
    size,
)


def plan(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, globs: one phase, `web`.")
    ] = None,
    phase: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE[,FILE...], in the order of training.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A corpus file in TOML instead of --phase.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json; without it one is trained on the corpus.")
    ] = None,
    vocab_size: VocabSize = 40000,
    preset: Duplicates = Preset.default,
    max_ram: MaxRam = "1G",
    sample: Annotated[str, typer.Option(help="Text to measure on, for example 32M.")] = "32M",
    text_field: TextField = "text",
    id_field: IdField = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Say what `rotools pack` will take: memory, disk and time for each step, from a sample that is packed and timed here.

    Nothing is written but a temporary folder. A busy machine gives a long plan.

    \b
    Examples:
      rotools plan corpus.jsonl
      rotools plan --phase web=web.jsonl.zst --phase books=books.jsonl.zst --max-ram 4G --json
    """
    from rotools.config import phases
    from rotools.plan import plan as measure

    curriculum = phases(inputs or [], phase or [], config)
    memory = size(max_ram)
    found = measure(
        curriculum,
        sample=size(sample),
        max_ram=memory,
        preset=preset.value,
        tokenizer=tokenizer,
        vocab_size=vocab_size,
        valid_share=0.005,
        text_field=text_field,
        id_field=id_field,
        normalize=True,
        filter=True,
        thresholds=[],
        redact=True,
        boilerplate=True,
        diacritics="flag",
        accept_loss=True,
        repeated_lines=None,
        decontaminate=[],
        shard=None,
        strict=False,
        force=False,
        threads=threads,
    )
    if as_json:
        console.print_json(found.as_dict())
        return
    scaled = "all of it" if found.whole else f"a sample of {found.sample_text_bytes / 1e6:.0f} MB"
    print(f"text     {found.text_bytes / 1e6:,.0f} MB in {found.documents:,} documents; measured on {scaled}")
    print(f"memory   {found.memory / 1e6:,.0f} MB at most (--max-ram {max_ram})")
    if found.memory_needed > memory:
        print(f"         too little: the tables need --max-ram {found.memory_needed // 2**20 + 1}M")
    print(f"scratch  {found.scratch / 1e6:,.0f} MB beside the output, until the run ends")
    print(f"output   {found.output / 1e6:,.0f} MB")
    print(f"time     {_time(found.seconds)}")
    for step in found.steps:
        print(f"         {_time(step.seconds):>9}  {step.name}")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
