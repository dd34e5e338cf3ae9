"""Who is better, and where that cannot be said.

Models scored on the same units are compared in pairs (`evaluate.interval`). A model shares the rank
of the one above it when the interval of their difference holds zero: the data does not tell them
apart, and the report must not either. Of other texts only the intervals themselves can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rotrain.evaluation.interval import paired

Json = dict[str, Any]


@dataclass(frozen=True)
class Ranked:
    """A name, its rank (1 is best; equals share one) and its place in the input."""

    index: int
    rank: int


def rank(scores: Sequence[Json]) -> list[Ranked]:
    """Ranks of text scores of one domain (`text` in docs/reference/evaluation-results.md), best first.

    A score is in the group of the group's best as long as the two cannot be told apart. Scores of one unit have no
    interval, so nothing is ranked.
    """
    if any(score["bits_per_byte"]["low"] is None for score in scores):
        return []
    order = sorted(range(len(scores)), key=lambda i: scores[i]["bits_per_byte"]["value"])
    ranked: list[Ranked] = []
    best, place = -1, 0
    for position, index in enumerate(order, 1):
        if best < 0 or better(scores[best], scores[index]):
            best, place = index, position
        ranked.append(Ranked(index, place))
    return ranked


def better(left: Json, right: Json) -> bool:
    """Is the first lower in bits per byte, beyond the 95 % interval?"""
    low = difference(right, left)[1]
    return low > 0


def difference(left: Json, right: Json) -> tuple[float, float, float]:
    """left - right in bits per byte: value, low, high."""
    a, b = left["by_unit"], right["by_unit"]
    if a["id"] == b["id"] and a["bytes"] == b["bytes"]:
        sizes = np.array(a["bytes"], dtype=np.float64)
        found = paired(np.array(a["nats"]) / math.log(2), np.array(b["nats"]) / math.log(2), sizes)
        if found.low is None or found.high is None:
            return found.value, -math.inf, math.inf
        return found.value, found.low, found.high
    one, other = left["bits_per_byte"], right["bits_per_byte"]
    return one["value"] - other["value"], one["low"] - other["high"], one["high"] - other["low"]
