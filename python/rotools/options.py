"""Types and defaults of the options that several functions share.

The functions and the command line take their defaults from here. A test holds the binding's defaults against them.
"""

import os
import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from rotools.errors import UsageError

__all__ = [
    "MAX_RAM",
    "VALID_SHARE",
    "VOCAB_SIZE",
    "DiacriticsPolicy",
    "Engine",
    "Paths",
    "Pattern",
    "Preset",
    "Profile",
    "ShardStep",
    "Step",
    "TextSplit",
    "paths",
    "shard_number",
    "size_bytes",
]

Profile: TypeAlias = Literal["web", "books"]
"""Kind of text in the inputs."""
DiacriticsPolicy: TypeAlias = Literal["flag", "drop", "keep"]
"""What happens to text without diacritics."""
Preset: TypeAlias = Literal["default", "strict", "exact"]
"""How many bands propose near-duplicates; `exact` removes equal texts only."""
Engine: TypeAlias = Literal["local", "ray"]
"""Where the steps of `pack` run."""
Step: TypeAlias = Literal["judge", "decide", "count", "train", "encode", "finish"]
"""A step of `pack` that runs alone."""
ShardStep: TypeAlias = Literal["judge", "count", "encode"]
"""A step that shards do."""
Pattern: TypeAlias = Literal["gpt-2", "llama-bpe", "qwen2"]
"""Pre-tokenizer patterns, by their names in llama.cpp."""
TextSplit: TypeAlias = Literal["line", "blank-line"]
"""How a text file is divided into documents."""
Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One path or several."""

VOCAB_SIZE = 40_000
VALID_SHARE = 0.005
MAX_RAM = "1G"


def paths(inputs: Paths) -> list[str]:
    """List the inputs as strings.

    Examples:
        >>> from pathlib import Path
        >>> paths("web.jsonl"), paths([Path("a.jsonl"), "b.jsonl"])
        (['web.jsonl'], ['a.jsonl', 'b.jsonl'])
    """
    if isinstance(inputs, (str, os.PathLike)):
        return [os.fspath(inputs)]
    return [os.fspath(path) for path in inputs]


def size_bytes(size: int | str) -> int:
    """Convert an amount of memory to bytes.

    Args:
        size: Bytes, or a text such as `512M`, `4G`, `4GiB` or `1.5g`. K, M, G and T are powers of 1024.

    Raises:
        UsageError: The text is not an amount.

    Examples:
        >>> size_bytes("1.5G"), size_bytes(4096)
        (1610612736, 4096)
    """
    if isinstance(size, int):
        return size
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", size.strip(), re.IGNORECASE)
    if not found:
        raise UsageError(f"invalid amount of memory {size!r}", hint="for example 512M or 4G")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def shard_number(shard: str) -> tuple[int, int]:
    """Parse `2/8` to (number, of).

    Raises:
        UsageError: The text has another form.

    Examples:
        >>> shard_number("2/8")
        (2, 8)
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    if not found:
        raise UsageError(f"invalid shard {shard!r}", hint="write NUMBER/SHARDS, for example 2/8")
    return int(found[1]), int(found[2])
