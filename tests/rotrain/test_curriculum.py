"""What a run reads and when: nothing twice in an epoch, mixes as asked, and plans that are refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import rotrain

from conftest import fit_config
from rotrain.data.curriculum import Curriculum, plan_curriculum
from rotrain.data.pack import Pack, Phase, TokenStream
from rotrain.errors import RotrainError, UsageError
from rotrain.progress import Progress
from rotrain.train.loop import run_training
from rotrain.train.plan import check_rates, make_plan

pytestmark = pytest.mark.usefixtures("tiny_nano")


def pack_of(blocks: list[int], block_tokens: int = 32) -> Pack:
    """A pack with phases of so many blocks; there are no files behind it."""
    phases = [
        Phase(
            name=f"p{index}",
            epochs=1.0,
            train=TokenStream("t", [(Path("none"), count * block_tokens + 1)], 1, 1, 300),
            valid=TokenStream("v", [], 0, 0, 300),
        )
        for index, count in enumerate(blocks)
    ]
    return Pack(Path("none"), block_tokens, 300, 0, phases, "digest")


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    batch=st.integers(1, 9),
    spare=st.integers(0, 150),
    replay=st.floats(0, 0.9),
    ramp=st.floats(0, 1),
    mixed=st.booleans(),
    begun=st.integers(0, 50),
)
def test_the_draws_of_a_phase_have_no_gap_and_no_double(
    blocks: list[int], batch: int, spare: int, replay: float, ramp: float, mixed: bool, begun: int
) -> None:
    steps = len(blocks) + spare
    drawn = tuple(begun + index for index in range(len(blocks)))
    curriculum = plan_curriculum(
        pack_of(blocks),
        context=32,
        batch=batch,
        steps=steps,
        replay=replay,
        ramp=ramp,
        mixed=mixed,
        drawn=drawn,
    )
    assert curriculum.steps == steps and sum(s.steps for s in curriculum.segments) == steps
    next_draw = list(drawn)
    for step in range(steps):
        assert curriculum.drawn(step) == tuple(next_draw)
        for phase, draw in zip(*(array.tolist() for array in curriculum.draws(step)), strict=True):
            assert draw == next_draw[phase]
            next_draw[phase] += 1
    assert curriculum.drawn(steps) == tuple(next_draw)


def read_by_stage(curriculum: Curriculum, stage: int) -> Counter[int]:
    found = curriculum.stages[stage]
    counts: Counter[int] = Counter()
    for step in range(found.first, found.first + found.steps):
        counts.update(curriculum.draws(step)[0].tolist())
    return counts


def test_replay_is_the_asked_share_and_spread_evenly() -> None:
    curriculum = plan_curriculum(
        pack_of([300, 100, 400]), context=32, batch=8, steps=1000, replay=0.05, ramp=0.0
    )
    assert read_by_stage(curriculum, 0) == {0: curriculum.stages[0].steps * 8}
    last = read_by_stage(curriculum, 2)
    assert last[0] / last.total() == pytest.approx(0.0375, abs=1e-3)
    assert last[1] / last.total() == pytest.approx(0.0125, abs=1e-3)
    # One in twenty: a step of 8 never has two of the earlier text and a score of slots always one.
    first = curriculum.stages[2].first
    per_step = [8 - curriculum.mix(first + i).get("p2", 0) for i in range(100)]
    assert max(per_step) <= 2 and sum(per_step) == pytest.approx(40, abs=2)


def test_the_ramp_is_linear_and_centred() -> None:
    curriculum = plan_curriculum(pack_of([100, 100]), context=32, batch=50, steps=200, replay=0.0, ramp=0.2)
    assert curriculum.ramps == (0, 20)
    shares = [curriculum.mix(step).get("p1", 0) / 50 for step in range(80, 120)]
    assert shares == pytest.approx([(i + 0.5) / 40 for i in range(40)], abs=0.03)
    assert curriculum.mix(79) == {"p0": 50} and curriculum.mix(120) == {"p1": 50}
    # What a phase loses before the boundary it gets back behind it.
    assert curriculum.drawn(200) == (5000, 5000)


def test_epochs_are_read_whole_and_replay_comes_on_top() -> None:
    curriculum = plan_curriculum(pack_of([400, 100]), context=32, batch=4, steps=None, replay=0.2)
    assert [stage.steps for stage in curriculum.stages] == [100, 31]
    assert curriculum.drawn(131) == (400 + 25, 99)


def test_mixed_reads_everything_throughout() -> None:
    curriculum = plan_curriculum(pack_of([300, 100]), context=32, batch=8, steps=100, mixed=True)
    assert {tuple(curriculum.mix(step).items()) for step in range(100)} == {(("p0", 6), ("p1", 2))}


def test_a_position_is_arithmetic_at_any_size() -> None:
    # 5.6 billion tokens in blocks of 2048, 43,000 steps: as many segments as the ramp has stairs, no more.
    curriculum = plan_curriculum(
        pack_of([2_100_000, 650_000]), context=32, batch=64, steps=43_000, replay=0.05, ramp=0.01
    )
    assert len(curriculum.segments) <= 66
    phases, draws = curriculum.draws(42_999)
    assert draws[phases == 1].max() == curriculum.drawn(43_000)[1] - 1


def test_a_phase_of_share_zero_is_left_out() -> None:
    curriculum = plan_curriculum(
        pack_of([30, 10]), context=32, batch=4, steps=20, fractions={"p0": 0, "p1": 1}, replay=0.1
    )
    assert [stage.name for stage in curriculum.stages] == ["p1"]
    assert curriculum.drawn(20) == (8, 72)
    with pytest.raises(UsageError, match="not all of them 0"):
        plan_curriculum(pack_of([30, 10]), context=32, batch=4, steps=20, fractions={"p0": 0, "p1": 0})


def test_presets_are_defaults_that_keys_override(pack: Path, tmp_path: Path) -> None:
    anneal = fit_config(pack, tmp_path)
    assert (anneal.schedule.shape, anneal.mix.replay) == ("wsd", 0.05)
    plain = fit_config(pack, tmp_path, curriculum="sequential")
    assert (plain.schedule.shape, plain.mix.replay, plain.mix.ramp) == ("cosine", 0.0, 0.0)
    mine = fit_config(pack, tmp_path, "mix.replay=0.3", curriculum="sequential")
    assert (mine.schedule.shape, mine.mix.replay) == ("cosine", 0.3)
    with pytest.raises(UsageError, match="curriculum"):
        fit_config(pack, tmp_path, curriculum="random")


def test_rates_follow_the_mix(pack: Path, tmp_path: Path) -> None:
    config = fit_config(
        pack,
        tmp_path,
        "schedule.shape=constant",
        "schedule.warmup_fraction=0",
        "schedule.phase_lr.books=0.5",
        "mix.ramp=0.2",
        "phase_fractions.web=0.5",
        "phase_fractions.books=0.5",
        steps=100,
    )
    rate = make_plan(config).rate
    assert [rate.at(step) / rate.peak for step in (1, 40, 61, 100)] == [1, 1, 0.5, 0.5]
    assert rate.at(50) / rate.peak == pytest.approx(1 - 0.5 * 9.5 / 20)
    with pytest.raises(UsageError, match="'boks', which is no phase"):
        make_plan(fit_config(pack, tmp_path, "schedule.phase_lr.boks=0.5"))


def test_a_plan_that_wastes_the_books_is_refused_unless_forced(pack: Path, tmp_path: Path) -> None:
    wasteful = ("schedule.decay_to=0", "phase_fractions.web=0.9", "phase_fractions.books=0.1")
    config = fit_config(pack, tmp_path / "run", *wasteful, curriculum="sequential", steps=20)
    with pytest.raises(RotrainError, match="'books', would be trained only at") as caught:
        run_training(config, Progress())
    assert "--curriculum anneal" in str(caught.value.hint)
    assert not (tmp_path / "run" / "config.json").exists()
    for curriculum in ("anneal", "mixed"):
        check_rates(make_plan(fit_config(pack, tmp_path, *wasteful, curriculum=curriculum, steps=20)))
    assert run_training(config, Progress(), force=True)["steps"] == 20

    words = ["plan", "--arch", "llama-mha", "--size", "nano", "--data", pack, "--steps", 50]
    for key in ("context=32", *wasteful):
        words += ["--set", key]
    refused = rotrain(*words, "--curriculum", "sequential", "--json")
    assert refused.returncode == 1 and "hint: use --curriculum anneal" in refused.stderr
    assert json.loads(refused.stdout)["curriculum"] == "sequential"
    assert rotrain(*words, "--curriculum", "sequential", "--force").returncode == 0


def test_the_plan_draws_mix_and_rate(pack: Path) -> None:
    words = ["plan", "--arch", "llama-mha", "--size", "nano", "--data", pack, "--steps", 50]
    words += ["--set", "context=32"]
    shown = rotrain(*words).stdout
    assert "5% web + 95% books" in shown and "w = web  b = books" in shown
    assert "RTX 4090" in shown and "estimated and not measured" in shown
    facts = json.loads(rotrain(*words, "--json").stdout)
    assert facts["gpu_hours"]["A100"]["hours"] == pytest.approx(facts["flops"] / 312e12 / 0.48 / 3600)
    assert sum(text["tokens"] for text in facts["texts"]) == facts["tokens"]
    assert facts["curve"][0]["mix"] == {"web": 1.0} and facts["curve"][-1]["lr"] == pytest.approx(3e-4)
    assert facts["checkpoint_bytes"] == 12 * facts["parameters"]
    assert np.isclose(sum(facts["curve"][-1]["mix"].values()), 1)
