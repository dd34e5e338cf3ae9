"""`rotools pack`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import (
    AcceptLoss,
    Boilerplate,
    Decontaminate,
    Diacritics,
    Duplicates,
    Engine,
    IdField,
    Json,
    MaxRam,
    Preset,
    Quiet,
    Redact,
    RepeatedLines,
    Shard,
    Strict,
    TextField,
    Threads,
    Thresholds,
    Undiacritized,
    VocabSize,
    size,
    thresholds,
)
from rotools.cli.options import (
    shard as parts,
)


def pack(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, - for standard input: one phase, `web`."),
    ] = None,
    phase: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE[,FILE...], in the order of training.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A corpus file in TOML instead of --phase.")] = None,
    out: Annotated[Path, typer.Option(help="The directory to make.")] = Path("pack"),
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json; without it one is trained on the corpus.")
    ] = None,
    vocab_size: VocabSize = 40000,
    valid_share: Annotated[float, typer.Option(help="Share of documents held out.")] = 0.005,
    normalize: Annotated[bool, typer.Option(help="Repair the text.")] = True,
    filter: Annotated[
        bool, typer.Option(help="Drop what is not Romanian prose, by the profile of the phase.")
    ] = True,
    threshold: Thresholds = None,
    redact: Redact = True,
    boilerplate: Boilerplate = True,
    diacritics: Undiacritized = Diacritics.flag,
    dedup: Annotated[
        bool, typer.Option(help="Remove duplicates and near-duplicates, across all phases.")
    ] = True,
    preset: Duplicates = Preset.default,
    accept_loss: AcceptLoss = False,
    repeated_lines: RepeatedLines = None,
    decontaminate: Decontaminate = None,
    shard: Shard = None,
    max_ram: MaxRam = "1G",
    text_field: TextField = "text",
    id_field: IdField = None,
    engine: Annotated[
        Engine, typer.Option(help="Where documents are judged and signed: here, or on a Ray cluster.")
    ] = Engine.local,
    address: Annotated[
        str, typer.Option(help="Ray's head, HOST:PORT; auto is the cluster of this machine.")
    ] = "auto",
    strict: Strict = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing pack.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a corpus into blocks of tokens: repair, filter, deduplicate, train a tokenizer, encode, pack.

    JSONL (plain, .gz, .zst), Parquet and .txt files are read, in the order given. The directory appears
    whole or not at all; what was left out lies in its rejects.jsonl.zst, with place and reason, and `rotools why`
    answers from its ledger.parquet. Of near-duplicates the longest stays; web text never removes a book.

    \b
    Examples:
      rotools pack corpus.jsonl
      rotools pack --phase web=web.jsonl.zst --phase books=books.jsonl.zst --out pack
      zcat crawl.jsonl.gz | rotools pack - --tokenizer tokenizer.json
      rotools pack corpus.jsonl --shard 2/8    # of an array job; then the same without --shard
      rotools pack corpus.jsonl --engine ray --address auto
    """
    from rotools.config import phases

    curriculum = phases(inputs or [], phase or [], config)
    for _, files, _, _ in curriculum:
        for name in files:
            if Path(name + ".decisions.jsonl").exists():
                from rotools.books.run import replay

                if replay(Path(name)):
                    console.say(f"{name}: written again by what was decided in review", quiet=quiet)
    memory = size(max_ram)
    part = parts(shard)
    if not dedup and (repeated_lines or decontaminate):
        raise typer.BadParameter("--repeated-lines and --decontaminate are part of --dedup")
    options: dict[str, Any] = {
        "tokenizer": tokenizer,
        "vocab_size": vocab_size,
        "valid_share": valid_share,
        "text_field": text_field,
        "id_field": id_field,
        "normalize": normalize,
        "filter": filter,
        "thresholds": thresholds(threshold or []),
        "redact": redact,
        "boilerplate": boilerplate,
        "diacritics": diacritics.value,
        "dedup": preset.value if dedup else None,
        "max_ram": memory,
        "accept_loss": accept_loss,
        "repeated_lines": repeated_lines,
        "decontaminate": decontaminate or [],
        "strict": strict,
        "force": force,
        "threads": threads,
    }
    if engine is Engine.ray:
        from rotools.ray import sign

        if part:
            raise typer.BadParameter("--engine ray makes its own shards: leave --shard out")
        sign(curriculum, out, address=address, say=lambda line: console.say(line, quiet=quiet), **options)
    report = console.watch(
        lambda progress: _rotext.pack(curriculum, out, shard=part, progress=progress, **options), quiet=quiet
    )
    if as_json:
        console.print_json({"out": str(out), **report})
        return
    if part:
        console.sharded(report, part, quiet=quiet)
        return
    for part in report["phases"]:
        console.summary(part["read"], part["name"], quiet=quiet)
    tokens, text = report["tokens"], report["bytes"]
    console.say(
        f"{out}: {tokens:,} tokens, {report['blocks']:,} blocks of 2048, "
        f"{text / max(tokens, 1):.2f} bytes a token, vocabulary {report['vocab_size']:,}",
        quiet=quiet,
    )
