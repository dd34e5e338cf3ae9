"""Intervals by the bootstrap over documents (Efron 1979; Koehn 2004 for language tasks).

Tokens of one document are not independent, documents are: whole documents are drawn again.
Two models scored on the same documents are compared document by document (`paired`), which
takes out how hard the documents are and is much sharper than two separate intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS, LEVEL, SEED = 2_000, 0.95, 0

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """A figure and the 95 % interval around it."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """For a result file."""
        return {"value": self.value, "low": self.low, "high": self.high}


def ratio(numerators: Values, denominators: Values) -> Interval:
    """sum(numerators) / sum(denominators) over documents (N,), and its interval.

    A mean is the ratio to ones.
    """
    weights = _draws(len(numerators))
    drawn = (weights @ numerators) / (weights @ denominators)
    return _interval(float(numerators.sum() / denominators.sum()), drawn)


def paired(left: Values, right: Values, denominators: Values) -> Interval:
    """The difference left - right of two ratios over the same documents, and its interval."""
    return ratio(left - right, denominators)


def _draws(documents: int) -> Values:
    """How often each document is in each draw: (draws, N). One seed, so results repeat."""
    random = np.random.default_rng(SEED)
    counts = np.empty((DRAWS, documents))
    for row in counts:
        row[:] = np.bincount(random.integers(documents, size=documents), minlength=documents)
    return counts


def _interval(value: float, drawn: Values) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
