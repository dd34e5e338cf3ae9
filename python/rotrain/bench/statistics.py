"""Summarize speeds: medians with bootstrap intervals, and ratios of two variants measured in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES, LEVEL = 2000, 0.95
# Two variants differ if the interval of their ratio does not contain 1, and the ratio differs from 1 by more than this.
MIN_DIFFERENCE = 0.02
# With fewer than six rounds, the range of all samples is not yet a 95 % interval. Six samples are all on one side of the true
# median in 2 / 2^6 = 3 % of cases.
MIN_ROUNDS = 6


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Return the median, its 95 % percentile-bootstrap interval, and the samples.

    The bootstrap has a fixed seed, so the same samples give the same interval.

    Args:
        samples: One measurement for each turn.

    Returns:
        `median`, `ci` (low and high end of the interval) and `samples`.

    Example:
        >>> summary([1.0, 2.0, 3.0])
        {'median': 2.0, 'ci': [1.0, 3.0], 'samples': [1.0, 2.0, 3.0]}
    """
    values = np.asarray(samples, np.float64)
    low, high = _percentile_interval(np.median(_resample(len(values), values), axis=1))
    return {"median": float(np.median(values)), "ci": [low, high], "samples": values.tolist()}


def relative_half_width(found: dict[str, Any]) -> float:
    """Return half the length of the interval of a `summary`, divided by the median.

    Example:
        >>> relative_half_width({"median": 100.0, "ci": [98.0, 102.0]})
        0.02
    """
    low, high = found["ci"]
    return float((high - low) / 2 / found["median"])


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return the 50th, 90th and 99th percentile as `p50`, `p90` and `p99`.

    Example:
        >>> percentiles([1.0, 2.0, 3.0])["p50"]
        2.0
    """
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 99)}


def ratio(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Compare two variants: the median over rounds of b / a, its interval, and whether the variants differ.

    Both values of a round were measured in the same state of the machine, so its drift cancels. The interval is that of the
    sign test: two order statistics, with a confidence of at least 95 % for any distribution. With ten rounds, the interval
    of the bootstrap is too narrow (docs/log/quantization.md).

    Args:
        a: Value of the first variant in each round.
        b: Value of the second variant in each round.

    Returns:
        `ratio` (the median), `ci` (low and high end of the interval) and `differs` (None with fewer than 6 rounds).

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
    """Return how many sorted samples to drop at each end, so that the rest spans the median in at least 95 % of cases."""
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
