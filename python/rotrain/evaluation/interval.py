"""Compute 95 % intervals with the bootstrap over documents.

The tokens of one document depend on each other, but documents are independent. So the bootstrap draws whole documents, with
replacement. `paired` compares two models document by document. Both models have the same hard and easy documents, so the
interval of their difference is much narrower than the intervals of the two models.

Source: Efron 1979; Koehn 2004 for language tasks.

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
        """Return the interval for a result file.

        Example:
            >>> Interval(2.0, 1.5, 2.5).as_json()
            {'value': 2.0, 'low': 1.5, 'high': 2.5}
        """
        return {"value": self.value, "low": self.low, "high": self.high}


def ratio(numerators: Values, denominators: Values) -> Interval:
    """Return sum(numerators) / sum(denominators) over documents, with its interval.

    Args:
        numerators: One value for each document (N,), for example nats.
        denominators: One value for each document (N,), for example bytes. Ones give the mean of the numerators.

    Example:
        >>> ratio(np.array([3.0, 3.0]), np.array([2.0, 2.0]))
        Interval(value=1.5, low=1.5, high=1.5)
    """
    weights = _draw_counts(len(numerators))
    resampled = (weights @ numerators) / (weights @ denominators)
    return _interval(float(numerators.sum() / denominators.sum()), resampled)


def paired(left: Values, right: Values, denominators: Values) -> Interval:
    """Return the difference of two ratios over the same documents, with its interval.

    Args:
        left: Numerators of the first model (N,).
        right: Numerators of the second model (N,).
        denominators: Denominators of both models (N,).

    Returns:
        sum(left - right) / sum(denominators). The models differ if the interval does not contain 0.

    Example:
        >>> paired(np.array([3.0, 5.0]), np.array([1.0, 3.0]), np.array([4.0, 4.0]))
        Interval(value=0.5, low=0.5, high=0.5)
    """
    return ratio(left - right, denominators)


def _draw_counts(documents: int) -> Values:
    """Return how often each document is in each draw (draws, N). The seed is fixed, so the result is always the same."""
    random = np.random.default_rng(SEED)
    counts = np.empty((DRAWS, documents))
    for row in counts:
        row[:] = np.bincount(random.integers(documents, size=documents), minlength=documents)
    return counts


def _interval(value: float, resampled: Values) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
