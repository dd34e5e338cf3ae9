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
from rotrain.compare.study import Bench, Evaluate, Study, quantize_args, read_study
from rotrain.errors import RotrainError
from rotrain.files import write_record

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
    assert len(seen) == len(steps) == 10 + 11 * (1 + 2 * 3 + 1) + 2
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
    assert json.loads(ended.stdout)["steps"] == {"done": 6, "kept": 0, "failed": 0, "left": 0}
    out = tmp_path / "out"
    html = (out / "report.html").read_text()
    assert "llama-gqa-nano" in html and "mamba2-nano" in html
    table = (out / "report.md").read_text().split("\n\n")[0].splitlines()
    assert len(table) == 2 + 4, "two runs, and two baselines without a network"
    assert "ngram" in table[4] and "zstd" in table[5]
    assert "## Reproducibility" in (out / "report.md").read_text()
    again = rotrain("compare", study, "--json", "--quiet")
    assert json.loads(again.stdout)["steps"]["kept"] == 6
    assert (out / "report.html").read_text() == html
    (out / "mamba2-nano" / "evaluation.json").unlink()
    study.write_text(study.read_text().replace("max_bytes = 2000", "max_bytes = 3000"))
    states = [outcome.state for outcome in run_matrix(read_study(study), steps_of(read_study(study)))]
    assert states == ["kept", "kept", "done", "done", "done", "done"]


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

    assert states() == ["done"] * 6
    task.write_text('{"type": "pair", "good": "Fata cea mare.", "bad": "Fata cea mar."}\n')
    assert states() == ["kept", "kept", "done", "done", "kept", "kept"]
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    # `fit` rejects a finished run of another pack. The steps that need the run are skipped, and their old results removed.
    assert states() == ["failed", "failed", "left", "left", "done", "done"]
    task.write_text("no task")
    manifest.write_text(manifest.read_text().rstrip())
    assert states() == ["kept", "kept", "failed", "failed", "done", "done"]
    assert not (tmp_path / "out" / "mamba2-nano" / "evaluation.json").exists(), "no old result stays"


def test_each_architecture_is_trained_at_its_best_rate(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run_step", in_this_process)
    study.write_text("sweep_lr = [0.1, 0.001]\n" + study.read_text())
    ended = rotrain("compare", study, "--json", "--quiet")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["steps"]["done"] == 8
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
        args = json.loads((out / "steps" / f"fit+{arch}-nano.json").read_bytes())["words"]
        args = [str(other) if word == str(run_of) else word for word in args]
        assert rotrain(*args, "--seed", "1").returncode == 0
        assert (other / "metrics.jsonl").read_bytes() != (best / "metrics.jsonl").read_bytes()
    again = rotrain("compare", study, "--json", "--quiet")
    assert json.loads(again.stdout)["steps"] == {"done": 0, "kept": 8, "failed": 0, "left": 0}
    shutil.rmtree(out / "sweeps" / "mamba2-nano")
    ended = rotrain("fit", "--arch", "mamba2", "--lr-of", out / "sweeps" / "mamba2-nano")
    assert ended.returncode == 1 and "there is no finished sweep here" in ended.stderr
    ended = rotrain(
        "fit", "--arch", "mamba2", "--lr-of", out / "sweeps" / "llama-gqa-nano", "--sweep-lr", "1"
    )
    assert ended.returncode == 2 and "are both given" in ended.stderr
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

    assert remaining_times() == [None, None, None, 21, 14, 7]
    (found.out / "llama-gqa-nano" / "evaluation.json").unlink()
    assert remaining_times() == [7], "the time of earlier steps gives the estimate"
    for record in (found.out / "steps").glob("evaluate*"):
        record.unlink()
    assert remaining_times() == [None, 21, 14, 7]


def test_a_failed_step_does_not_stop_the_others(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run_step", in_this_process)
    (tmp_path / "out" / "mamba2-nano").mkdir(parents=True)
    (tmp_path / "out" / "mamba2-nano" / "foreign").touch()
    ended = rotrain("compare", study, "--quiet")
    assert ended.returncode == 1
    assert "fit mamba2-nano: failed" in ended.stderr and "evaluate mamba2-nano: left" in ended.stderr
    assert "1 of 6 steps failed" in ended.stderr and "hint:" in ended.stderr
    assert "llama-gqa-nano" in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "out" / "mamba2-nano" / "foreign").unlink()
    states = [outcome.state for outcome in run_matrix(read_study(study), steps_of(read_study(study)))]
    assert states == ["kept", "done", "kept", "done", "kept", "kept"]


def test_plan_prints_runnable_commands(study: Path) -> None:
    ended = rotrain("compare", study, "--plan")
    lines = ended.stdout.splitlines()
    assert len(lines) == 6 and lines[0].startswith("rotrain fit --arch llama-gqa --size nano")
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
    networks = [args for args in found if args[1] not in ("baseline:ngram", "baseline:zstd")]
    assert len(networks) == 3 * 3 + 1 and all(args[args.index("--context") + 1] == "64" for args in networks)
    others = [args for args in found if args not in networks]
    assert len(others) == 2 and not any("--context" in args or "--probes" in args for args in others)


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

    assert len({step.name for step in steps_of(study)}) == 7
    assert states() == ["done"] * 7
    assert states() == ["kept"] * 7
    file.write_text("2")
    assert states() == [*["kept"] * 4, "done", "kept", "kept"]
    (folder / "model.safetensors").write_text("2")
    assert states() == [*["kept"] * 5, "done", "kept"]


def test_gguf_types_are_compared_with_f16_and_torch_types_with_the_run() -> None:
    study = Study(archs=("mamba2",), seeds=(0,), variants=("q4_k_m", "gptq-4"))
    run = Path("study/mamba2-nano")
    by_name = {step.name: step for step in steps_of(study)}
    assert by_name["export mamba2-nano f16"].args[:6] == ("export", str(run), "--to", "gguf", "--type", "f16")

    def against(name: str) -> str | None:
        args = by_name[f"evaluate mamba2-nano{name}"].args
        return args[args.index("--against") + 1] if "--against" in args else None

    assert against(" q4_k_m") == str(run / "variants" / "f16" / "model.gguf")
    assert against(" gptq-4") == str(run)
    assert against(" f16") is None and against("") is None
    assert "export mamba2-nano f16" in by_name["evaluate mamba2-nano q4_k_m"].needs
    torch_only = steps_of(Study(archs=("mamba2",), seeds=(0,), variants=("gptq-4",)))
    assert not any(step.kind == "export" for step in torch_only), "nothing of llama.cpp is asked for"
    twice = steps_of(Study(archs=("mamba2",), seeds=(0,), variants=("f16", "q8_0")))
    assert sum(step.kind == "export" for step in twice) == 1


def test_steps_of_names_with_underscores_do_not_share_a_record(tmp_path: Path) -> None:
    take = {"a": Path("runs/a"), "a_gptq-4": Path("runs/b")}
    study = Study(take=take, archs=("mamba2",), seeds=(0,), variants=("gptq-4",), out=tmp_path)
    steps = steps_of(study)
    files = [matrix._record_file(study, step) for step in steps]
    assert len(set(files)) == len(steps)
    one, other = (step for step in steps if step.name in ("evaluate a gptq-4", "evaluate a_gptq-4"))
    old = tmp_path / "steps" / "evaluate_a_gptq-4.json"
    old.parent.mkdir()
    record = {"format": matrix.FORMAT, "version": matrix.VERSION, "key": "k", "seconds": 1.0}
    write_record(old, record | {"step": one.name})
    assert matrix._record_of(study, one)["key"] == "k", "a record of an older version is read"
    assert matrix._record_of(study, other) == {}, "and counts for the step that it names"


def test_a_disturbed_benchmark_is_unfinished_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contended = [True]

    def make(step: Step, on_line: Callable[[str], None]) -> None:
        for path in step.outputs:
            path.touch()
            if step.kind == "bench":
                write_record(path, {"rows": [{"contended": contended[0]}]})

    monkeypatch.setattr(matrix, "_run_step", make)
    study = Study(archs=("mamba2",), seeds=(0,), variants=(), bench=Bench(), out=tmp_path)

    def state() -> str:
        ended = {outcome.step.kind: outcome.state for outcome in run_matrix(study, steps_of(study))}
        return ended["bench"]

    assert state() == "done"
    contended[0] = False
    assert state() == "done", "it is measured again"
    assert state() == "kept"
    bench = next(step for step in steps_of(study) if step.kind == "bench")
    assert bench.args[bench.args.index("--wait") + 1] == str(matrix.WAIT_MINUTES)


def test_text_from_outside_goes_to_every_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "news.jsonl"
    options = Evaluate(outside=(file,))
    study = Study(archs=("mamba2",), seeds=(0,), variants=("q8_0",), evaluate=options)
    found = [step for step in steps_of(study) if step.kind == "evaluate"]
    assert len(found) == 5
    for step in found:
        assert step.args[step.args.index("--outside") + 1] == str(file) and file in step.reads
        # All steps name one folder, so that the training text is read once.
        assert step.args[step.args.index("--outside-cache") + 1] == str(study.out / "contamination")
    with pytest.raises(ValueError, match="name of a baseline without a network"):
        Study(baselines={"ngram": "hf:me/ngram"})
