"""Medians with bootstrap intervals, and ratios of two variants that were measured in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES, LEVEL = 2000, 0.95
# Two variants differ if the interval of their ratio excludes 1 and the ratio is further from 1 than this.
MIN_DIFFERENCE = 0.02
# With fewer rounds an interval is only the range of the samples. Six on one side of 1 happen by chance in 3 of 100 cases.
MIN_ROUNDS = 6


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Return median, 95 % percentile-bootstrap interval, and the samples. The same samples give the same interval.

    Example:
        >>> summary([1.0, 2.0, 3.0])["median"]
        2.0
    """
    values = np.asarray(samples, np.float64)
    low, high = _percentile_interval(np.median(_resample(len(values), values), axis=1))
    return {"median": float(np.median(values)), "ci": [low, high], "samples": values.tolist()}


def relative_half_width(found: dict[str, Any]) -> float:
    """Return half the interval / the median."""
    low, high = found["ci"]
    return float((high - low) / 2 / found["median"])


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p90 and p99."""
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 99)}


def ratio(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Return the median of b / a, round by round, with an interval, and whether they differ.

    Both values of a round saw the same state of the machine, so drift cancels. The interval is that of the sign test (order
    statistics, at least 95 % for any distribution): with ten rounds the bootstrap's interval is too narrow (docs/log.md).

    Args:
        a: One value for each round.
        b: One value for each round.

    Example:
        >>> ratio([1.0] * 6, [2.0] * 6)["differs"], ratio([1.0] * 5, [2.0] * 5)["differs"]
        (True, None)
    """
    ratios = np.sort(np.asarray(b, np.float64) / np.asarray(a, np.float64))
    cut = _sign_test_cut(len(ratios))
    low, high = float(ratios[cut]), float(ratios[-1 - cut])
    median = float(np.median(ratios))
    differs = (low > 1 or high < 1) and abs(median - 1) > MIN_DIFFERENCE
    return {"ratio": median, "ci": [low, high], "differs": differs if len(ratios) >= MIN_ROUNDS else None}


def _sign_test_cut(count: int) -> int:
    """Return how many samples to leave out at each end: the rest holds the median in at least 95 % of cases."""
    tail, cut = 0.0, 0
    while cut < count // 2:
        tail += math.comb(count, cut) * 0.5**count
        if 2 * tail > 1 - LEVEL:
            return max(0, cut - 1) if cut else 0
        cut += 1
    return max(0, cut - 1)


def _resample(
    count: int, values: np.ndarray[Any, np.dtype[np.float64]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    indices = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    return values[indices]


def _percentile_interval(medians: np.ndarray[Any, Any]) -> tuple[float, float]:
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(medians, [tail, 100 - tail])
    return float(low), float(high)
