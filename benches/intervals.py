"""How often intervals cover the truth, and how often equal models are told apart, in simulated studies.

    python benches/intervals.py            # the tables of docs/log/evaluation.md; ten minutes of one core

Documents have lognormal lengths (`spread`), a difficulty of their own (sd 0.35 bits) and noise of each model (sd 0.05). Seeds differ
by `sd`. The code under test is that of `rotrain evaluate` and `rotrain report`; `percentile bootstrap` is what it replaced.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "rotrain"))

from studies import BETWEEN, BITS, probe, probe_truth, sizes, study

from rotrain.evaluation.interval import Estimate, estimate, share, share_by_words
from rotrain.report.seeds import compare_groups


def bootstrap(bits: np.ndarray, bytes_: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    """The percentile bootstrap over documents, with 600 draws."""
    counts = random.multinomial(len(bytes_), np.full(len(bytes_), 1 / len(bytes_)), size=600)
    low, high = np.quantile((counts @ bits) / (counts @ bytes_), [0.025, 0.975])
    return float(low), float(high)


def covers(found: Estimate) -> bool:
    interval = found.interval()
    assert interval.low is not None and interval.high is not None
    return interval.low <= BITS <= interval.high


def coverage(count: int = 4_000) -> None:
    print(
        "coverage of 95 % intervals of bits per byte (ours; with N - 1 degrees of freedom; percentile bootstrap)"
    )
    for spread in (0.0, 1.2, 2.0):
        for documents in (2, 5, 15, 30, 60, 200, 500):
            random = np.random.default_rng(documents)
            hits = naive = older = 0
            for _ in range(count):
                bytes_ = sizes(random, documents, spread).astype(float)
                bits = (BITS + random.normal(0, BETWEEN, documents)) * bytes_
                found = estimate(bits, bytes_)
                hits += covers(found)
                naive += covers(replace(found, freedom=documents - 1))
                if _ < count // 4:
                    low, high = bootstrap(bits, bytes_, random)
                    older += low <= BITS <= high
            print(
                f"  spread {spread}, {documents:3d} documents: {hits / count:.3f}; {naive / count:.3f}; {older / (count // 4):.3f}",
                flush=True,
            )


def false_alarms(count: int = 1_000) -> None:
    print("studies of equal models whose ranks differ, three seeds each")
    for models in (2, 5, 10):
        for documents, sd in ((30, 0.02), (100, 0.0125), (100, 0.02), (500, 0.005), (500, 0.03)):
            random = np.random.default_rng(7)
            told = sum(
                len(set(compare_groups(study(random, [BITS] * models, documents=documents, sd=sd)).ranks)) > 1
                for _ in range(count)
            )
            print(
                f"  {models:2d} models, {documents:3d} documents, sd of a seed {sd}: {told / count:.3f}",
                flush=True,
            )


def power(count: int = 200) -> None:
    print("two of five models 0.02 bits apart (the others between): told apart, by seeds")
    for sd in (0.005, 0.02):
        for seeds in (3, 5, 10, 20):
            random = np.random.default_rng(7)
            truths = [BITS, BITS + 0.01, BITS + 0.01, BITS + 0.01, BITS + 0.02]
            told = 0
            for _ in range(count):
                found = compare_groups(study(random, truths, seeds=seeds, documents=400, sd=sd))
                names = [group.name for group in found.groups]
                told += any(
                    one.told and names[one.right] == "0" and names[one.left] == "4"
                    for one in found.differences
                )
            print(f"  sd of a seed {sd}, {seeds:2d} seeds: {told / count:.2f}", flush=True)


def by_words(count: int = 1_000) -> None:
    print(
        "coverage of 95 % intervals of a probe by words, its mean width; coverage of Wilson's over single cases"
    )
    for counts in ((5, 20), (8, 16), (12, 20), (20, 20), (20, 8, 12), (5,), (12,)):
        for effect in (0.0, 1.0, 2.0, 4.0):
            for middle in (0.0, 2.0, 4.0):
                effects = (effect, *(1.0 for _ in counts[1:])) if effect else tuple(0.0 for _ in counts)
                random = np.random.default_rng(7)
                truth = probe_truth(middle, effects)
                hits = naive = 0
                width = 0.0
                for _ in range(count):
                    answers, words = probe(random, counts, effects, middle)
                    found, single = share_by_words(answers, words), share(answers)
                    assert found.low is not None and found.high is not None
                    assert single.low is not None and single.high is not None
                    hits += found.low <= truth <= found.high
                    naive += single.low <= truth <= single.high
                    width += found.high - found.low
                print(
                    f"  words {counts}, sd of a word {effects} logits, share {truth:.3f}: {hits / count:.3f}, {width / count:.3f}; "
                    f"{naive / count:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    coverage()
    by_words()
    false_alarms()
    power()
