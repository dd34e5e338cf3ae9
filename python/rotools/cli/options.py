"""The words that several verbs share."""

import re
from enum import StrEnum
from typing import Annotated

import typer


class Profile(StrEnum):
    """What the inputs hold."""

    web = "web"
    books = "books"


class Diacritics(StrEnum):
    """What becomes of text that is written without diacritics."""

    flag = "flag"
    drop = "drop"
    keep = "keep"


class Preset(StrEnum):
    """Which duplicates are looked for, and how near-duplicates are proposed."""

    default = "default"
    strict = "strict"
    exact = "exact"


class Engine(StrEnum):
    """What runs the first pass."""

    local = "local"
    ray = "ray"


def size(text: str) -> int:
    """Bytes of `512M`, `4G`, `4GiB`, `1.5g` or a plain number.

    Raises:
        typer.BadParameter: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found:
        raise typer.BadParameter(f"{text!r} is no amount of memory: say for example 512M or 4G")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def shard(text: str | None) -> tuple[int, int] | None:
    """(number, of) of `2/8`.

    Raises:
        typer.BadParameter: it is something else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not NUMBER/SHARDS, for example 2/8")
    return int(found[1]), int(found[2])


def thresholds(words: list[str]) -> list[tuple[str, float | None]]:
    """(rule, threshold) of `rule=0.3`; `rule=off` is no threshold.

    Raises:
        typer.BadParameter: it is neither.
    """
    pairs: list[tuple[str, float | None]] = []
    for word in words:
        rule, _, value = word.partition("=")
        try:
            pairs.append((rule, None if value == "off" else float(value)))
        except ValueError:
            raise typer.BadParameter(f"{word!r} is not RULE=NUMBER or RULE=off") from None
    return pairs


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
VocabSize = Annotated[int, typer.Option(min=258, max=65499, help="Size of a trained vocabulary.")]
MaxRam = Annotated[
    str, typer.Option(help="Memory of the whole run, for example 512M or 4G; what is more goes to disk.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        help="Only read, judge and sign part I of N, 1/N to N/N; the same command without it goes on from all."
    ),
]
Duplicates = Annotated[
    Preset,
    typer.Option(
        help="Near-duplicates are proposed by 14 bands of 8 (default) or 26 of 11 (strict); exact removes only equal "
        "texts, all but the first, without a pass to find them."
    ),
]
AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Let near-duplicates take more than half of a source.")
]
RepeatedLines = Annotated[
    int | None,
    typer.Option(min=1, help="Cut lines of web text that stand in more documents than this (no dialogue)."),
]
Decontaminate = Annotated[
    list[str] | None,
    typer.Option(help="An evaluation file: what shares 13 words in a row with it goes. May be repeated."),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option("--threshold", help="RULE=NUMBER in place of the profile's, RULE=off for none; repeatable."),
]
Redact = Annotated[
    bool, typer.Option(help="Replace CNP, IBAN, card numbers, e-mail addresses and telephone numbers.")
]
Boilerplate = Annotated[
    bool, typer.Option(help="Cut cookie notices, buttons and links to other articles out of web text.")
]
Undiacritized = Annotated[
    Diacritics,
    typer.Option("--diacritics", help="Text without diacritics: flag in the ledger, drop, or keep."),
]
