"""Damaged copies of a file: changed bytes and lengths."""

from __future__ import annotations

import random
from collections.abc import Iterator

SMALL = 6_000
"""Bytes of a file of which every byte and every length is tried."""

MASKS = (1, 2, 4, 8, 16, 32, 64, 128, 255)


def damaged(data: bytes, rng: random.Random, flips: int, cuts: int) -> Iterator[tuple[str, bytes]]:
    """Changed bytes, then beginnings, each with its description."""
    for at in sorted(rng.sample(range(len(data)), min(flips, len(data)))):
        mask = rng.choice(MASKS)
        yield f"byte {at} ^ {mask}", data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
    for length in sorted(rng.sample(range(len(data)), min(cuts, len(data)))):
        yield f"cut to {length}", data[:length]


def amounts(size: int, *, everything: bool, few: int) -> tuple[int, int]:
    """How many bytes to change and lengths to cut: all of a small file, 1,000 of a large one, or a few."""
    if not everything:
        return few, few
    return (size, size) if size <= SMALL else (800, 200)
