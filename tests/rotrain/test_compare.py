"""A study: its file, its steps, and that each is done once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import rotrain

from rotrain.compare import matrix
from rotrain.compare.matrix import Step, run_matrix, steps_of
from rotrain.compare.study import Study, quantize_words, read_study
from rotrain.errors import RotrainError

pytestmark = pytest.mark.usefixtures("tiny_nano")


def in_this_process(step: Step) -> str | None:
    """What `matrix._run` does, without loading PyTorch anew for each step."""
    for path in step.outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
    ended = rotrain(*step.words)
    return None if ended.returncode == 0 else ended.stderr.splitlines()[0]


def test_a_step_is_a_process_and_tells_its_error() -> None:
    assert matrix._run(Step("archs", ("archs",), ())) is None
    message = matrix._run(Step("fit", ("fit", "--arch", "llama-gqa", "--data", "/nowhere"), ()))
    assert message is not None and message.startswith("error: /nowhere: there is no pack here")


def test_the_words_of_variants() -> None:
    assert quantize_words("q4_k_m") == ["--method", "q4_k_m"]
    assert quantize_words("bpw-4.8") == ["--target-bpw", "4.8"]
    assert quantize_words("rtn-8") == ["--method", "rtn", "--bits", "8"]
    assert quantize_words("gptq-4-g32-polish200") == [
        *("--method", "gptq", "--bits", "4", "--group", "32", "--polish", "200")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archs = ['lama']", "there is no architecture 'lama'"),
        ("sizes = 'nano'", "sizes: Extra inputs"),
        ("seeds = [1, 1]", "1 is there twice"),
        ("steps = 0", "steps: "),
        ("archs = ", "this is no TOML"),
        ("[bench]\nquik = true", "bench.quik"),
    ],
)
def test_a_bad_study_is_told_with_its_key(tmp_path: Path, text: str, message: str) -> None:
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
    assert not any(step.words[0] == "fit" and "mine" in step.name for step in steps)


@pytest.fixture
def study(pack: Path, tmp_path: Path) -> Path:
    """Two tiny runs of a few steps; no variants."""
    sets = ["context=32", "batch.sequences=4", "batch.micro=4", "runtime.device=cpu", "runtime.threads=1"]
    file = tmp_path / "study.toml"
    file.write_text(
        f"data = '{pack}'\nout = '{tmp_path / 'out'}'\narchs = ['llama-gqa', 'mamba2']\nsteps = 6\n"
        f"variants = []\nset = {sets}\n[evaluate]\nprobes = 'copy'\nmax_bytes = 2000\n"
    )
    return file


def test_a_study_is_done_once_and_a_change_does_again_what_builds_on_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run", in_this_process)
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


def test_a_cell_that_fails_leaves_the_others(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "_run", in_this_process)
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


def test_the_plan_is_commands_one_can_type(study: Path) -> None:
    ended = rotrain("compare", study, "--plan")
    lines = ended.stdout.splitlines()
    assert len(lines) == 4 and lines[0].startswith("rotrain fit --arch llama-gqa --size nano")
    assert (
        json.loads(rotrain("compare", study, "--plan", "--json").stdout)[3]["step"] == "evaluate mamba2-nano"
    )
