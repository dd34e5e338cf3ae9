"""Intervals by the bootstrap over documents (Efron 1979; Koehn 2004 for language tasks).

The tokens of one document depend on each other; documents do not. So whole documents are drawn again. Two models with scores
of the same documents are compared document by document (`paired`). That removes the difficulty of the documents and is much
sharper than two separate intervals.

Example:
    >>> nats, bytes_ = np.array([10.0, 12.0, 9.0, 11.0]), np.array([8.0, 8.0, 8.0, 8.0])
    >>> found = ratio(nats, bytes_)
    >>> found.low <= found.value == 42 / 32 <= found.high
    True
    >>> paired(nats + 1, nats, bytes_)
    Interval(value=0.125, low=0.125, high=0.125)
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
    """A figure and its 95 % interval.

    Attributes:
        value: The figure.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """Return the interval for a result file."""
        return {"value": self.value, "low": self.low, "high": self.high}


def ratio(numerators: Values, denominators: Values) -> Interval:
    """Return sum(numerators) / sum(denominators) over documents, and its interval.

    Args:
        numerators: One value for each document (N,).
        denominators: One value for each document (N,). Ones give a mean.
    """
    weights = _draw_counts(len(numerators))
    resampled = (weights @ numerators) / (weights @ denominators)
    return _interval(float(numerators.sum() / denominators.sum()), resampled)


def paired(left: Values, right: Values, denominators: Values) -> Interval:
    """Return the difference of two ratios over the same documents, (left - right) / denominators, and its interval."""
    return ratio(left - right, denominators)


def _draw_counts(documents: int) -> Values:
    """Return how often each document is in each draw (draws, N). There is one seed, so results repeat."""
    random = np.random.default_rng(SEED)
    counts = np.empty((DRAWS, documents))
    for row in counts:
        row[:] = np.bincount(random.integers(documents, size=documents), minlength=documents)
    return counts


def _interval(value: float, resampled: Values) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
