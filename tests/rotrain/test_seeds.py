"""Ranks over seeds: simulated studies whose truth is known, and what a study with few seeds says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import BETWEEN, BITS, sizes, study

from rotrain.evaluation.interval import estimate, ratio
from rotrain.report.seeds import compare_groups, holm, key_of


def told_apart(count: int, truths: list[float], **options: float) -> float:
    """Share of simulated studies in which the ranks differ."""
    random = np.random.default_rng(5)
    found = [compare_groups(study(random, truths, **options)).ranks for _ in range(count)]  # type: ignore[arg-type]
    return sum(len(set(ranks)) > 1 for ranks in found) / count


@pytest.mark.parametrize(("documents", "sd"), [(30, 0.02), (100, 0.02), (100, 0.0125), (300, 0.005)])
def test_ten_equal_models_are_seldom_told_apart(documents: int, sd: float) -> None:
    # At 5 % of 120 studies, more than 12 are a chance of 1 in 100.
    assert told_apart(120, [BITS] * 10, documents=documents, sd=sd) <= 0.10


def test_models_that_differ_are_told_apart() -> None:
    assert told_apart(20, [BITS, BITS + 0.15], sd=0.02) == 1.0
    assert told_apart(20, [BITS, BITS + 0.005], sd=0.001, documents=300) == 0.0, (
        "less than the least difference"
    )


@pytest.mark.parametrize("documents", [2, 5, 15, 30, 100, 500])
@pytest.mark.parametrize("spread", [0.0, 1.2, 2.0])
def test_intervals_cover_the_truth(documents: int, spread: float) -> None:
    random = np.random.default_rng(documents)
    hits = 0
    for _ in range(400):
        bytes_ = sizes(random, documents, spread).astype(float)
        found = ratio((BITS + random.normal(0, BETWEEN, documents)) * bytes_, bytes_)
        assert found.low is not None and found.high is not None
        hits += found.low <= BITS <= found.high
    assert hits / 400 >= 0.93 - 0.025  # two standard errors of 400 simulations


def test_the_interval_of_a_mean_covers_the_truth_over_seeds_and_documents() -> None:
    random, hits = np.random.default_rng(1), 0
    for _ in range(200):
        found = compare_groups(study(random, [BITS] * 3, documents=60, sd=0.1)).intervals
        hits += sum(
            one.low <= BITS <= one.high for one in found if one.low is not None and one.high is not None
        )
    assert hits / 600 >= 0.93


def test_fewer_than_three_seeds_are_not_ranked() -> None:
    random = np.random.default_rng(0)
    for seeds, interval in ((1, False), (2, True)):
        found = compare_groups(study(random, [BITS, BITS + 1], seeds=seeds))
        assert found.ranks == [None, None] and not found.differences and found.needed is None
        assert [one.low is not None for one in found.intervals] == [interval] * 2
        assert (found.sd is not None) == interval


def test_variants_of_a_run_are_compared_seed_by_seed() -> None:
    random = np.random.default_rng(0)
    (trained,) = study(random, [BITS], sd=0.5)
    worse = []
    for one in trained.scores:
        unit = one["by_unit"]
        nats = [x + 0.02 * size * math.log(2) for x, size in zip(unit["nats"], unit["bytes"], strict=True)]
        value = one["bits_per_byte"]["value"] + 0.02
        worse.append({"bits_per_byte": {"value": value}, "by_unit": unit | {"nats": nats}})
    variant = dataclasses.replace(trained, variant="q4_k_m", scores=tuple(worse))
    assert compare_groups([variant, trained]).ranks == [1, 2]
    one_seed = [dataclasses.replace(group, scores=group.scores[:1]) for group in (variant, trained)]
    found = compare_groups(one_seed)
    assert found.ranks == [None, None] and found.differences[0].told, "the same run needs no second seed"
    other = dataclasses.replace(variant, key="other")
    assert compare_groups([other, trained]).ranks == [1, 1], "of other runs, the luck of seeds is larger"


def test_more_seeds_are_needed_where_seeds_differ_more() -> None:
    needed = [
        compare_groups(study(np.random.default_rng(2), [BITS] * 5, documents=400, sd=sd)).needed
        for sd in (0.004, 0.02)
    ]
    assert needed[0] is not None and needed[1] is not None and 3 <= needed[0] < needed[1]
    # The estimate holds for two models: about 8 of 10 such studies tell 0.02 bits apart.
    random, truths = np.random.default_rng(3), [BITS, BITS + 0.02]
    two = compare_groups(study(random, truths, documents=400)).needed
    assert two is not None and 3 <= two < needed[1]
    hits = [
        compare_groups(study(random, truths, seeds=two, documents=400)).ranks == [1, 2] for _ in range(60)
    ]
    assert sum(hits) / 60 >= 0.6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_its_definition(p: list[float]) -> None:
    corrected = holm(p)
    order = sorted(range(len(p)), key=lambda i: p[i])
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for position, index in enumerate(order):
            if (len(p) - position) * p[index] > level:
                break
            rejected.add(index)
        assert {i for i, value in enumerate(corrected) if value <= level} == rejected


def test_two_seeds_have_one_key_and_two_rates_have_two() -> None:
    config = {"arch": "a", "seed": 0, "out": "x", "optim": {"lr": 1}}
    assert key_of(config) == key_of(config | {"seed": 1, "out": "y"})
    assert key_of(config) != key_of(config | {"optim": {"lr": 2}})


def test_documents_count_by_their_bytes() -> None:
    equal = estimate(np.arange(8.0), np.ones(8))
    assert equal.freedom == pytest.approx(7)
    assert estimate(np.arange(8.0), np.array([100.0, *[1.0] * 7])).freedom < 1.2
