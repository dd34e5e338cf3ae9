"""Simulated studies: models whose truth is known, with the luck of seeds and the spread of documents."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from rotrain.report.seeds import Group

BITS, BETWEEN, OWN = 2.5, 0.35, 0.05  # bits a byte; sd between documents; sd of a model on a document


def sizes(random: np.random.Generator, documents: int, spread: float = 1.2) -> np.ndarray[Any, Any]:
    """Bytes of documents: lognormal, as web pages are."""
    return np.exp(random.normal(6.5, spread, documents)).astype(int) + 50


def score(bits: np.ndarray[Any, Any], bytes_: np.ndarray[Any, Any]) -> dict[str, Any]:
    nats = bits * bytes_ * math.log(2)
    value = float(nats.sum() / math.log(2) / bytes_.sum())
    return {
        "bits_per_byte": {"value": value, "low": value, "high": value},
        "by_unit": {"id": list(range(len(bits))), "nats": nats.tolist(), "bytes": bytes_.tolist()},
    }


def study(
    random: np.random.Generator,
    truths: list[float],
    *,
    seeds: int = 3,
    documents: int = 100,
    sd: float = 0.02,
) -> list[Group]:
    """A group for each truth, in its order."""
    bytes_, hard = sizes(random, documents), random.normal(0, BETWEEN, documents)
    return [
        Group(
            str(number),
            "fp32",
            str(number),
            tuple(
                score(truth + hard + random.normal(0, sd) + random.normal(0, OWN, documents), bytes_)
                for _ in range(seeds)
            ),
            tuple(range(seeds)),
        )
        for number, truth in enumerate(truths)
    ]


def probe(
    random: np.random.Generator,
    counts: tuple[int, ...],
    effects: tuple[float, ...],
    middle: float,
    cases: int = 200,
) -> tuple[np.ndarray[Any, Any], list[tuple[str, ...]]]:
    """Hits of a probe whose cases are made of crossed words, and the words: each word is easier or harder by `effects` logits (sd)."""
    crossed = np.array(list(itertools.product(*(range(count) for count in counts))))
    draw = random.permutation(len(crossed))[:cases]
    chosen = crossed[np.resize(draw, cases)]
    logits = np.full(cases, middle)
    for kind, (count, effect) in enumerate(zip(counts, effects, strict=True)):
        logits += random.normal(0, effect, count)[chosen[:, kind]]
    hits = (random.random(cases) < 1 / (1 + np.exp(-logits))).astype(float)
    return hits, [tuple(map(str, case)) for case in chosen]


def probe_truth(middle: float, effects: tuple[float, ...]) -> float:
    """The share of hits over all words of the language."""
    sd = math.sqrt(sum(effect**2 for effect in effects))
    logits = middle + sd * np.random.default_rng(0).normal(size=400_000)
    return float((1 / (1 + np.exp(-logits))).mean())
