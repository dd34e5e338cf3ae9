"""`rotools tokenizer`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import Inputs, Json, Quiet, Strict, TextField, Threads, VocabSize
from rotools.options import VOCAB_SIZE, Pattern
from rotools.tokenizer import encode_files, tokenizer_report, train_tokenizer

app = typer.Typer(
    help="Train a byte-level BPE tokenizer and encode with it.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("train")
def train(
    inputs: Inputs,
    vocab_size: VocabSize = VOCAB_SIZE,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("tokenizer.json"),
    pattern: Annotated[
        Pattern, typer.Option(help="Pattern that splits text into words, by its name in llama.cpp.")
    ] = "llama-bpe",
    normalize: Annotated[bool, typer.Option(help="Repair the text first.")] = True,
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a byte-level BPE tokenizer.

    \b
    Examples:
      rotools tokenizer train web.jsonl books/ --vocab-size 40000 --out tokenizer.json
    """
    with Display(quiet=quiet) as display:
        result = train_tokenizer(
            inputs,
            out,
            vocab_size=vocab_size,
            pattern=pattern,
            normalize=normalize,
            text_field=text_field,
            strict=strict,
            threads=threads,
            progress=display.callback,
        )
    if as_json:
        console.print_json(result.to_dict())
        console.end_incomplete([result.read])
        return
    console.summarize(result.read, "read", quiet=quiet)
    console.say(f"{out}: vocabulary {result.tokenizer.vocab_size:,}", quiet=quiet)
    console.end_incomplete([result.read])


@app.command("encode")
def encode(
    inputs: Inputs,
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json.")],
    out: Annotated[
        Path,
        typer.Option(help="The file of ids to write: little-endian u16 (u32 for a vocabulary over 65,499)."),
    ],
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Encode documents, unchanged, to ids with <|endoftext|> after each document.

    \b
    Examples:
      rotools tokenizer encode web.jsonl --tokenizer tokenizer.json --out tokens.bin
    """
    with Display(quiet=quiet) as display:
        result = encode_files(
            inputs,
            out,
            tokenizer,
            text_field=text_field,
            strict=strict,
            threads=threads,
            progress=display.callback,
        )
    if as_json:
        console.print_json(result.to_dict())
        console.end_incomplete([result.read])
        return
    console.summarize(result.read, "read", quiet=quiet)
    console.say(f"{out}: {result.tokens:,} tokens", quiet=quiet)
    console.end_incomplete([result.read])


@app.command("report")
def report(
    inputs: Inputs,
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json.")],
    against: Annotated[
        list[Path] | None, typer.Option(help="Another tokenizer.json to compare with. May be repeated.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=40, help="Split words and clitic forms to show.")] = 8,
    normalize: Annotated[bool, typer.Option(help="Repair the text first.")] = True,
    text_field: TextField = "text",
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure what tokenizers do to a text: tokens per word, coverage, how Romanian words and clitics are cut.

    \b
    Examples:
      rotools tokenizer report web.jsonl --tokenizer tokenizer.json
      rotools tokenizer report web.jsonl books.jsonl --tokenizer tokenizer.json --against gpt2.json --json
    """
    with Display(quiet=quiet) as display:
        result = tokenizer_report(
            inputs,
            [tokenizer, *(against or [])],
            normalize=normalize,
            text_field=text_field,
            strict=strict,
            threads=threads,
            progress=display.callback,
        )
    if as_json:
        console.print_json(result.to_dict())
        console.end_incomplete([result.read])
        return
    from rotools.cli.tokenizer_report import show

    console.summarize(result.read, "read", quiet=quiet)
    show(result.reports, examples)
    console.end_incomplete([result.read])
