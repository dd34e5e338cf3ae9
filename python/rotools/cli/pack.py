"""`rotools pack`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import (
    AcceptLoss,
    Boilerplate,
    Decontaminate,
    Duplicates,
    IdField,
    Json,
    MaxRam,
    PhaseWords,
    Quiet,
    Redact,
    RepeatedLines,
    Strict,
    TextField,
    Threads,
    Thresholds,
    Undiacritized,
    VocabSize,
    thresholds,
)
from rotools.cli.phases import parse_phases
from rotools.counts import ReadCounts
from rotools.errors import UsageError
from rotools.options import MAX_RAM, VALID_SHARE, VOCAB_SIZE, Engine, Step, shard_number
from rotools.pack import PackOptions, PackResult, pack_finish, pack_shard, pack_step
from rotools.pack import pack as make_pack


def pack(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, - for standard input: one phase, `web`."),
    ] = None,
    phase: PhaseWords = None,
    config: Annotated[Path | None, typer.Option(help="A corpus file in TOML, in place of --phase.")] = None,
    out: Annotated[Path, typer.Option(help="The directory to make.")] = Path("pack"),
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json. By default one is trained on the corpus.")
    ] = None,
    vocab_size: VocabSize = VOCAB_SIZE,
    valid_share: Annotated[
        float, typer.Option(help="Share of the documents that is held out.")
    ] = VALID_SHARE,
    normalize: Annotated[bool, typer.Option(help="Repair the text.")] = True,
    filter: Annotated[
        bool, typer.Option(help="Remove what is not Romanian prose, by the profile of the phase.")
    ] = True,
    threshold: Thresholds = None,
    redact: Redact = True,
    boilerplate: Boilerplate = True,
    diacritics: Undiacritized = "flag",
    dedup: Annotated[
        bool, typer.Option(help="Remove duplicates and near-duplicates, across all phases.")
    ] = True,
    preset: Duplicates = "default",
    accept_loss: AcceptLoss = False,
    repeated_lines: RepeatedLines = None,
    decontaminate: Decontaminate = None,
    step: Annotated[
        Step | None,
        typer.Option(
            help="Do one step only: judge, count and encode for a shard; decide, train and finish on one machine."
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Do a step for shard I of N only, as I/N; judge if no step is named. Afterwards the next step, or run "
            "without --step and --shard."
        ),
    ] = None,
    max_ram: MaxRam = MAX_RAM,
    text_field: TextField = "text",
    id_field: IdField = None,
    license: Annotated[
        str | None,
        typer.Option(help="Licence of the texts, for the dataset card: cc-by-4.0. [default: unknown]"),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Where the steps run: on this machine, or on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Head of the Ray cluster, HOST:PORT; auto is the cluster of this machine.")
    ] = "auto",
    strict: Strict = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing pack.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a corpus into blocks of tokens: repair, filter, deduplicate, train a tokenizer, encode, pack.

    The inputs are JSON, Parquet, Arrow, CSV, WARC or .txt files, compressed or not, read in the order given. The directory
    appears complete or not at all. Its rejects.jsonl.zst has every reject with place and reason, and `rotools why` reads its
    ledger.parquet. The cleanest near-duplicate is kept, and web text never removes a book. Its README.md is a dataset card
    for the Hugging Face hub.

    \b
    Examples:
      rotools pack corpus.jsonl
      rotools pack --phase web=web.jsonl.zst --phase books=books.jsonl.zst --out pack
      zcat crawl.jsonl.gz | rotools pack - --tokenizer tokenizer.json
      rotools pack corpus.jsonl --shard 2/8    # in an array job; afterwards without --shard
      rotools pack corpus.jsonl --step encode --shard 2/8    # after the steps judge, decide, count and train
      rotools pack corpus.jsonl --engine ray --address auto
    """
    with Display(quiet=quiet) as display:
        options: PackOptions = {
            "phases": parse_phases(phase),
            "config": config,
            "tokenizer": tokenizer,
            "vocab_size": vocab_size,
            "valid_share": valid_share,
            "normalize": normalize,
            "filter": filter,
            "thresholds": thresholds(threshold),
            "redact": redact,
            "boilerplate": boilerplate,
            "diacritics": diacritics,
            "dedup": dedup,
            "preset": preset,
            "accept_loss": accept_loss,
            "repeated_lines": repeated_lines,
            "decontaminate": decontaminate or [],
            "max_ram": max_ram,
            "text_field": text_field,
            "id_field": id_field,
            "strict": strict,
            "force": force,
            "threads": threads,
            "progress": display.callback,
            "log": lambda line: console.say(line, quiet=quiet),
        }
        if shard is not None or step is not None:
            _step(step, shard, inputs or None, out, license, options, engine, as_json, quiet)
            return
        result = make_pack(inputs or None, out, license=license, engine=engine, address=address, **options)
    _show(result, as_json, quiet)


def _step(
    named: Step | None,
    shard: str | None,
    inputs: list[str] | None,
    out: Path,
    license: str | None,
    options: PackOptions,
    engine: Engine,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run one step and say what it did. With a shard alone it is the step `judge`."""
    step = named or "judge"
    if engine == "ray":
        raise UsageError("--engine ray makes its own steps and shards", hint="run without --step and --shard")
    if license is not None and step != "finish":
        raise UsageError(
            f"the step {step} has no dataset card for --license",
            hint="give the licence to the last run: --step finish, or without --step and --shard",
        )
    if step == "judge" or step == "count" or step == "encode":
        if shard is None:
            raise UsageError(
                f"the step {step} needs a shard", hint="add --shard I/N; --shard 1/1 is all of it"
            )
        part = shard_number(shard)
        done = pack_shard(part, inputs, out, step=step, **options)
        if as_json:
            console.print_json(done.to_dict())
        else:
            console.say_shard(done, part, step=named, quiet=quiet)
        return
    if shard is not None:
        raise UsageError(f"the step {step} runs on one machine and has no shards", hint="omit --shard")
    if step == "finish":
        _show(pack_finish(inputs, out, license=license, **options), as_json, quiet)
        return
    found = pack_step(step, inputs, out, **options)
    if as_json:
        console.print_json(found.to_dict())
    else:
        console.say_step(found, step, quiet=quiet)


def _show(result: PackResult, as_json: bool, quiet: bool) -> None:
    """Say what a pack has."""
    if as_json:
        console.print_json(result.to_dict())
        console.end_incomplete(ReadCounts(**packed["read"]) for packed in result.report["phases"])
        return
    for packed in result.report["phases"]:
        console.summarize(ReadCounts(**packed["read"]), packed["name"], quiet=quiet)
    console.say(
        f"{result.out}: {result.tokens:,} tokens, {result.blocks:,} blocks of 2048, "
        f"{result.text_bytes / max(result.tokens, 1):.2f} bytes per token, vocabulary {result.vocab_size:,}",
        quiet=quiet,
    )
    console.end_incomplete(ReadCounts(**packed["read"]) for packed in result.report["phases"])
