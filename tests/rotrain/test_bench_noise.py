"""A/A benchmarks: two equal variants on a made-up machine whose noise is correlated within a process; and waiting for quiet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rotrain.bench import measure, quiet
from rotrain.bench.measure import Settings, bench
from rotrain.bench.quiet import QuietWait
from rotrain.bench.statistics import ratio

LUCK, DRIFT, NOISE, KEPT = (
    0.03,
    0.02,
    0.01,
    0.8,
)  # sd of a process, of its drift, of a turn; correlation of two turns


class _Machine:
    """The speeds of processes: each has its luck, and a drift that its turns share in part."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def process(self, turns: int) -> list[float]:
        luck, drift, speeds = self.random.normal(0, LUCK), self.random.normal(0, DRIFT), []
        for _ in range(turns):
            drift = KEPT * drift + self.random.normal(0, DRIFT * np.sqrt(1 - KEPT**2))
            speeds.append(100 * float(np.exp(luck + drift + self.random.normal(0, NOISE))))
        return speeds


class _Worker:
    """A process of that machine, in place of one that computes."""

    machine: _Machine
    started = 0

    def __init__(self, spec: dict[str, Any]) -> None:
        type(self).started += 1
        self.started_at = 0.0
        self._speeds = iter(self.machine.process(8))
        facts = {
            "arch": "llama",
            "parameters": 1,
            "bits_per_weight": 16.0,
            "weight_bytes": 1,
            "file_bytes": 1,
        }
        facts |= {"engine_version": "1", "device": "cpu", "cache": {"bytes_per_token": 1}}
        self.ready = {"load_s": 0.1, "facts": facts, "memory_before": {}}

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def ask(self, **command: Any) -> dict[str, Any]:
        if command["do"] == "first_token":
            return {"prompt_tokens": 5, "seconds": 0.01, "memory": {}}
        depth = {"tokens": 8, "gaps_s": [1 / next(self._speeds)], "reads_s": [0.1]}
        return {"depths": [depth], "contention": {"quiet": True, "foreign_cores": 0.0}}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "Worker", _Worker)
    monkeypatch.setattr(measure, "_check_memory", lambda specs: None)
    monkeypatch.setattr(measure, "stream_bytes_per_s", lambda threads: 1e9)
    monkeypatch.setattr(
        measure, "watch_machine", lambda: {"quiet": True, "foreign_cores": 0.0, "stolen": 0.0}
    )


def alarms(count: int, slower: float = 1.0) -> tuple[float, float]:
    """The share of benchmarks that tell two variants apart: with a process for each turn, and with one process for all."""
    spec = {"model": "m", "engine": "torch", "variant": "fp32"}
    settings = Settings(depths=(0,), rounds=10, most_rounds=10)
    found = single = 0
    for seed in range(count):
        _Worker.machine = _Machine(seed)
        result = bench([spec, spec], settings)
        found += bool(result["ratios"][0]["differs"])
        one, other = (_Worker.machine.process(10) for _ in range(2))
        single += bool(ratio(one, other)["differs"])
    return found / count, single / count


def test_equal_variants_are_seldom_told_apart(made_up: None) -> None:
    _Worker.started = 0
    found, single = alarms(300)
    assert found <= 0.05
    assert single > 0.3, "the turns of one process share its luck"
    assert _Worker.started == 300 * 2 * 10


def test_variants_that_differ_are_told_apart(made_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    original, count = _Worker.ask, [0]

    def ask(self: _Worker, **command: Any) -> dict[str, Any]:
        answer = original(self, **command)
        if command["do"] == "turn" and self._slow:  # type: ignore[attr-defined]
            answer["depths"][0]["gaps_s"] = [1.2 * answer["depths"][0]["gaps_s"][0]]
        return answer

    start = _Worker.__init__

    def init(self: _Worker, spec: dict[str, Any]) -> None:
        start(self, spec)
        self._slow = spec["variant"] == "slow"  # type: ignore[attr-defined]
        count[0] += 1

    monkeypatch.setattr(_Worker, "__init__", init)
    monkeypatch.setattr(_Worker, "ask", ask)
    spec = {"model": "m", "engine": "torch"}
    told = 0
    for seed in range(40):
        _Worker.machine = _Machine(seed)
        specs = [spec | {"variant": "fast"}, spec | {"variant": "slow"}]
        told += bool(bench(specs, Settings(depths=(0,), rounds=10, most_rounds=10))["ratios"][0]["differs"])
    assert told >= 38 and count[0] == 40 * 20


@pytest.mark.parametrize(
    ("insists", "busy", "turns"),
    [
        (True, range(99), 4 * 3),
        (False, range(99), 3 + 3),  # the first turn is tried three times, and the three after it once
        (False, range(2), 3 + 3),  # its third try was undisturbed: the next turns may be repeated
        (False, (0, 4), 2 + 1 + 1 + 2),
    ],
)
def test_a_quick_benchmark_of_a_busy_machine_does_not_repeat_every_turn(
    insists: bool, busy: Sequence[int], turns: int, made_up: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, seconds = _Worker.ask, list[bool]()

    def ask(self: _Worker, **command: Any) -> dict[str, Any]:
        answer = original(self, **command)
        if command["do"] == "turn" and command["seconds"]:
            disturbed = len(seconds) in busy
            seconds.append(disturbed)
            answer["contention"] = {"quiet": not disturbed, "foreign_cores": float(disturbed)}
        return answer

    monkeypatch.setattr(_Worker, "ask", ask)
    _Worker.machine = _Machine(0)
    spec = {"model": "m", "engine": "torch", "variant": "fp32"}
    result = bench([spec, spec], Settings(depths=(0,), rounds=2, most_rounds=2, insists=insists))
    assert len(seconds) == turns
    assert [row["contended"] for row in result["rows"]] == [len(busy) > 9] * 2


def test_a_busy_machine_is_waited_for_until_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, busy_until, said = [0.0], [100.0], list[str]()
    monkeypatch.setattr("rotrain.bench.quiet.time.monotonic", lambda: clock[0])

    def watch_machine() -> dict[str, Any]:
        clock[0] += 0.5
        return {"quiet": clock[0] > busy_until[0], "foreign_cores": 1.5}

    monkeypatch.setattr(quiet, "watch_machine", watch_machine)
    quiet_wait = QuietWait(600, said.append)
    assert quiet_wait.wait() and 99 < clock[0] < 102
    assert (
        said[0]
        == "waiting for a quiet machine: other programs use 1.50 cores (at most 10 of 10 minutes more)"
    )
    assert len(said) == 2, "once, and again after a minute"
    busy_until[0] = 1e9
    assert not quiet_wait.wait() and clock[0] == pytest.approx(600, abs=2)
    assert said[-1] == "the machine did not get quiet: the figures are measured now, and marked"
    before = clock[0]
    assert not quiet_wait.wait() and clock[0] == before, "no time is left, so it does not watch_machine"
