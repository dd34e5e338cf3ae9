"""Batches that are read ahead are the batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conftest import fit_config
from rotrain.data.batches import BatchReader
from rotrain.errors import RotrainError
from rotrain.train.feed import BatchFeed
from rotrain.train.plan import Plan, make_plan

pytestmark = pytest.mark.usefixtures("tiny_nano")
CPU = torch.device("cpu")


def feed(plan: Plan, *, ahead: bool, steps: int | None = None) -> BatchFeed:
    return BatchFeed(plan.batches, rows=3, first=1, steps=steps or plan.steps, device=CPU, ahead=ahead)


def test_a_thread_reads_the_same_batches(pack: Path, tmp_path: Path) -> None:
    plan = make_plan(fit_config(pack, tmp_path / "run", steps=12))
    with feed(plan, ahead=False) as one, feed(plan, ahead=True) as other:
        # In order, and as after a rewind or a resume: any step may be next.
        for step in (*range(8), 3, 4, 11, 0, 1):
            assert torch.equal(one.read(step), other.read(step)), step


def test_a_batch_stays_what_it_is_until_the_next_is_asked_for(pack: Path, tmp_path: Path) -> None:
    plan = make_plan(fit_config(pack, tmp_path / "run", steps=12))
    with feed(plan, ahead=False) as one, feed(plan, ahead=True) as other:
        expected, found = one.read(5), other.read(5)
        assert other._pending is not None
        other._pending[1].result()  # the thread has read step 6
        assert torch.equal(found, expected)


def test_nothing_is_read_beyond_the_last_step(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, read = list[int](), BatchReader.read

    def noted(self: BatchReader, step: int, out: object, first: int = 0) -> None:
        steps.append(step)
        read(self, step, out, first)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchReader, "read", noted)
    with feed(make_plan(fit_config(pack, tmp_path / "run", steps=12)), ahead=True, steps=3) as ahead:
        for step in range(3):
            ahead.read(step)
    assert steps == [0, 1, 2]


def test_an_error_of_the_thread_comes_with_its_step(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = BatchReader.read

    def damaged(self: BatchReader, step: int, out: object, first: int = 0) -> None:
        if step == 2:
            raise RotrainError("the pack shard is gone")
        read(self, step, out, first)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchReader, "read", damaged)
    with feed(make_plan(fit_config(pack, tmp_path / "run", steps=12)), ahead=True) as ahead:
        ahead.read(0)
        ahead.read(1)
        with pytest.raises(RotrainError, match="shard is gone"):
            ahead.read(2)
