"""Trackers, the energy meter, and sweeps."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from program import rotrain
from runs import metrics_without_time

from conftest import fit_config
from rotrain.errors import RotrainError, UsageError
from rotrain.files import read_record
from rotrain.progress import Progress
from rotrain.run.metrics import read_metrics
from rotrain.runtime.energy import EnergyMeter
from rotrain.train.loop import run_training
from rotrain.train.sweep import parse_rates

pytestmark = pytest.mark.usefixtures("tiny_nano")


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_service_gets_the_lines_of_the_log(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    calls: list[tuple[str, Any]] = []
    module = types.ModuleType(name)

    def init(**words: object) -> None:
        print("a service likes to talk")
        calls.append(("init", words))

    module.init = init  # type: ignore[attr-defined]
    module.log = lambda values, step: calls.append(("log", (step, values)))  # type: ignore[attr-defined]
    module.finish = lambda: calls.append(("finish", None))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    run_training(fit_config(pack, tmp_path / "run"), Progress(), track=(name,))
    assert capsys.readouterr().out == ""
    assert [kind for kind, _ in calls] == ["init", *["log"] * 10, "finish"]
    words = calls[0][1]
    assert words["project"] == "rotrain" and words["config"]["optim.lr"] == 3e-3
    logged = [value for kind, value in calls if kind == "log"]
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [step for step, _ in logged] == [line["step"] for line in lines]
    assert logged[0][1]["loss"] == lines[0]["loss"] and "step" not in logged[0][1]
    assert any("eval.books.bpb" in values for _, values in logged)


def test_tensorboard_has_the_curves(pack: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_training(fit_config(pack, tmp_path / "run"), Progress(), track=("tensorboard",))
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    losses = [line["loss"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl") if "loss" in line]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(losses)
    assert len(events.Scalars("eval/web/bpb")) == 2


def test_an_unknown_or_missing_tracker_is_told_before_training(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RotrainError, match="not installed") as caught:
        run_training(fit_config(pack, tmp_path / "run"), Progress(), track=("wandb",))
    assert "pip install wandb" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no tracker 'mlflow'"):
        run_training(fit_config(pack, tmp_path / "other"), Progress(), track=("mlflow",))
    assert not (tmp_path / "run" / "config.json").exists()  # nothing has begun


def test_every_line_tells_memory_and_energy_or_null(pack: Path, tmp_path: Path) -> None:
    run_training(fit_config(pack, tmp_path / "run"), Progress())
    lines = [line for line in read_metrics(tmp_path / "run" / "metrics.jsonl") if "loss" in line]
    assert all(line["memory_bytes"] > 50 * 2**20 for line in lines)
    assert all(line["joules"] is None or line["joules"] >= 0 for line in lines)
    assert "memory_bytes" not in metrics_without_time(tmp_path / "run")[0]


def test_the_energy_of_all_packages_counts_on_when_a_counter_wraps(tmp_path: Path) -> None:
    def write(package: int, joules: float) -> None:
        folder = tmp_path / f"intel-rapl:{package}"
        folder.mkdir(exist_ok=True)
        (folder / "energy_uj").write_text(f"{round(joules * 1e6)}\n")
        (folder / "max_energy_range_uj").write_text("1000000000\n")

    write(0, 10)
    write(1, 990)
    (tmp_path / "intel-rapl:0:0").mkdir()  # a part of a package must not be counted again
    meter = EnergyMeter("cpu", tmp_path)
    assert meter.joules() == 0
    write(0, 15)
    write(1, 20)  # from 990 past 1000
    assert meter.joules() == pytest.approx(35)
    write(0, 16)
    assert meter.joules() == pytest.approx(36)
    assert EnergyMeter("cpu", tmp_path / "none").joules() is None


def test_a_sweep_tells_the_best_rate_and_goes_on(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[object] = ["fit", "--arch", "llama-mha", "--size", "nano", "--data", pack, "--steps", 12]
    words += ["--out", tmp_path / "sweep", "--sweep-lr", "1e-2,1e-4,1e30"]
    for key in ("context=32", "batch.sequences=4", "schedule.warmup_fraction=0", "runtime.threads=1"):
        words += ["--set", key]
    shown = rotrain(*words, "--quiet")
    assert shown.returncode == 0, shown.stderr
    assert "<- best" in shown.stdout and "training diverged" in shown.stdout
    result = read_record(tmp_path / "sweep" / "sweep.json")
    assert result["best_lr"] == 1e-2 and not result["at_edge"]
    rows = {row["lr"]: row for row in result["rows"]}
    assert rows[1e-2]["bpb"] < rows[1e-4]["bpb"] and rows[1e30]["bpb"] is None
    one = read_record(tmp_path / "sweep" / "lr-0.01" / "summary.json")
    assert rows[1e-2]["bpb"] == pytest.approx(sum(s["bpb"] for s in one["eval"].values()) / 2)

    # Again: what is finished is read, and a run lost on the way is made again, to the same result.
    (tmp_path / "sweep" / "lr-0.01" / "summary.json").unlink()
    kept = (tmp_path / "sweep" / "lr-0.0001" / "metrics.jsonl").stat().st_mtime_ns
    again = json.loads(rotrain(*words, "--json", "--quiet").stdout)
    assert again == result
    assert (tmp_path / "sweep" / "lr-0.0001" / "metrics.jsonl").stat().st_mtime_ns == kept


def test_rates_are_read_and_nonsense_is_refused() -> None:
    assert parse_rates("4e-3,1e-3, 2e-3,1e-3") == [1e-3, 2e-3, 4e-3]
    for text in ("", "fast", "1e-3,-1", "0", "inf", "nan"):
        with pytest.raises(UsageError):
            parse_rates(text)
