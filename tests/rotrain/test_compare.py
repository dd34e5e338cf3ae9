"""Tests of studies: the study file, the steps, and that each step is done once."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from program import rotrain

from rotrain.compare import matrix
from rotrain.compare.matrix import Step, run_matrix, steps_of
from rotrain.compare.study import Study, quantize_args, read_study
from rotrain.errors import RotrainError

pytestmark = pytest.mark.usefixtures("tiny_nano")


def in_this_process(step: Step, on_line: Callable[[str], None]) -> str | None:
    """Replace `matrix._run_step`: run a step in this process, which has loaded PyTorch already."""
    ended = rotrain(*step.args)
    return None if ended.returncode == 0 else ended.stderr.splitlines()[0]


def test_step_runs_in_a_process_and_reports_its_error() -> None:
    lines: list[str] = []
    assert matrix._run_step(Step("archs", ("archs",), ()), lines.append) is None and not lines
    step = Step("fit", ("fit", "--arch", "llama-gqa", "--data", "/nowhere"), ())
    message = matrix._run_step(step, lines.append)
    assert message is not None and message.startswith("error: /nowhere: there is no pack here")
    assert message in lines and lines[-1].startswith("hint:")


def test_quantize_args_of_variants() -> None:
    assert quantize_args("q4_k_m") == ["--method", "q4_k_m"]
    assert quantize_args("bpw-4.8") == ["--target-bpw", "4.8"]
    assert quantize_args("rtn-8") == ["--method", "rtn", "--bits", "8"]
    assert quantize_args("gptq-4-g32-polish200") == [
        *("--method", "gptq", "--bits", "4", "--group", "32", "--polish", "200")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archs = ['lama']", "there is no architecture 'lama'"),
        ("sizes = 'nano'", "sizes: Extra inputs"),
        ("seeds = [1, 1]", "1 is given twice"),
        ("steps = 0", "steps: "),
        ("archs = ", "this is not TOML"),
        ("[bench]\nquik = true", "bench.quik"),
        ("sweep_lr = [0.1, 0.1]", "0.1 is given twice"),
        ("sweep_lr = [0]", "sweep_lr.0: "),
        (
            "sweep_lr = [0.1]\nset = ['optim.lr=1']",
            "the study: Value error, sweep_lr and optim.lr in set exclude",
        ),
    ],
)
def test_invalid_study_is_reported_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(RotrainError, match=message):
        read_study(file)


def test_steps_come_after_what_they_need() -> None:
    study = Study(seeds=(0, 1), variants=("q4_k_m", "gptq-4"), take={"mine": Path("runs/mine")}, bench={})  # type: ignore[arg-type]
    steps = steps_of(study)
    seen: set[str] = set()
    for step in steps:
        assert set(step.needs) <= seen, step
        seen.add(step.name)
    assert len(seen) == len(steps) == 10 + 11 * (1 + 2 * 2 + 1)
    assert not any(step.args[0] == "fit" and "mine" in step.name for step in steps)


@pytest.fixture
def study(pack: Path, tmp_path: Path) -> Path:
    """Write a study file with two tiny runs of a few steps and no variants."""
    sets = ["context=32", "batch.sequences=4", "batch.micro=4", "runtime.device=cpu", "runtime.threads=1"]
    file = tmp_path / "study.toml"
    file.write_text(
        f"data = '{pack}'\nout = '{tmp_path / 'out'}'\narchs = ['llama-gqa', 'mamba2']\nsteps = 6\nseeds = [0]\n"
        f"variants = []\nset = {sets}\n[evaluate]\nprobes = 'copy'\nmax_bytes = 2000\n"
    )
    return file


def test_a_change_repeats_only_the_steps_that_need_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run_step", in_this_process)
    ended = rotrain("compare", study, "--json", "--quiet")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["steps"] == {"done": 4, "kept": 0, "failed": 0, "left": 0}
    out = tmp_path / "out"
    html = (out / "report.html").read_text()
    assert "llama-gqa-nano" in html and "mamba2-nano" in html
    assert (out / "report.md").read_text().count("\n") == 4
    again = rotrain("compare", study, "--json", "--quiet")
    assert json.loads(again.stdout)["steps"]["kept"] == 4
    assert (out / "report.html").read_text() == html
    (out / "mamba2-nano" / "evaluation.json").unlink()
    study.write_text(study.read_text().replace("max_bytes = 2000", "max_bytes = 3000"))
    states = [outcome.state for outcome in run_matrix(read_study(study), steps_of(read_study(study)))]
    assert states == ["kept", "kept", "done", "done"]


def test_changed_input_files_repeat_a_step(
    study: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, task = tmp_path / "pack", tmp_path / "task.jsonl"
    shutil.copytree(pack, copy)
    task.write_text('{"type": "pair", "good": "Fata cea mică.", "bad": "Fata cea mic."}\n')
    study.write_text(
        study.read_text()
        .replace(str(pack), str(copy))
        .replace("[evaluate]", f"[evaluate]\ntasks = ['{task}']")
    )
    monkeypatch.setattr(matrix, "_run_step", in_this_process)

    def states() -> list[str]:
        found = read_study(study)
        return [outcome.state for outcome in run_matrix(found, steps_of(found))]

    assert states() == ["done"] * 4
    task.write_text('{"type": "pair", "good": "Fata cea mare.", "bad": "Fata cea mar."}\n')
    assert states() == ["kept", "kept", "done", "done"]
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    # `fit` rejects a finished run of another pack. The steps that need the run are skipped, and their old results removed.
    assert states() == ["failed", "failed", "left", "left"]
    task.write_text("no task")
    manifest.write_text(manifest.read_text().rstrip())
    assert states() == ["kept", "kept", "failed", "failed"]
    assert not (tmp_path / "out" / "mamba2-nano" / "evaluation.json").exists(), "no old result stays"


def test_each_architecture_is_trained_at_its_best_rate(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run_step", in_this_process)
    study.write_text("sweep_lr = [0.1, 0.001]\n" + study.read_text())
    ended = rotrain("compare", study, "--json", "--quiet")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["steps"]["done"] == 6
    out = tmp_path / "out"
    for arch in ("llama-gqa", "mamba2"):
        sweep = json.loads((out / "sweeps" / f"{arch}-nano" / "sweep.json").read_bytes())
        assert (
            len(sweep["rows"]) == 2 and sweep["best_lr"] == min(sweep["rows"], key=lambda r: r["bpb"])["lr"]
        )
        run = json.loads((out / f"{arch}-nano" / "config.json").read_bytes())
        assert run["config"]["optim"]["lr"] == sweep["best_lr"]
        assert f"note: {arch} is best at {sweep['best_lr']:g}, the edge" in ended.stderr
        assert f"learning rate {sweep['best_lr']:g}" in (out / "report.html").read_text()
        # The study copies the run of the sweep with the best rate. For another seed, `fit` trains a new run.
        best = Path(sweep["rows"][[row["lr"] for row in sweep["rows"]].index(sweep["best_lr"])]["run"])
        run_of, other = out / f"{arch}-nano", tmp_path / f"{arch}-1"
        assert (run_of / "metrics.jsonl").read_bytes() == (best / "metrics.jsonl").read_bytes()
        assert (
            json.loads((run_of / "summary.json").read_bytes())["run"] == str(run_of) == run["config"]["out"]
        )
        args = json.loads((out / "steps" / f"fit_{arch}-nano.json").read_bytes())["words"]
        args = [str(other) if word == str(run_of) else word for word in args]
        assert rotrain(*args, "--seed", "1").returncode == 0
        assert (other / "metrics.jsonl").read_bytes() != (best / "metrics.jsonl").read_bytes()
    again = rotrain("compare", study, "--json", "--quiet")
    assert json.loads(again.stdout)["steps"] == {"done": 0, "kept": 6, "failed": 0, "left": 0}
    shutil.rmtree(out / "sweeps" / "mamba2-nano")
    ended = rotrain("fit", "--arch", "mamba2", "--lr-of", out / "sweeps" / "mamba2-nano")
    assert ended.returncode == 1 and "there is no finished sweep here" in ended.stderr
    ended = rotrain(
        "fit", "--arch", "mamba2", "--lr-of", out / "sweeps" / "llama-gqa-nano", "--sweep-lr", "1"
    )
    assert ended.returncode == 2 and "another is given" in ended.stderr
    (out / "sweeps" / "llama-gqa-nano" / "sweep.json").write_text("{}")
    ended = rotrain("fit", "--arch", "mamba2", "--lr-of", out / "sweeps" / "llama-gqa-nano")
    assert ended.returncode == 1 and "this is not the result of a sweep" in ended.stderr


def test_remaining_time_is_known_when_every_kind_of_step_was_timed(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(step: Step, on_line: Callable[[str], None]) -> None:
        for path in step.outputs:
            path.touch()

    monkeypatch.setattr(matrix, "_run_step", make)
    monkeypatch.setattr(time, "monotonic", iter(range(0, 1000, 7)).__next__)  # every step takes seven seconds
    found = read_study(study)

    def remaining_times() -> list[float | None]:
        remaining: list[float | None] = []
        for _ in run_matrix(found, steps_of(found), lambda _, seconds: remaining.append(seconds)):
            pass
        return remaining

    assert remaining_times() == [None, None, None, 7]
    (found.out / "llama-gqa-nano" / "evaluation.json").unlink()
    assert remaining_times() == [7], "the time of earlier steps gives the estimate"
    for record in (found.out / "steps").glob("evaluate*"):
        record.unlink()
    assert remaining_times() == [None, 7]


def test_a_failed_step_does_not_stop_the_others(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run_step", in_this_process)
    (tmp_path / "out" / "mamba2-nano").mkdir(parents=True)
    (tmp_path / "out" / "mamba2-nano" / "foreign").touch()
    ended = rotrain("compare", study, "--quiet")
    assert ended.returncode == 1
    assert "fit mamba2-nano: failed" in ended.stderr and "evaluate mamba2-nano: left" in ended.stderr
    assert "1 of 4 steps failed" in ended.stderr and "hint:" in ended.stderr
    assert "llama-gqa-nano" in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "out" / "mamba2-nano" / "foreign").unlink()
    states = [outcome.state for outcome in run_matrix(read_study(study), steps_of(read_study(study)))]
    assert states == ["kept", "done", "kept", "done"]


def test_plan_prints_runnable_commands(study: Path) -> None:
    ended = rotrain("compare", study, "--plan")
    lines = ended.stdout.splitlines()
    assert len(lines) == 4 and lines[0].startswith("rotrain fit --arch llama-gqa --size nano")
    assert (
        json.loads(rotrain("compare", study, "--plan", "--json").stdout)[3]["step"] == "evaluate mamba2-nano"
    )


def test_a_baseline_is_evaluated_on_the_text_of_the_study() -> None:
    study = Study(archs=("mamba2",), seeds=(0,), variants=(), baselines={"small": "hf:me/small"})
    step = steps_of(study)[-1]
    assert step.name == "evaluate baseline small" and step.args[:4] == (
        "evaluate",
        "hf:me/small",
        "--data",
        "pack",
    )
    assert step.outputs == (Path("study/baselines/small/evaluation.json"),)
    assert step.reads == (Path("pack/manifest.json"),) and not step.needs
    assert "--context" not in step.args
    with pytest.raises(ValueError, match="is no name of a run"):
        Study(baselines={"a/b": "hf:me/small"})
    assert len(Study().seeds) == 3, "a ranking needs three"


def test_all_models_of_a_study_have_the_windows_it_names() -> None:
    table = {"context": 64}
    study = Study(archs=("mamba2",), variants=("q4_k_m",), baselines={"b": "hf:me/b"}, evaluate=table)  # type: ignore[arg-type]
    found = [step.args for step in steps_of(study) if step.kind == "evaluate"]
    assert len(found) == 3 * 2 + 1 and all(args[args.index("--context") + 1] == "64" for args in found)


def test_a_baseline_that_is_replaced_is_evaluated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        matrix, "_run_step", lambda step, on_line: [path.touch() for path in step.outputs] and None
    )
    folder, file = tmp_path / "theirs", tmp_path / "theirs.gguf"
    folder.mkdir()
    (folder / "model.safetensors").write_text("1")
    file.write_text("1")
    # One has the name of the run: it is a step of its own.
    baselines = {"mamba2-nano": str(file), "theirs": f"hf:{folder}", "far": "hf:me/far"}
    study = Study(archs=("mamba2",), seeds=(0,), variants=(), baselines=baselines, out=tmp_path / "out")

    def states() -> list[str]:
        return [outcome.state for outcome in run_matrix(study, steps_of(study))]

    assert len({step.name for step in steps_of(study)}) == 5
    assert states() == ["done"] * 5
    assert states() == ["kept"] * 5
    file.write_text("2")
    assert states() == ["kept", "kept", "done", "kept", "kept"]
    (folder / "model.safetensors").write_text("2")
    assert states() == ["kept", "kept", "kept", "done", "kept"]
