"""Spikes: seen by the definition, treated by the policy, and the same after a resume."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import content, metrics_without_time

from conftest import fit_config
from rotrain.config import Spikes
from rotrain.errors import RotrainError, Stopped
from rotrain.progress import Progress
from rotrain.run import checkpoint
from rotrain.train import loop
from rotrain.train.learner import Learner
from rotrain.train.loop import run_training
from rotrain.train.spikes import SpikeGuard

pytestmark = pytest.mark.usefixtures("tiny_nano")

value = st.floats(0, 10) | st.sampled_from([math.nan, math.inf, 1e9])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(value, value), max_size=60), st.integers(0, 60))
def test_it_is_the_definition_and_survives_a_save(steps: list[tuple[float, float]], cut: int) -> None:
    config = Spikes(window=16, sigma=3.0)
    guard, losses, norms = SpikeGuard(config), list[float](), list[float]()
    for index, (loss, norm) in enumerate(steps):
        if index == cut:  # as a resume does
            state = json.loads(json.dumps(guard.state()))
            guard = SpikeGuard(config)
            guard.load(state)
        found = guard.check(loss, norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            assert found is not None and not found.is_finite
            json.dumps(found.as_json(), allow_nan=False)
            continue
        expected = False
        for history, now in ((losses, loss), (norms, norm)):
            recent = history[-16:]
            if len(recent) >= 4:
                limit = statistics.fmean(recent) + 3 * statistics.pstdev(recent)
                if abs(now - limit) < 1e-9 * max(1.0, limit):
                    return  # too near to the limit to tell by another way of adding up
                expected |= now > limit
            history.append(now)
        assert (found is not None) == expected


def test_a_new_level_is_learnt_and_patience_ends() -> None:
    guard = SpikeGuard(Spikes(window=32))
    for index in range(32):
        assert guard.check(2 + 0.01 * (index % 3), 1.0 + 0.01 * (index % 2)) is None
    spikes = [guard.check(3.0, 1.0) is not None for _ in range(20)]
    assert spikes[0] and not any(spikes[3:])
    for count in range(1, 8):
        assert guard.check(math.nan, 1.0) is not None
        assert guard.is_exhausted() == (count > 5)
    off = SpikeGuard(Spikes(window=8, policy="off"))
    assert all(off.check(10.0**index, 1.0) is None for index in range(12))
    assert off.check(1.0, math.inf) is not None


class Poisoned:
    """Makes the loss of given steps what it is told, as bad data or bad hardware would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, losses: dict[int, float]) -> None:
        true = loop._Training._gradients

        def gradients(training: Any, signal: int) -> tuple[float, float, int]:
            loss, norm, asked = true(training, signal)
            return losses.get(training.step + 1, loss), norm, asked

        monkeypatch.setattr(loop._Training, "_gradients", gradients)
        self.applied = 0
        apply = Learner.update

        def counted(learner: Learner, lr: float) -> None:
            self.applied += 1
            apply(learner, lr)

        monkeypatch.setattr(Learner, "update", counted)


WORDS = ("spikes.window=8", "checkpoint.every=5", "evaluation.every=50", "mix.ramp=0")


def test_skip_drops_the_update_and_tells(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison = Poisoned(monkeypatch, {9: math.nan, 12: 1e6})
    summary = run_training(fit_config(pack, tmp_path / "run", *WORDS, steps=20), Progress())
    assert summary["spikes"] == 2 and poison.applied == 18
    lines = metrics_without_time(tmp_path / "run")
    spikes = {line["step"]: line["spike"] for line in lines if "spike" in line}
    assert spikes[9] == {
        "action": "skip",
        "loss": None,
        "grad_norm": spikes[9]["grad_norm"],
        "loss_limit": None,
        "grad_norm_limit": None,
    }
    assert spikes[12]["loss"] == 1e6 and spikes[12]["loss_limit"] < 20
    # JSON has no NaN: every line is read by any parser.
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(word))


@pytest.mark.parametrize("policy", ["skip", "rewind"])
def test_a_stopped_run_treats_a_spike_as_an_undisturbed_one(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """The stop comes right before the spike: without its history the resumed run would not see it."""
    words = (*WORDS, f"spikes.policy={policy}", "checkpoint.keep=1")
    Poisoned(monkeypatch, {13: 6.5})  # a little above what the steps before had: only the history tells
    run_training(fit_config(pack, tmp_path / "whole", *words, steps=20), Progress())
    whole = content(tmp_path / "whole")
    assert whole["summary"]["spikes"] == 1

    true = loop._Training._gradients

    def ask(training: Any, signal: int) -> tuple[float, float, int]:
        return true(training, 15 if training.step == 11 else signal)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Training, "_gradients", ask)
        with pytest.raises(Stopped):
            run_training(fit_config(pack, tmp_path / "run", *words, steps=20), Progress())
    assert checkpoint.list_steps(tmp_path / "run" / "checkpoints") == [12, 10]
    run_training(fit_config(pack, tmp_path / "run", *words, steps=20), Progress())
    assert content(tmp_path / "run") == whole


def test_rewind_takes_the_weights_of_the_checkpoint(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*WORDS, "spikes.policy=rewind", "checkpoint.keep=9")
    Poisoned(monkeypatch, {10: math.inf})
    run_training(fit_config(pack, tmp_path / "run", *words, steps=10), Progress())
    folder = tmp_path / "run" / "checkpoints"
    assert checkpoint.list_steps(folder) == [10, 5]
    there, here = (checkpoint.open_step(folder, step) for step in (5, 10))
    assert there.sha256 == here.sha256  # weights and moments


def test_stop_ends_the_run_and_leaves_its_checkpoints(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poisoned(monkeypatch, {12: 1e6})
    with pytest.raises(RotrainError, match="step 12: a spike: loss 1e"):
        run_training(fit_config(pack, tmp_path / "run", *WORDS, "spikes.policy=stop", steps=20), Progress())
    assert checkpoint.list_steps(tmp_path / "run" / "checkpoints") == [10, 5]


def test_off_still_stops_at_what_is_not_finite(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poisoned(monkeypatch, {7: 1e6, 9: math.nan})
    with pytest.raises(RotrainError, match="step 9: training diverged"):
        run_training(fit_config(pack, tmp_path / "run", *WORDS, "spikes.policy=off", steps=20), Progress())
