"""Compare architectures over their seeds: mean, standard deviation, interval, and ranks that the luck of a seed cannot make.

A training has luck: the same architecture with another seed ends a hundredth or two of a bit higher or lower. So a rank needs at
least three seeds. The uncertainty of a mean has two parts that are independent: the seeds, and the documents it was scored on.

* seeds: the standard deviation over seeds, pooled over the architectures of a study, because three seeds alone know it badly;
* documents: the jackknife over documents of the mean of the seeds, in pairs where two models have the same documents.

Two architectures are told apart if the difference of their means is significant at 5 % after Holm's correction over all pairs, and at
least `LEAST` of the better one. Variants of one run share its seeds, so they are compared seed by seed.

Source: Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks"; Holm 1979.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.evaluation.interval import LEVEL, Estimate, Interval, estimate

Json = dict[str, Any]
ENOUGH = 3
"""Seeds that a rank needs."""
LEAST = 0.005
"""The least difference that is called one, as a share of the bits per byte: less does not matter to a user."""
POWER = 0.8
TOLD = 0.02
"""The difference in bits per byte for which the power of a study is said."""
# The keys of a configuration in which two seeds of one architecture may differ.
_FREE = ("seed", "out", "runtime", "checkpoint", "evaluation", "log_every")


@dataclass(frozen=True)
class Group:
    """The scores of one variant of one architecture, one for each seed.

    Attributes:
        name: Name of the architecture and its size, such as `llama-gqa-nano`.
        variant: `fp32` or the name of the quantization.
        key: What the runs have in common; variants of the same runs have the same key.
        scores: Scores of one domain (`text` in docs/reference/evaluation-results.md), in the order of the seeds.
    """

    name: str
    variant: str
    key: str
    scores: tuple[Json, ...]

    @property
    def values(self) -> NDArray[np.float64]:
        """Bits per byte of each seed (S,)."""
        return np.array([score["bits_per_byte"]["value"] for score in self.scores], dtype=np.float64)

    @property
    def mean(self) -> float:
        """Mean over the seeds, in bits per byte."""
        return float(self.values.mean())

    @property
    def sd(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        return float(self.values.std(ddof=1)) if len(self.scores) > 1 else None


@dataclass(frozen=True)
class Difference:
    """The difference of two groups: left - right, in bits per byte.

    Attributes:
        left: Place of the group with more bits.
        right: Place of the group with fewer bits.
        interval: The difference with its 95 % interval.
        p: p value after Holm's correction.
        told: Whether the study tells the two apart.
    """

    left: int
    right: int
    interval: Interval
    p: float
    told: bool


@dataclass(frozen=True)
class Comparison:
    """The groups of one domain, compared.

    Attributes:
        groups: The groups, best mean first.
        intervals: Mean of each group with its interval over seeds and documents; no interval with one seed.
        ranks: Rank of each group; None where a group has fewer than three seeds or one document.
        differences: Every pair of ranked groups, and every pair of variants of the same runs: these share the luck of their seeds.
        sd: Standard deviation of a seed, pooled; None without a second seed.
        needed: Seeds of each architecture that would tell `TOLD` bits apart with a power of 80 % (an estimate); None where
            it is not known, or where the documents alone are too few.
    """

    groups: list[Group]
    intervals: list[Interval]
    ranks: list[int | None]
    differences: list[Difference]
    sd: float | None
    needed: int | None


def key_of(config: Mapping[str, Any]) -> str:
    """Return what two seeds of one architecture have in common: the configuration without seed, place and machine."""
    return json.dumps({key: value for key, value in config.items() if key not in _FREE}, sort_keys=True)


def compare_groups(groups: Sequence[Group]) -> Comparison:
    """Compare the groups of one domain.

    Examples:
        >>> def score(bits):
        ...     sizes = np.full(40, 100.0)
        ...     nats = bits * math.log(2) * sizes
        ...     return {
        ...         "bits_per_byte": {"value": bits},
        ...         "by_unit": {"id": list(range(40)), "nats": nats.tolist(), "bytes": sizes.tolist()},
        ...     }
        >>> one = Group("a", "fp32", "a", (score(2.0), score(2.01), score(2.02)))
        >>> two = Group("b", "fp32", "b", (score(2.5), score(2.51), score(2.52)))
        >>> compare_groups([two, one]).ranks
        [1, 2]
    """
    ordered = sorted(groups, key=lambda group: group.mean)
    pooled = {variant: _pooled(ordered, variant) for variant in {group.variant for group in ordered}}
    intervals = [_interval(group, pooled[group.variant]) for group in ordered]
    ranked = [place for place, group in enumerate(ordered) if _is_ranked(group)]
    pairs = [
        (right, left)
        for right, left in itertools.combinations(range(len(ordered)), 2)
        if len(_sizes(ordered[left])) > 1
        and ((right in ranked and left in ranked) or ordered[left].key == ordered[right].key)
    ]
    estimates = [_difference(ordered[left], ordered[right], pooled) for right, left in pairs]
    corrected = holm([found.p_value() for found in estimates])
    differences = [
        Difference(
            left,
            right,
            found.interval(),
            p,
            p < 1 - LEVEL and found.value >= LEAST * ordered[right].mean,
        )
        for (right, left), found, p in zip(pairs, estimates, corrected, strict=True)
    ]
    told = {(one.left, one.right): one.told for one in differences}
    ranks: list[int | None] = [None] * len(ordered)
    best = 0
    for position, place in enumerate(ranked, 1):
        if position == 1 or told[place, best]:
            best, rank = place, position
        ranks[place] = rank
    others = [
        found
        for (right, left), found in zip(pairs, estimates, strict=True)
        if ordered[left].key != ordered[right].key
    ]
    sd = _pooled(ordered, None)
    seeds = min((len(ordered[place].scores) for place in ranked), default=0)
    needed = None if sd is None or not others else _seeds_needed(sd, seeds, others)
    return Comparison(
        ordered, intervals, ranks, differences, None if sd is None else math.sqrt(sd[0]), needed
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return p values after Holm's correction, in their order.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda index: p[index])
    corrected, highest = [0.0] * len(p), 0.0
    for position, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - position) * p[index]))
        corrected[index] = highest
    return corrected


def _is_ranked(group: Group) -> bool:
    return len(group.scores) >= ENOUGH and len(group.scores[0]["by_unit"]["bytes"]) > 1


def _pooled(groups: Sequence[Group], variant: str | None) -> tuple[float, int] | None:
    """Return the variance of a seed and its degrees of freedom, pooled over the groups of a variant, or over all."""
    squares, freedom = 0.0, 0
    for group in groups:
        if variant in (None, group.variant) and group.sd is not None:
            squares += (len(group.scores) - 1) * group.sd**2
            freedom += len(group.scores) - 1
    return (squares / freedom, freedom) if freedom else None


def _nats(group: Group) -> NDArray[np.float64]:
    """Return bits of each document, the mean of the seeds (N,)."""
    nats = np.array([score["by_unit"]["nats"] for score in group.scores], dtype=np.float64)
    return np.asarray(nats.mean(axis=0) / math.log(2))


def _sizes(group: Group) -> NDArray[np.float64]:
    return np.array(group.scores[0]["by_unit"]["bytes"], dtype=np.float64)


def _documents(group: Group) -> Estimate:
    return estimate(_nats(group), _sizes(group))


def _interval(group: Group, pooled: tuple[float, int] | None) -> Interval:
    if pooled is None or len(group.scores) < 2 or len(_sizes(group)) < 2:
        return Interval(group.mean, None, None)
    variance, freedom = pooled
    return (_documents(group) + Estimate(0.0, variance / len(group.scores), freedom)).interval()


def _difference(left: Group, right: Group, pooled: Mapping[str, tuple[float, int] | None]) -> Estimate:
    one, other = left.scores[0]["by_unit"], right.scores[0]["by_unit"]
    if one["id"] == other["id"] and one["bytes"] == other["bytes"]:
        documents = estimate(_nats(left) - _nats(right), _sizes(left))
    else:
        documents = _documents(left) + -_documents(right)
    if left.key == right.key and len(left.scores) == len(right.scores):
        seeds = left.values - right.values
        if len(seeds) < 2:
            return documents
        return documents + Estimate(0.0, float(seeds.var(ddof=1)) / len(seeds), len(seeds) - 1)
    for group in (left, right):
        found = pooled[group.variant]
        assert found is not None, "a ranked group has several seeds"
        documents = documents + Estimate(0.0, found[0] / len(group.scores), found[1])
    return documents


def _seeds_needed(seed: tuple[float, int], seeds: int, estimates: Sequence[Estimate]) -> int | None:
    """Estimate the seeds that tell `TOLD` bits apart, for the pair in the middle. The documents stay as they are."""
    from scipy.stats import norm

    quantile = float(norm.ppf(1 - (1 - LEVEL) / 2 / len(estimates)) + norm.ppf(POWER))
    # The variance of a pair now, without the part of its seeds, is what more seeds cannot remove.
    fixed = max(0.0, float(np.median([found.variance for found in estimates])) - 2 * seed[0] / seeds)
    room = (TOLD / quantile) ** 2 - fixed
    return None if room <= 0 else max(ENOUGH, math.ceil(2 * seed[0] / room))
