"""Readers of strangers' files on mutations of valid files: a text, a sentence, or a plain error of the reader; no crash, no hang.

`make fuzz` gives each reader minutes (FUZZ_MINUTES); here each has seconds. A finding becomes a file in tests/golden/fuzz.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from effort import ALL, rng, told
from fuzz_bodies import BODIES, Body
from mutations import mutated

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
"""For each reader, at least."""

GOLDEN = Path(__file__).parents[1] / "golden" / "fuzz"


@pytest.mark.parametrize("name", BODIES)
def test_a_reader_of_mutated_files(name: str, tmp_path: Path) -> None:
    body: Body = BODIES[name](tmp_path)
    random, tried, refused, slowest = rng(name), 0, 0, 0.0
    for file in sorted((GOLDEN / name).glob("*")):
        body.read(file.read_bytes())
        tried += 1
    seeds = body.seeds()
    until = time.monotonic() + 60 * MINUTES
    while tried < body.times * (20 if ALL else 1) or time.monotonic() < until:
        data = mutated(seeds, random)
        began = time.process_time()
        try:
            refused += not body.read(data)
        except BaseException:
            found = tmp_path / "finding"
            found.write_bytes(data)
            print(f"the file is {found}; {told(name)}")
            raise
        slowest = max(slowest, time.process_time() - began)
        tried += 1
    print(f"{name}: {tried} files, {refused} refused, the slowest took {slowest:.2f} s of CPU")
    assert tried > refused
