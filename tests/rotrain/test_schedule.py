"""The learning rate, value by value."""

from __future__ import annotations

import math

import pytest

from rotrain.config import Schedule
from rotrain.train.schedule import LearningRate


def rate(steps: int = 100, last: int = 50, **config: object) -> LearningRate:
    return LearningRate(Schedule.model_validate(config), 1.0, steps, last)


def test_wsd_warms_up_holds_and_decays() -> None:
    r = rate(warmup_fraction=0.1, decay_fraction=0.2, decay="linear", decay_to=0.1)
    assert (r.warmup, r.decay) == (10, 20)
    assert [r.at(step) for step in (1, 5, 10, 50, 80)] == pytest.approx([0.1, 0.5, 1, 1, 1])
    assert [r.at(step) for step in (81, 90, 100)] == pytest.approx([0.955, 0.55, 0.1])


def test_one_minus_root() -> None:
    r = rate(decay_fraction=0.16, decay_to=0.0)
    assert r.at(84) == 1.0
    assert r.at(88) == pytest.approx(1 - math.sqrt(4 / 16))
    assert r.at(100) == pytest.approx(0.0, abs=1e-12)


def test_the_decay_stays_in_the_last_phase() -> None:
    assert rate(last=7, decay_fraction=0.5).decay == 7


def test_cosine_and_constant() -> None:
    cosine = rate(shape="cosine", warmup_fraction=0.2, decay_to=0.1)
    assert cosine.at(20) == 1.0
    assert cosine.at(60) == pytest.approx(0.55)
    assert cosine.at(100) == pytest.approx(0.1)
    constant = rate(shape="constant", warmup_fraction=0.0)
    assert {constant.at(step) for step in range(1, 101)} == {1.0}


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", ["wsd", "cosine", "constant"])
def test_short_runs_have_rates(steps: int, shape: str) -> None:
    r = rate(steps=steps, last=1, shape=shape, warmup_fraction=1.0, decay_fraction=1.0)
    assert all(0 < r.at(step) <= 1 for step in range(1, steps + 1))
