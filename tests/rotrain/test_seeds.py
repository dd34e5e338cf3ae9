"""Ranks over seeds: simulated studies whose truth is known, and what a study with few seeds says."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from studies import BETWEEN, BITS, probe, probe_truth, score, sizes, study

from rotrain.evaluation.interval import Estimate, Interval, estimate, ratio, share, share_by_words, t_quantile
from rotrain.report.advice import _power
from rotrain.report.seeds import MIN_DIFFERENCE, TARGET_DIFFERENCE, Group, compare_groups, holm, key_of


def told_apart(count: int, truths: list[float], **options: float) -> float:
    """Share of simulated studies in which the ranks differ."""
    random = np.random.default_rng(5)
    found = [compare_groups(study(random, truths, **options)).ranks for _ in range(count)]  # type: ignore[arg-type]
    return sum(len(set(ranks)) > 1 for ranks in found) / count


@pytest.mark.parametrize(("documents", "sd"), [(30, 0.02), (100, 0.02), (100, 0.0125), (300, 0.005)])
def test_ten_equal_models_are_seldom_told_apart(documents: int, sd: float) -> None:
    # At 5 % of 120 studies, more than 12 are a chance of 1 in 100.
    assert told_apart(120, [BITS] * 10, documents=documents, sd=sd) <= 0.10


def test_two_equal_models_are_seldom_told_apart() -> None:
    # Two models know the luck of a seed worst: four degrees of freedom. At 5 % of 400 studies, more than 30 are a chance of 1 in 100.
    assert told_apart(400, [BITS] * 2, documents=500, sd=0.03) <= 0.075


def test_the_freedom_of_the_seeds_counts_once() -> None:
    # Documents that are all alike leave the seeds alone: the interval is that of the t test of two samples.
    def group(name: str, values: list[float]) -> Group:
        scores = [score(np.full(20, value), np.full(20, 100)) for value in values]
        return Group(name, "fp32", name, tuple(scores), (0, 1, 2))

    left, right = [2.52, 2.57, 2.55], [2.50, 2.51, 2.53]
    (found,) = compare_groups([group("a", left), group("b", right)]).differences
    test = stats.ttest_ind(left, right)
    ends = test.confidence_interval(0.95)
    assert found.interval.low == pytest.approx(ends.low) and found.interval.high == pytest.approx(ends.high)
    assert found.p == pytest.approx(test.pvalue)


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
        assert found.ranked_pairs == 0
        assert [one.low is not None for one in found.intervals] == [interval] * 2
        assert (found.sd is not None) == interval


def part_of(group: Group, places: list[int]) -> Group:
    """The group with some of its seeds."""
    return dataclasses.replace(
        group,
        scores=tuple(group.scores[place] for place in places),
        seeds=tuple(group.seeds[place] for place in places),
    )


def test_variants_are_compared_on_the_seeds_that_both_have() -> None:
    random = np.random.default_rng(0)
    (trained,) = study(random, [BITS], seeds=4, sd=0.5)
    variant = dataclasses.replace(trained, variant="q4_k_m")
    # Of the same seeds the difference is 0. It is far from 0 where different seeds are subtracted.
    for left, right in (([0, 1], [0, 2]), ([0, 1, 2], [1]), ([0, 1, 2], [1, 2, 3]), ([3], [0, 1, 2, 3])):
        (found,) = compare_groups([part_of(trained, left), part_of(variant, right)]).differences
        assert found.interval.value == pytest.approx(0, abs=1e-12) and not found.told
    apart = compare_groups([part_of(trained, [0, 1]), part_of(variant, [2])])
    assert not apart.differences, "no run in common, and too few seeds for a rank"
    # On the seeds that both have the variant is worse, though its mean over all its seeds is better.
    values = trained.values
    best = int(values.argmin())
    (found,) = compare_groups([trained, _shifted(part_of(variant, [best]), 0.02)]).differences
    assert values[best] + 0.02 < values.mean()
    assert found.interval.value == pytest.approx(0.02) and found.left == 0 and found.told


def _shifted(group: Group, bits: float) -> Group:
    """The group with more bits in each byte of each document."""
    scores = []
    for one in group.scores:
        unit = one["by_unit"]
        nats = [x + bits * size * math.log(2) for x, size in zip(unit["nats"], unit["bytes"], strict=True)]
        value = one["bits_per_byte"]["value"] + bits
        scores.append({"bits_per_byte": {"value": value}, "by_unit": unit | {"nats": nats}})
    return dataclasses.replace(group, scores=tuple(scores))


def test_variants_of_a_run_are_compared_seed_by_seed() -> None:
    random = np.random.default_rng(0)
    (trained,) = study(random, [BITS], sd=0.5)
    variant = dataclasses.replace(_shifted(trained, 0.02), variant="q4_k_m")
    found = compare_groups([variant, trained])
    assert found.ranks == [1, 2]
    assert found.ranked_pairs == 0 and found.needed is None, (
        "no other architecture, so nothing that more seeds would tell"
    )
    one_seed = [part_of(group, [0]) for group in (variant, trained)]
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


def test_the_seeds_that_are_needed_are_enough() -> None:
    random, truths = np.random.default_rng(3), [BITS, BITS + TARGET_DIFFERENCE]
    # One study estimates it from a variance with four degrees of freedom; the median of twenty is steady.
    found = [compare_groups(study(random, truths, documents=400)) for _ in range(20)]
    needed = sorted(one.needed for one in found if one.needed is not None)
    # A study that drew a few very long documents needs more documents, and says so.
    assert len(needed) >= 18 and found[0].ranked_pairs == 1
    hits = [
        compare_groups(study(random, truths, seeds=needed[10], documents=400)).ranks == [1, 2]
        for _ in range(200)
    ]
    assert sum(hits) / 200 >= 0.7


def test_no_number_of_seeds_tells_a_difference_that_is_less_than_the_least() -> None:
    random = np.random.default_rng(3)
    found = compare_groups(study(random, [5.0, 5.0], documents=400, sd=0.001))
    assert TARGET_DIFFERENCE < MIN_DIFFERENCE * 5 and found.ranked_pairs == 1 and found.needed is None


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
    batch = {"sequences": 8, "micro": 8}
    config = {"arch": "a", "seed": 0, "out": "x", "data": "pack", "batch": batch, "optim": {"lr": 1}}
    other = {"seed": 1, "out": "y", "data": "./pack", "batch": batch | {"micro": 2}}
    assert key_of(config, "1f") == key_of(config | other, "1f")
    assert key_of(config, "1f") != key_of(config | {"optim": {"lr": 2}}, "1f")
    assert key_of(config, "1f") != key_of(config | {"batch": batch | {"sequences": 4}}, "1f")
    assert key_of(config, "1f") != key_of(config, "2e"), "another pack at the same path"


def test_documents_count_by_their_bytes() -> None:
    equal = estimate(np.arange(8.0), np.ones(8))
    assert equal.freedom == pytest.approx(7)
    assert estimate(np.arange(8.0), np.array([100.0, *[1.0] * 7])).freedom < 1.2


@pytest.mark.parametrize(
    ("counts", "effects", "middle"),
    [((12, 20), (0.0, 0.0), 2.0), ((5, 20), (2.0, 1.0), 4.0), ((20, 8, 12), (2.0, 1.0, 1.0), 2.0)],
)
def test_intervals_by_words_cover_the_truth(
    counts: tuple[int, ...], effects: tuple[float, ...], middle: float
) -> None:
    random, truth, hits, single = np.random.default_rng(3), probe_truth(middle, effects), 0, 0
    for _ in range(300):
        answers, words = probe(random, counts, effects, middle)
        found, naive = share_by_words(answers, words), share(answers)
        assert found.low is not None and found.high is not None
        assert naive.low is not None and naive.high is not None
        hits += found.low <= truth <= found.high
        single += naive.low <= truth <= naive.high
    assert hits / 300 >= 0.93
    if any(effects):
        assert single / 300 < 0.7, "sentences of the same words are not independent"


def test_student_s_t_is_that_of_scipy_stats_and_loads_without_it() -> None:
    for freedom in (1.0, 1.5, 4.7, 60.0, 1e9, math.inf):
        for probability in (0.5, 0.8, 0.975, 0.9999):
            assert t_quantile(probability, freedom) == stats.t.ppf(probability, freedom)
        for value in (0.0, 0.3, 2.2, 40.0):
            assert Estimate(value, 1.0, freedom).p_value() == 2 * stats.t.sf(value, freedom)
    script = (
        "import sys\nfrom rotrain.evaluation.interval import Estimate, share\nimport numpy\n"
        "Estimate(1.0, 1.0, 3.0).interval(), Estimate(1.0, 1.0, 3.0).p_value(), share(numpy.zeros(50))\n"
        "assert 'scipy.stats' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_four_contrasts_have_no_interval() -> None:
    hits = np.array([1.0, 0.0] * 20)
    four, five = ([(str(case % n), str(case)) for case in range(40)] for n in (4, 5))
    assert share_by_words(hits, four) == Interval(0.5, None, None)
    assert share_by_words(hits, five).low is not None


@pytest.mark.parametrize("variants", [("f16", "q4_k_m"), ("q8_0",)])
def test_an_engine_without_fp32_takes_the_seeds_of_its_own_variants(variants: tuple[str, ...]) -> None:
    trained = study(np.random.default_rng(2), [BITS] * 3, documents=2_000, sd=0.004)
    expected = compare_groups(trained)
    assert expected.needed is not None and expected.sd is not None
    files = [dataclasses.replace(group, variant=name) for name in variants for group in trained]
    found = compare_groups(files)
    assert found.sd == pytest.approx(expected.sd) and found.needed is not None
    assert any(f"needs {found.needed} seeds" in sentence for sentence in _power(found))
    assert not any("more held-out documents" in sentence for sentence in _power(found))


@pytest.mark.filterwarnings("error")
def test_a_median_is_of_documents_with_bytes() -> None:
    scores = score(np.array([2.0, 3.0, 4.0, 1.0]), np.array([100, 100, 100, 0]))
    scores["by_unit"]["nats"][3] = 1.0
    group = Group("a", "fp32", "a", (scores,), (0,))
    assert group.median == pytest.approx(3.0), "a unit without bytes is skipped"
    assert dataclasses.replace(group, scores=(scores | {"unit": "window"},)).median is None
