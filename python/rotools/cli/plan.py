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
    PhaseWords,
    TextField,
    Threads,
    VocabSize,
)
from rotools.cli.phases import parse_phases
from rotools.options import MAX_RAM, VOCAB_SIZE, size_bytes
from rotools.plan import SAMPLE
from rotools.plan import plan as estimate


def plan(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, globs: one phase, `web`.")
    ] = None,
    phase: PhaseWords = None,
    config: Annotated[Path | None, typer.Option(help="A corpus file in TOML, in place of --phase.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json. By default one is trained on the corpus.")
    ] = None,
    vocab_size: VocabSize = VOCAB_SIZE,
    preset: Duplicates = "default",
    max_ram: MaxRam = MAX_RAM,
    sample: Annotated[str, typer.Option(help="Text to measure on, for example 32M.")] = SAMPLE,
    text_field: TextField = "text",
    id_field: IdField = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Estimate the memory, disk and time of `rotools pack`: a sample is packed and timed here.

    The command writes only a temporary folder. A busy machine gives a longer estimate.

    \b
    Examples:
      rotools plan corpus.jsonl
      rotools plan --phase web=web.jsonl.zst --phase books=books.jsonl.zst --max-ram 4G --json
    """
    found = estimate(
        inputs or None,
        phases=parse_phases(phase),
        config=config,
        tokenizer=tokenizer,
        vocab_size=vocab_size,
        preset=preset,
        max_ram=max_ram,
        sample=sample,
        text_field=text_field,
        id_field=id_field,
        threads=threads,
    )
    if as_json:
        console.print_json(found.to_dict())
        return
    scaled = "all of it" if found.whole else f"a sample of {found.sample_text_bytes / 1e6:.0f} MB"
    print(f"text     {found.text_bytes / 1e6:,.0f} MB in {found.documents:,} documents; measured on {scaled}")
    print(f"memory   {found.memory / 1e6:,.0f} MB at most (--max-ram {max_ram})")
    if found.memory_needed > size_bytes(max_ram):
        print(f"         too little: the tables need --max-ram {found.memory_needed // 2**20 + 1}M")
    print(f"scratch  {found.scratch / 1e6:,.0f} MB beside the output, until the run ends")
    print(f"output   {found.output / 1e6:,.0f} MB")
    print(f"time     {_duration(found.seconds)}")
    for step in found.steps:
        print(f"         {_duration(step.seconds):>9}  {step.name}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
