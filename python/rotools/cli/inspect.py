"""`rotools inspect`: describe a corpus, a tokenizer or a pack."""

import json
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import IdField, Json, Quiet, TextField, Threads
from rotools.errors import UsageError
from rotools.inspect import CorpusSummary
from rotools.inspect import inspect as summarize
from rotools.options import TextSplit
from rotools.pack_reader import Split, open_pack
from rotools.tokenizer import Tokenizer


def inspect(
    path: Annotated[list[str], typer.Argument(help="A pack directory, a tokenizer.json, or corpus files.")],
    block: Annotated[int | None, typer.Option(min=0, help="Print the text of this block of a pack.")] = None,
    phase: Annotated[str | None, typer.Option(help="Phase of the block. By default the first one.")] = None,
    split: Annotated[
        Literal["train", "valid", "line", "blank-line"] | None,
        typer.Option(
            help="Split of the block of a pack: train (default) or valid. Documents of a .txt file: one per line, or "
            "between empty lines (by default one per file)."
        ),
    ] = None,
    text_field: TextField = "text",
    id_field: IdField = None,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Describe a pack, a tokenizer or a corpus, or print the text of one block.

    A corpus is read once: how many records it has, how many would be rejected or repaired and by which rule, and how long
    the documents are.

    \b
    Examples:
      rotools inspect corpus.jsonl
      rotools inspect oscar.txt.gz --split blank-line
      rotools inspect tokenizer.json
      rotools inspect pack
      rotools inspect pack --block 0 --phase books
    """
    one = Path(path[0]) if len(path) == 1 else None
    if one is not None and (block is not None or (one / "manifest.json").exists()):
        if split in get_args(TextSplit):
            raise UsageError(f"a pack has no split `{split}`", hint="use one of: train, valid")
        _show_pack(one, block, phase, "valid" if split == "valid" else "train", as_json)
    elif one is not None and one.suffix == ".json" and _is_tokenizer(one):
        _show_tokenizer(one, as_json)
    else:
        if split in get_args(Split):
            raise UsageError(f"a text has no split `{split}`", hint="use one of: line, blank-line")
        text_split = cast("TextSplit | None", split)
        with Display(quiet=quiet) as display:
            summary = summarize(
                path,
                text_field=text_field,
                id_field=id_field,
                split=text_split,
                threads=threads,
                progress=display.callback,
            )
        if as_json:
            console.print_json(summary.to_dict())
        else:
            _show_corpus(summary)


def _show_pack(path: Path, block: int | None, phase: str | None, split: Split, as_json: bool) -> None:
    pack = open_pack(path)
    if block is not None:
        name = phase or pack.phases[0].name
        text = pack.block_text(block, split, name)
        if as_json:
            console.print_json({"phase": name, "split": split, "block": block, "text": text})
        else:
            console.show(text)
        return
    if as_json:
        console.print_json(pack.manifest)
        return
    console.show(
        f"{path}: vocabulary {pack.manifest['vocab_size']:,}, blocks of {pack.manifest['block_tokens']}"
    )
    for part in pack.phases:
        for kind, stream in (("train", part.train), ("valid", part.valid)):
            console.show(
                f"  {part.name:<12} {kind:<6} {stream.documents:>12,} documents "
                f"{stream.tokens:>16,} tokens {stream.blocks:>12,} blocks"
            )


MOST_TOKENIZER_BYTES = 256 << 20
"""A larger JSON file is a corpus."""


def _is_tokenizer(path: Path) -> bool:
    """A JSON file of one object with a `model` is a tokenizer, not a line of a corpus."""
    try:
        if path.stat().st_size > MOST_TOKENIZER_BYTES:
            return False
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "model" in value


def _show_tokenizer(path: Path, as_json: bool) -> None:
    tokenizer = Tokenizer.load(path)
    specials = tokenizer.special_tokens
    end = next((text for text, id in specials.items() if id == tokenizer.eos_id), None)
    if as_json:
        console.print_json(
            {
                "vocab_size": tokenizer.vocab_size,
                "pre_tokenizer": tokenizer.pattern,
                "end_of_text": end,
                "special_tokens": list(specials),
            }
        )
        return
    console.show(
        f"{path}: byte-level BPE, vocabulary {tokenizer.vocab_size:,}, "
        f"pre-tokenizer `{tokenizer.pattern}` (its name in llama.cpp)"
    )
    console.show(f"  end of text {end or 'none'}; special tokens: {', '.join(specials) or 'none'}")


def _show_corpus(summary: CorpusSummary) -> None:
    for file in summary.sources:
        kind = file["format"] + ("" if file["compression"] == "none" else f", {file['compression']}")
        console.show(f"{file['name']}: {kind}, {file['size'] / 1e6:,.1f} MB")
        for name, type_ in file["fields"]:
            console.show(f"  {name}: {type_}")
    read = summary.read
    console.show(
        f"{read.records:,} records, {read.documents:,} documents, {read.bytes / 1e6:,.1f} MB of text"
    )
    for reason, count in read.rejected.items():
        console.show(f"  would be rejected, {reason}: {count:,}")
    if summary.lengths:
        low, middle, high, top = (summary.lengths[key] for key in ("min", "median", "p90", "max"))
        console.show(
            f"bytes of a document: shortest {low:,}, median {middle:,}, 90 % below {high:,}, longest {top:,}"
        )
    repairs = read.normalize
    bare, partial = repairs["no_diacritics"], repairs["partial_diacritics"]
    console.show(f"without diacritics: {bare:,} documents; with few: {partial:,}")
    console.show(f"would be repaired: {repairs['changed_documents']:,} documents")
    for rule, count in repairs["rules"].items():
        if count:
            console.show(f"  {rule}: {count:,}")
    if summary.first:
        console.show(f"first document, {summary.first['id']}:\n{summary.first['text']}")
