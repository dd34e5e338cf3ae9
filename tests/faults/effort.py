"""How much the tests of this folder do. `make test` does a small part, the same each time; `make test-faults` does all.

FAULTS=all        every fault, five hundred kills, every byte
FAULTS_SEED=7     repeat the random part of a run that printed this seed
"""

from __future__ import annotations

import os
import random

ALL = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED") or (random.randrange(10**6) if ALL else 0))


def rng(name: str) -> random.Random:
    """The random numbers of one test, so that it can be repeated alone."""
    return random.Random(f"{SEED} {name}")


def told(name: str) -> str:
    """How to repeat a failure."""
    return f"repeat with FAULTS={'all' if ALL else 'some'} FAULTS_SEED={SEED} pytest -k {name!r}"
