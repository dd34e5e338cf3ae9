"""The order of training is a permutation, and the one that is specified."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotrain.data.order import Order

MASK = 2**64 - 1


def mix(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def specified(items: int, seed: int, phase: str, epoch: int, position: int) -> int:
    """The specification of order.py in plain integers, one position at a time."""
    digest = hashlib.sha256(f"rotrain-order-v1|{seed}|{phase}|{epoch}".encode()).digest()
    key = int.from_bytes(digest[:8], "little")
    keys = [mix(key + (r + 1) * 0x9E3779B97F4A7C15 & MASK) for r in range(6)]
    width = max(1, -(-(items - 1).bit_length() // 2))
    x = position
    while True:
        left, right = x >> width, x & (1 << width) - 1
        for k in keys:
            left, right = right, left ^ mix(right + k & MASK) & (1 << width) - 1
        x = left << width | right
        if x < items:
            return x


@given(items=st.integers(1, 5000), seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_item_comes_once(items: int, seed: int, epoch: int) -> None:
    order = Order(items, seed, "web", epoch).permute(np.arange(items))
    assert np.array_equal(np.sort(order), np.arange(items))


@pytest.mark.parametrize("items", [*range(1, 70), 255, 256, 257, 65_535, 65_536, 65_537])
def test_every_item_comes_once_at_the_edges(items: int) -> None:
    order = Order(items, 0, "books", 0).permute(np.arange(items))
    assert np.array_equal(np.sort(order), np.arange(items))


@given(items=st.integers(1, 2**40), seed=st.integers(0, 2**32), data=st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_the_specified_permutation(items: int, seed: int, data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, items - 1), min_size=1, max_size=5))
    found = Order(items, seed, "cărți", 3).permute(np.array(positions)).tolist()
    assert found == [specified(items, seed, "cărți", 3, position) for position in positions]


def test_seed_phase_and_epoch_each_change_it() -> None:
    at = np.arange(1000)
    base = Order(1000, 0, "web", 0).permute(at)
    for other in (Order(1000, 1, "web", 0), Order(1000, 0, "books", 0), Order(1000, 0, "web", 1)):
        assert (other.permute(at) == base).mean() < 0.02


def test_neighbours_are_spread() -> None:
    order = Order(10_000, 7, "web", 0).permute(np.arange(10_000))
    # A shuffle has neighbours a third of the length apart on average, and no correlation.
    assert np.abs(np.diff(order)).mean() == pytest.approx(10_000 / 3, rel=0.05)
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.05
