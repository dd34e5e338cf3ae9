"""`rotools tokenizer`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import Inputs, Json, Quiet, Strict, TextField, Threads, VocabSize

app = typer.Typer(
    help="Train a byte-level BPE tokenizer and encode with it.", no_args_is_help=True, rich_markup_mode=None
)


class Pattern(StrEnum):
    """Pre-tokenizer patterns, by the names llama.cpp has for them."""

    gpt2 = "gpt-2"
    llama3 = "llama-bpe"
    qwen2 = "qwen2"


@app.command("train")
def train(
    inputs: Inputs,
    vocab_size: VocabSize = 40000,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("tokenizer.json"),
    pattern: Annotated[
        Pattern, typer.Option(help="What cuts text into words, by its name in llama.cpp.")
    ] = Pattern.llama3,
    normalize: Annotated[bool, typer.Option(help="Repair the text first.")] = True,
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a byte-level BPE tokenizer.

    \b
    Example:
      rotools tokenizer train web.jsonl books/ --vocab-size 40000 --out tokenizer.json
    """
    account, size = console.watch(
        lambda progress: _rotext.train(
            inputs,
            out,
            vocab_size=vocab_size,
            pattern=pattern.value,
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
    console.summary(account, "read", quiet=quiet)
    console.say(f"{out}: vocabulary {size:,}", quiet=quiet)


@app.command("encode")
def encode(
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

    \b
    Example:
      rotools tokenizer encode web.jsonl --tokenizer tokenizer.json --out tokens.bin
    """
    account, tokens = console.watch(
        lambda progress: _rotext.encode(
            inputs, tokenizer, out, text_field=text_field, strict=strict, threads=threads, progress=progress
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"out": str(out), "tokens": tokens, "read": account})
        return
    console.summary(account, "read", quiet=quiet)
    console.say(f"{out}: {tokens:,} tokens", quiet=quiet)


@app.command("report")
def report(
    inputs: Inputs,
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json.")],
    against: Annotated[
        list[Path] | None, typer.Option(help="Another tokenizer.json to stand beside it; may be repeated.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=40, help="Split words and clitic forms to show.")] = 8,
    normalize: Annotated[bool, typer.Option(help="Repair the text first.")] = True,
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what a tokenizer does to a text: tokens a word, coverage, how Romanian words and clitics are cut.

    \b
    Examples:
      rotools tokenizer report web.jsonl --tokenizer tokenizer.json
      rotools tokenizer report web.jsonl books.jsonl --tokenizer tokenizer.json --against gpt2.json --json
    """
    files = [tokenizer, *(against or [])]
    reports, account = console.watch(
        lambda progress: _rotext.report(
            inputs,
            files,
            text_field=text_field,
            normalize=normalize,
            strict=strict,
            threads=threads,
            progress=progress,
        ),
        quiet=quiet,
    )
    named = [{"tokenizer": str(path), **report} for path, report in zip(files, reports, strict=True)]
    if as_json:
        console.print_json({"reports": named, "read": account})
        return
    from rotools.cli.tokenizer_report import show

    console.summary(account, "read", quiet=quiet)
    show(named, examples)
