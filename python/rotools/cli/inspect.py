"""`rotools inspect`: a corpus, a tokenizer or a pack, seen from outside."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rotools import _rotext
from rotools.cli import console
from rotools.cli.options import IdField, Json, Quiet, TextField, Threads


def inspect(
    path: Annotated[list[str], typer.Argument(help="A pack directory, a tokenizer.json, or corpus files.")],
    block: Annotated[int | None, typer.Option(min=0, help="Print the text of this block of a pack.")] = None,
    phase: Annotated[str | None, typer.Option(help="Phase of the block; the first by default.")] = None,
    split: Annotated[str, typer.Option(help="train or valid.")] = "train",
    text_field: TextField = "text",
    id_field: IdField = None,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what a pack, a tokenizer or a corpus holds, or the text of one block.

    A corpus is read once, whole, and told by its records: how many, what would be left out or repaired and
    by which rule, how long they are.

    \b
    Examples:
      rotools inspect corpus.jsonl
      rotools inspect tokenizer.json
      rotools inspect pack
      rotools inspect pack --block 0 --phase books
    """
    one = Path(path[0]) if len(path) == 1 else None
    if one is not None and (block is not None or (one / "manifest.json").exists()):
        _pack(one, block, phase, split, as_json)
    elif one is not None and one.suffix == ".json" and _is_tokenizer(one):
        _tokenizer(one, as_json)
    else:
        _corpus(path, text_field, id_field, threads, as_json, quiet)


def _pack(path: Path, block: int | None, phase: str | None, split: str, as_json: bool) -> None:
    manifest = _rotext.manifest(path)
    if block is not None:
        name = phase or manifest["phases"][0]["name"]
        text = _rotext.block(path, name, split, block)
        if as_json:
            console.print_json({"phase": name, "split": split, "block": block, "text": text})
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


def _is_tokenizer(path: Path) -> bool:
    """A JSON file of one object with a `model` is a tokenizer, not a line of a corpus."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and "model" in value


def _tokenizer(path: Path, as_json: bool) -> None:
    size, pattern, end, specials = _rotext.tokenizer_info(path)
    if as_json:
        console.print_json(
            {"vocab_size": size, "pre_tokenizer": pattern, "end_of_text": end, "special_tokens": specials}
        )
        return
    print(f"{path}: byte-level BPE, vocabulary {size:,}, pre-tokenizer `{pattern}` (its name in llama.cpp)")
    print(f"  end of text {end or 'none'}; special tokens: {', '.join(specials) or 'none'}")


def _corpus(
    inputs: list[str], text_field: str, id_field: str | None, threads: int, as_json: bool, quiet: bool
) -> None:
    seen = console.watch(
        lambda progress: _rotext.inspect(
            inputs, text_field=text_field, id_field=id_field, threads=threads, progress=progress
        ),
        quiet=quiet,
    )
    if as_json:
        console.print_json(seen)
        return
    for file in seen["sources"]:
        kind = file["format"] + ("" if file["compression"] == "none" else f", {file['compression']}")
        print(f"{file['name']}: {kind}, {file['size'] / 1e6:,.1f} MB")
        for name, type_ in file["fields"]:
            print(f"  {name}: {type_}")
    read: dict[str, Any] = seen["read"]
    print(
        f"{read['records']:,} records, {read['documents']:,} documents, {read['bytes'] / 1e6:,.1f} MB of text"
    )
    for reason, count in read["rejected"].items():
        print(f"  would be left out, {reason}: {count:,}")
    if seen["lengths"]:
        low, middle, high, top = (seen["lengths"][key] for key in ("min", "median", "p90", "max"))
        print(
            f"bytes of a document: {low:,} at least, median {middle:,}, 90 % below {high:,}, longest {top:,}"
        )
    done = read["normalize"]
    bare, partial = done["no_diacritics"], done["partial_diacritics"]
    print(f"without diacritics: {bare:,} documents; with few: {partial:,}")
    print(f"would be repaired: {done['changed_documents']:,} documents")
    for rule, count in done["rules"].items():
        if count:
            print(f"  {rule}: {count:,}")
    if seen["first"]:
        print(f"first document, {seen['first']['id']}:\n{seen['first']['text']}")
