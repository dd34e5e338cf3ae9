"""Compute 95 % intervals with the bootstrap over documents.

The tokens of one document depend on each other, but documents are independent. So the bootstrap draws whole documents, with
replacement. `paired` compares two models document by document. Both models have the same hard and easy documents, so the
interval of their difference is much narrower than the intervals of the two models.

Source: Efron 1979; Koehn 2004 for language tasks.

Examples:
    >>> nats, bytes_ = np.array([10.0, 12.0, 9.0, 11.0]), np.array([8.0, 8.0, 8.0, 8.0])
    >>> found = ratio(nats, bytes_)
    >>> found.low <= found.value == 42 / 32 <= found.high
    True
    >>> paired(nats + 1, nats, bytes_)
    Interval(value=0.125, low=0.125, high=0.125)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS, LEVEL, SEED = 2_000, 0.95, 0
NORMAL = 1.959964  # the 97.5 % quantile of the normal distribution

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval.

    Attributes:
        value: The figure.
        low: Lower end of the interval; None where there is one unit, of which nobody knows how it varies.
        high: Upper end of the interval, or None.
    """

    value: float
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return the interval for a result file.

        Examples:
            >>> Interval(2.0, 1.5, 2.5).as_json()
            {'value': 2.0, 'low': 1.5, 'high': 2.5}
        """
        return {"value": self.value, "low": self.low, "high": self.high}


def ratio(numerators: Values, denominators: Values) -> Interval:
    """Return sum(numerators) / sum(denominators) over documents, with its interval.

    Args:
        numerators: One value for each document (N,), for example nats.
        denominators: One value for each document (N,), for example bytes. Ones give the mean of the numerators.

    Examples:
        >>> ratio(np.array([3.0, 3.0]), np.array([2.0, 2.0]))
        Interval(value=1.5, low=1.5, high=1.5)
    """
    if len(numerators) < 2:
        return Interval(float(numerators.sum() / denominators.sum()), None, None)
    weights = _draw_counts(len(numerators))
    resampled = (weights @ numerators) / (weights @ denominators)
    return _interval(float(numerators.sum() / denominators.sum()), resampled)


def share(hits: Values) -> Interval:
    """Return the mean of hits that are 0 or 1, with Wilson's interval.

    The bootstrap gives 0 of 50 the interval [0, 0], as if it could not be 1 of 50 (Wilson 1927; Brown et al. 2001).

    Args:
        hits: 0 or 1 for each case (N,).

    Examples:
        >>> found = share(np.zeros(50))
        >>> found.value, found.low, round(found.high, 3)
        (0.0, 0.0, 0.071)
    """
    n, p = len(hits), float(hits.mean())
    spread = NORMAL * math.sqrt(p * (1 - p) / n + NORMAL**2 / (4 * n * n))
    centre, scale = p + NORMAL**2 / (2 * n), 1 + NORMAL**2 / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(p, 0.0 if p == 0 else max(low, 0.0), 1.0 if p == 1 else min(high, 1.0))


def paired(left: Values, right: Values, denominators: Values) -> Interval:
    """Return the difference of two ratios over the same documents, with its interval.

    Args:
        left: Numerators of the first model (N,).
        right: Numerators of the second model (N,).
        denominators: Denominators of both models (N,).

    Returns:
        sum(left - right) / sum(denominators). The models differ if the interval does not contain 0.

    Examples:
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
