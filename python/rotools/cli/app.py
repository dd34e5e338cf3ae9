"""The verbs of rotools."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.console import watch

app = typer.Typer(
    name="rotools",
    help="Romanian text for language models: read, repair, deduplicate, tokenize, pack.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
tokenizer = typer.Typer(help="Train a byte-level BPE tokenizer and encode with it.", no_args_is_help=True)
app.add_typer(tokenizer, name="tokenizer")

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


@app.command()
def pack(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="JSONL (.gz, .zst), Parquet, .txt files, folders or globs: one phase, `web`."),
    ] = None,
    phase: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE[,FILE...], in the order of training.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A corpus file in TOML instead of --phase.")] = None,
    out: Annotated[Path, typer.Option(help="The directory to make.")] = Path("pack"),
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json; without it one is trained on the corpus.")
    ] = None,
    vocab_size: Annotated[int, typer.Option(min=258, max=65499, help="Size of a trained tokenizer.")] = 40000,
    valid_share: Annotated[float, typer.Option(help="Share of documents held out.")] = 0.005,
    normalize: Annotated[bool, typer.Option(help="Repair the text.")] = True,
    dedup: Annotated[bool, typer.Option(help="Remove documents equal to an earlier one.")] = True,
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing pack.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a corpus into blocks of tokens: repair, deduplicate, train a tokenizer, encode, pack.

    Examples:

      rotools pack corpus.jsonl

      rotools pack --phase web=web.jsonl.zst --phase books=books.jsonl.zst --out pack
    """
    from rotools.config import phases

    curriculum = phases(inputs or [], phase or [], config)
    report = watch(
        lambda progress: _rotext.pack(
            curriculum,
            out,
            tokenizer=tokenizer,
            vocab_size=vocab_size,
            valid_share=valid_share,
            text_field=text_field,
            id_field=id_field,
            normalize=normalize,
            dedup=dedup,
            strict=strict,
            force=force,
            threads=threads,
            progress=progress,
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"out": str(out), **report})
        return
    for part in report["phases"]:
        _summary(part["read"], part["name"], quiet)
    tokens, size = report["tokens"], report["bytes"]
    console.say(
        f"{out}: {tokens:,} tokens, {report['blocks']:,} blocks of 2048, "
        f"{size / max(tokens, 1):.2f} bytes a token, vocabulary {report['vocab_size']:,}",
        quiet=quiet,
    )


@app.command()
def normalize(
    inputs: Inputs,
    out: Annotated[
        Path | None, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the counts of the rules as JSON.")] = None,
    diff: Annotated[int, typer.Option(min=0, help="Show this many changed places with their rules.")] = 0,
    text_field: TextField = "text",
    id_field: IdField = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Repair Romanian text: encodings, cedillas, entities, look-alikes, invisible characters, spaces.

    Examples:

      rotools normalize web.jsonl --out clean.jsonl.zst --report report.json

      rotools normalize web.jsonl --diff 20
    """
    import json

    if out is None and not diff:
        raise typer.BadParameter("name the output with --out, or look at changes with --diff 20")
    if out is not None and diff and "-" in inputs:
        raise typer.BadParameter("standard input can be read once: for --diff or for --out, not for both")
    changes = []
    if diff:
        from rotools.cli.diff import as_objects, show
        from rotools.normalize import diff_files

        found = diff_files(inputs, diff, text_field=text_field)
        if as_json:
            changes = as_objects(found)
        else:
            show(found)
    if out is None:
        if as_json:
            console.print_json({"changes": changes})
        return
    account = watch(
        lambda progress: _rotext.normalize(
            inputs,
            out,
            text_field=text_field,
            id_field=id_field,
            strict=strict,
            threads=threads,
            progress=progress,
        ),
        quiet=quiet,
    )
    if report is not None:
        report.write_text(json.dumps(account, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        console.print_json({"out": str(out), **account, **({"changes": changes} if diff else {})})
        return
    _summary(account, str(out), quiet)
    for rule, count in account["normalize"]["rules"].items():
        if count:
            console.say(f"  {rule}: {count:,}", quiet=quiet)


@tokenizer.command("train")
def tokenizer_train(
    inputs: Inputs,
    vocab_size: Annotated[int, typer.Option(min=258, max=65499, help="Size of the vocabulary.")] = 40000,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("tokenizer.json"),
    normalize: Annotated[bool, typer.Option(help="Repair the text first.")] = True,
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a byte-level BPE tokenizer.

    Example:

      rotools tokenizer train web.jsonl books/ --vocab-size 40000 --out tokenizer.json
    """
    account, size = watch(
        lambda progress: _rotext.train(
            inputs,
            out,
            vocab_size=vocab_size,
            text_field=text_field,
            normalize=normalize,
            strict=strict,
            threads=threads,
            progress=progress,
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"out": str(out), "vocab_size": size, "read": account})
        return
    _summary(account, "read", quiet)
    console.say(f"{out}: vocabulary {size:,}", quiet=quiet)


@tokenizer.command("encode")
def tokenizer_encode(
    inputs: Inputs,
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json.")],
    out: Annotated[Path, typer.Option(help="The file of little-endian u16 ids to write.")],
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Encode documents as they stand to u16 ids, <|endoftext|> after each.

    Example:

      rotools tokenizer encode web.jsonl --tokenizer tokenizer.json --out tokens.bin
    """
    account, tokens = watch(
        lambda progress: _rotext.encode(
            inputs, tokenizer, out, text_field=text_field, strict=strict, threads=threads, progress=progress
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"out": str(out), "tokens": tokens, "read": account})
        return
    _summary(account, "read", quiet)
    console.say(f"{out}: {tokens:,} tokens", quiet=quiet)


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="A pack directory.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every byte of a pack against its manifest.

    Example:

      rotools verify pack
    """
    checked = watch(lambda progress: _rotext.verify(directory, progress), quiet=quiet)
    if as_json:
        console.print_json(checked)
        return
    console.say(
        f"{directory}: whole; {checked['shards']} shards, {checked['tokens']:,} tokens, "
        f"{checked['documents']:,} documents",
        quiet=quiet,
    )


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A pack directory.")],
    block: Annotated[int | None, typer.Option(min=0, help="Print the text of this block.")] = None,
    phase: Annotated[str | None, typer.Option(help="Phase of the block; the first by default.")] = None,
    split: Annotated[str, typer.Option(help="train or valid.")] = "train",
    as_json: Json = False,
) -> None:
    """Show what a pack holds, or the text of one block.

    Examples:

      rotools inspect pack

      rotools inspect pack --block 0 --phase books
    """
    import json

    manifest_path = path / "manifest.json"
    if not manifest_path.is_file():
        raise typer.BadParameter(f"{path} is no pack directory (it has no manifest.json)")
    manifest: dict[str, Any] = json.loads(manifest_path.read_text(encoding="utf-8"))
    names = [part["name"] for part in manifest["phases"]]
    if block is not None:
        text = _rotext.block(path, phase or names[0], split, block)
        if as_json:
            console.print_json({"phase": phase or names[0], "split": split, "block": block, "text": text})
        else:
            print(text)
    elif as_json:
        console.print_json(manifest)
    else:
        print(f"{path}: vocabulary {manifest['vocab_size']:,}, blocks of {manifest['block_tokens']}")
        for part in manifest["phases"]:
            for kind in ("train", "valid"):
                stream = part[kind]
                print(
                    f"  {part['name']:<12} {kind:<6} {stream['documents']:>12,} documents "
                    f"{stream['tokens']:>16,} tokens {stream['blocks']:>12,} blocks"
                )


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("corpus.jsonl"),
    quiet: Quiet = False,
) -> None:
    """Write real Romanian text for a first try: the glosses of RoWordNet.

    Example:

      rotools sample --out corpus.jsonl
    """
    from rotools.sample import write

    documents, licence = write(out)
    console.say(f"{out}: {documents:,} documents; {licence}", quiet=quiet)


def _summary(account: dict[str, Any], name: str, quiet: bool) -> None:
    changed = account["normalize"]["changed_documents"]
    console.say(
        f"{name}: {account['documents']:,} documents, {account['bytes'] / 1e6:.1f} MB of text, "
        f"{changed:,} repaired",
        quiet=quiet,
    )
    for reason, count in account["rejected"].items():
        console.say(f"  left out, {reason}: {count:,}", quiet=quiet)
