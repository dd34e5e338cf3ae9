"""Compare architectures over their seeds: mean, standard deviation, interval, and ranks that allow for the chance of a seed.

The same architecture with another seed ends a little higher or lower, by chance. So a rank needs at least three seeds. The uncertainty of a mean has two parts that are independent: the seeds, and the documents it was scored on.

* seeds: the standard deviation over seeds, pooled over the architectures of a study, because three seeds alone know it badly. Both
  sides of a pair use the same pooled figure, so their sum has its degrees of freedom once, not twice;
* documents: the changes when each document is left out (`rotrain.evaluation.interval`) of the mean of the seeds, in pairs where two models have the same documents.

Two architectures are told apart if the difference of their means is significant at 5 % after Holm's correction over all pairs, and at
least `MIN_DIFFERENCE` of the better one. Variants of one run share its seeds, so they are compared seed by seed, on the seeds that both have.

Source: Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks"; Holm 1979.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.evaluation.interval import LEVEL, Estimate, Interval, estimate, t_quantile
from rotrain.report.results import TRAINED

Json = dict[str, Any]
MIN_SEEDS = 3
"""Seeds that a rank needs."""
MIN_DIFFERENCE = 0.005
"""The least difference that is called one, as a share of the bits per byte: less does not matter to a user."""
POWER = 0.8
UNQUANTIZED = "f16"
"""The variant whose seeds stand for those of the trained models where an engine has no fp32."""
TARGET_DIFFERENCE = 0.02
"""The difference in bits per byte for which the power of a study is said."""
MAX_SEEDS = 1_000
"""Nobody trains more: a study that needs them has too few documents."""
# The keys of a configuration in which two seeds of one architecture may differ.
_IGNORED_KEYS = ("data", "seed", "out", "runtime", "checkpoint", "evaluation", "log_every")


@dataclass(frozen=True)
class Group:
    """The scores of one variant of one architecture, one for each seed.

    Attributes:
        name: Name of the architecture and its size, such as `llama-gqa-nano`.
        variant: `fp32` or the name of the quantization.
        key: What the runs have in common; variants of the same runs have the same key.
        scores: Scores of one domain (`text` in docs/reference/evaluation-results.md), in the order of the seeds.
        seeds: The seed of each score.
    """

    name: str
    variant: str
    key: str
    scores: tuple[Json, ...]
    seeds: tuple[int, ...]

    @property
    def values(self) -> NDArray[np.float64]:
        """Bits per byte of each seed (S,)."""
        return np.array([score["bits_per_byte"]["value"] for score in self.scores], dtype=np.float64)

    @property
    def mean(self) -> float:
        """Mean over the seeds, in bits per byte."""
        return float(self.values.mean())

    @property
    def median(self) -> float | None:
        """Median over the documents of bits per byte, the mean of the seeds: no long document can move it.

        None where the units are the windows of one document. A document without bytes has no bits per byte, and is skipped.
        """
        kept = _sizes(self) > 0
        if self.scores[0].get("unit", "document") != "document" or not kept.any():
            return None
        return float(np.median(_nats(self)[kept] / _sizes(self)[kept]))

    @property
    def sd(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        return float(self.values.std(ddof=1)) if len(self.scores) > 1 else None


@dataclass(frozen=True)
class Difference:
    """The difference of two groups: left - right, in bits per byte.

    Attributes:
        left: Place of the group with more bits, on the seeds that are compared.
        right: Place of the group with fewer bits.
        interval: The difference with its 95 % interval. It is that of this pair alone: only `p` is corrected.
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
        differences: Every pair of ranked groups, and every pair of variants of the same runs: these share the chance of their seeds.
        ranked_pairs: Pairs of ranked groups of different runs. Without one there is nothing that more seeds would tell apart.
        sd: Standard deviation of a seed, pooled over the trained models; where there are none, over the f16 files, else over the
            commonest variant. None without a second seed.
        needed: Seeds of each architecture that would tell `TARGET_DIFFERENCE` bits apart with a power of 80 % (an estimate); None without ranked
            pairs, where the documents alone are too few, and where `TARGET_DIFFERENCE` is less than the least difference.
    """

    groups: list[Group]
    intervals: list[Interval]
    ranks: list[int | None]
    differences: list[Difference]
    ranked_pairs: int
    sd: float | None
    needed: int | None


def key_of(config: Mapping[str, Any], pack: str) -> str:
    """Return what two seeds of one architecture have in common: the configuration without seed, place and machine, and the pack.

    Args:
        config: Configuration of a run.
        pack: sha256 of the manifest of its pack. The path of the pack says nothing: it is written in many ways.
    """
    kept = {key: value for key, value in config.items() if key not in _IGNORED_KEYS}
    # The micro-batch is that of the machine: it changes the memory that a step takes, not its gradient.
    kept["batch"] = {key: value for key, value in kept.get("batch", {}).items() if key != "micro"}
    return json.dumps([pack, kept], sort_keys=True)


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
        >>> one = Group("a", "fp32", "a", (score(2.0), score(2.01), score(2.02)), (0, 1, 2))
        >>> two = Group("b", "fp32", "b", (score(2.5), score(2.51), score(2.52)), (0, 1, 2))
        >>> compare_groups([two, one]).ranks
        [1, 2]
    """
    ordered = sorted(groups, key=lambda group: group.mean)
    pooled = {variant: _pooled(ordered, variant) for variant in {group.variant for group in ordered}}
    intervals = [_interval(group, pooled[group.variant]) for group in ordered]
    ranked = [place for place, group in enumerate(ordered) if _is_ranked(group)]
    pairs = [
        _pair(ordered, left, right, pooled)
        for right, left in itertools.combinations(range(len(ordered)), 2)
        if (right in ranked and left in ranked) or _have_a_run_in_common(ordered[left], ordered[right])
    ]
    corrected = holm([pair.estimate.p_value() for pair in pairs])
    differences = [
        Difference(
            pair.left,
            pair.right,
            pair.estimate.interval(),
            p,
            p < 1 - LEVEL and pair.estimate.value >= MIN_DIFFERENCE * ordered[pair.right].mean,
        )
        for pair, p in zip(pairs, corrected, strict=True)
    ]
    told = {(one.left, one.right) for one in differences if one.told}
    ranks: list[int | None] = [None] * len(ordered)
    best = 0
    for position, place in enumerate(ranked, 1):
        if position == 1 or (place, best) in told:
            best, rank = place, position
        ranks[place] = rank
    others = [pair.documents for pair in pairs if ordered[pair.left].key != ordered[pair.right].key]
    known = [group.variant for group in ordered if pooled[group.variant] is not None]
    # An engine that reads GGUF files alone has no fp32; f16 is the nearest to it.
    variant = next((name for name in (TRAINED, UNQUANTIZED) if name in known), None)
    variant = variant or max(dict.fromkeys(known), key=known.count, default="")
    seed = pooled.get(variant)
    needed = None
    if seed is not None and others:
        trainings = sum(group.variant == variant for group in ordered)
        needed = _seeds_needed(
            seed[0], trainings, others, len(pairs), MIN_DIFFERENCE * ordered[ranked[0]].mean
        )
    sd = None if seed is None else math.sqrt(seed[0])
    return Comparison(ordered, intervals, ranks, differences, len(others), sd, needed)


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
    return len(group.scores) >= MIN_SEEDS and len(group.scores[0]["by_unit"]["bytes"]) > 1


def _have_a_run_in_common(left: Group, right: Group) -> bool:
    same = left.key == right.key and bool(set(left.seeds) & set(right.seeds))
    return same and len(_sizes(left)) > 1 and len(_sizes(right)) > 1


def _pooled(groups: Sequence[Group], variant: str) -> tuple[float, int] | None:
    """Return the variance of a seed and its degrees of freedom, pooled over the groups of a variant."""
    squares, freedom = 0.0, 0
    for group in groups:
        if variant == group.variant and group.sd is not None:
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


@dataclass(frozen=True)
class _Pair:
    """Two groups by their places: left - right, and the part of its variance that is of the documents."""

    left: int
    right: int
    estimate: Estimate
    documents: Estimate


def _pair(
    groups: Sequence[Group], left: int, right: int, pooled: Mapping[str, tuple[float, int] | None]
) -> _Pair:
    found, documents = _difference(groups[left], groups[right], pooled)
    # On the seeds that both variants have, the one with the better mean over all its seeds can be the worse one.
    if found.value < 0:
        return _Pair(right, left, -found, -documents)
    return _Pair(left, right, found, documents)


def _difference(
    left: Group, right: Group, pooled: Mapping[str, tuple[float, int] | None]
) -> tuple[Estimate, Estimate]:
    """Return left - right with the uncertainty of seeds and documents, and with that of the documents alone."""
    shared = sorted(set(left.seeds) & set(right.seeds)) if left.key == right.key else []
    ranked = _is_ranked(left) and _is_ranked(right)
    if len(shared) > 1 or (shared and not ranked):
        left, right = _of_seeds(left, shared), _of_seeds(right, shared)
        documents = _documents_of(left, right)
        seeds = left.values - right.values
        if (
            len(seeds) < 2
        ):  # nobody knows how the difference of the variants varies with the seed: it is that of this run
            return documents, documents
        return documents + Estimate(0.0, float(seeds.var(ddof=1)) / len(seeds), len(seeds) - 1), documents
    documents = _documents_of(left, right)
    variance, freedom = 0.0, math.inf
    for group in (left, right):
        found = pooled[group.variant]
        assert found is not None, "a ranked group has several seeds"
        # Two sides with one pooled variance have its degrees of freedom once; the variances of two variants come from the same
        # trainings, so they are not independent either.
        variance, freedom = variance + found[0] / len(group.scores), min(freedom, found[1])
    return documents + Estimate(0.0, variance, freedom), documents


def _of_seeds(group: Group, seeds: Sequence[int]) -> Group:
    scores = dict(zip(group.seeds, group.scores, strict=True))
    return replace(group, scores=tuple(scores[seed] for seed in seeds), seeds=tuple(seeds))


def _documents_of(left: Group, right: Group) -> Estimate:
    one, other = left.scores[0]["by_unit"], right.scores[0]["by_unit"]
    if one["id"] == other["id"] and one["bytes"] == other["bytes"]:
        return estimate(_nats(left) - _nats(right), _sizes(left))
    return _documents(left) + -_documents(right)


def _seeds_needed(
    variance: float, trainings: int, documents: Sequence[Estimate], pairs: int, least: float
) -> int | None:
    """Estimate the seeds that tell `TARGET_DIFFERENCE` bits apart, for the pair in the middle. The documents stay as they are.

    Args:
        variance: Variance of a seed.
        trainings: Architectures over whose seeds the variance is pooled.
        documents: The part of the documents in the differences of the ranked pairs.
        pairs: Pairs over which p is corrected.
        least: The least difference that is called one, in bits per byte.
    """
    fixed = sorted(documents, key=lambda one: one.variance)[len(documents) // 2]

    def are_enough(seeds: int) -> bool:
        found = fixed + Estimate(0.0, 2 * variance / seeds, trainings * (seeds - 1))
        # The first of Holm's steps is Bonferroni's. A difference must be significant, and not less than the least one.
        limit = t_quantile(1 - (1 - LEVEL) / 2 / pairs, found.freedom) * math.sqrt(found.variance)
        return (
            max(limit, least) + t_quantile(POWER, found.freedom) * math.sqrt(found.variance)
            <= TARGET_DIFFERENCE
        )

    tried = range(MIN_SEEDS, MAX_SEEDS + 1)
    place = bisect.bisect_left(tried, True, key=are_enough)
    return tried[place] if place < len(tried) else None
