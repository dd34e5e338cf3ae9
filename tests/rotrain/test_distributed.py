"""Several processes: the loss, the text and the weights of one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from program import rotrain
from runs import metrics_without_time

from rotrain.errors import UsageError
from rotrain.run import checkpoint
from rotrain.runtime.distributed import choose_strategy

pytestmark = pytest.mark.usefixtures("tiny_nano")

HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        [str(HERE), str(HERE.parents[1] / "python"), os.environ.get("PYTHONPATH", "")]
    ),
    "OMP_NUM_THREADS": "1",
}


def words(pack: Path, out: Path, *more: object, steps: int = 8) -> list[str]:
    settings = [
        "context=32",
        "batch.sequences=4",
        "batch.micro=1",
        "evaluation.every=4",
        "evaluation.max_tokens=300",
        "evaluation.sample_tokens=4",
        "checkpoint.every=4",
        "checkpoint.keep=9",
        "runtime.device=cpu",
        "runtime.precision=fp32",
        "runtime.threads=1",
        "mix.replay=0.25",
    ]
    command = ["fit", "--arch", "llama-gqa", "--size", "nano", "--steps", steps, "--data", pack, "--out", out]
    for setting in settings:
        command += ["--set", setting]
    return [str(word) for word in [*command, *more]]


def torchrun(*command: str) -> tuple[int, str, str]:
    """The command as a user starts it."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*launcher, str(HERE / "tiny.py"), *command],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def alone(pack: Path, tiny_nano: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    done = rotrain(*words(pack, out))
    assert done.returncode == 0, done.stderr
    return out


def assert_the_same_run(one: Path, other: Path, *, loss: float = 1e-4, norm: float = 1e-3) -> None:
    """The same text exactly, and the same figures to the rounding of sums in another order."""
    ours, theirs = ([line for line in metrics_without_time(run) if "loss" in line] for run in (one, other))
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert [a[key] for key in ("step", "phase", "epoch", "mix", "lr")] == [
            b[key] for key in ("step", "phase", "epoch", "mix", "lr")
        ]
        assert a["loss"] == pytest.approx(b["loss"], rel=loss), a["step"]
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=norm), a["step"]
    evaluations = [
        [line["eval"]["books"]["bpb"] for line in metrics_without_time(run) if "eval" in line][-1]
        for run in (one, other)
    ]
    assert evaluations[0] == pytest.approx(evaluations[1], rel=loss)


@pytest.fixture(scope="module")
def teams(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Commands run by two processes each: folder, exit code, output and errors of both."""
    folder = tmp_path_factory.mktemp("teams")
    commands = {
        "fsdp": words(pack, folder / "fsdp", "--set", "runtime.parallel=fsdp", "--json"),
        "muon": words(
            pack, folder / "muon", "--set", "runtime.parallel=fsdp", "--set", "optim.name=muon", steps=4
        ),
        "shared": words(pack, folder / "shared", "--set", "optim.name=muon", steps=4),
        "bf16": words(
            pack, folder / "bf16", "--set", "runtime.parallel=fsdp", "--set", "runtime.precision=bf16"
        ),
        "short": words(pack, folder / "short", "--set", 'batch.micro="auto"'),
        "given": words(pack, folder / "given", "--set", "batch.micro=2"),
        "shards": words(
            pack, folder / "shards", "--set", 'batch.micro="auto"', "--set", "runtime.parallel=fsdp"
        ),
        "odd": words(pack, folder / "odd", "--set", "batch.sequences=3"),
        "lost": words(pack, folder / "lost", steps=100_000),
        "stopped": words(pack, folder / "stopped", steps=100_000),
    }
    signals = {"lost": signal.SIGKILL, "stopped": signal.SIGTERM}
    asked = [
        {
            "words": command,
            "when": str(folder / name / "checkpoints" / "step-000004") if name in signals else None,
            "number": signals.get(name, 0),
            "short": 3 if name in ("short", "given", "shards") else None,
        }
        for name, command in commands.items()
    ]
    done = subprocess.run(
        [sys.executable, str(HERE / "two_processes.py")],
        env=ENVIRONMENT,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = zip(commands, json.loads(done.stdout), strict=True)
    return {name: {"run": folder / name, "ranks": ranks} for name, ranks in results}


def assert_one_process_goes_on(pack: Path, two: Path, alone: Path) -> None:
    """Whole tensors, with the names and shapes one process has: it goes on from any step of the two."""
    ours, theirs = (checkpoint.open_step(path / "checkpoints", 4) for path in (two, alone))
    for found, expected in ((ours.weights(), theirs.weights()), (ours.optimizer(), theirs.optimizer())):
        assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in expected.items()}
    (two / "summary.json").unlink()
    shutil.rmtree(two / "checkpoints" / "step-000008")
    done = rotrain(*words(pack, two, "--resume"))
    assert done.returncode == 0 and "at step 4" in done.stderr and "processes changed" in done.stderr
    assert_the_same_run(two, alone)


def test_torchrun_trains_as_one_process_and_one_goes_on(pack: Path, tmp_path: Path, alone: Path) -> None:
    two = tmp_path / "two"
    code, out, said = torchrun(*words(pack, two, "--json"))
    assert code == 0, said
    assert json.loads(out)["steps"] == 8 and "processes: 2, ddp" in said  # one process speaks
    assert_the_same_run(two, alone)
    assert_one_process_goes_on(pack, two, alone)


def test_shards_train_as_one_process_and_one_goes_on(pack: Path, teams: dict[str, Any], alone: Path) -> None:
    (code, out, said), (other_code, other_out, _) = teams["fsdp"]["ranks"]
    assert (code, other_code, other_out) == (0, 0, ""), said
    assert json.loads(out)["steps"] == 8 and "processes: 2, fsdp (as asked)" in said
    assert_the_same_run(teams["fsdp"]["run"], alone)
    assert_one_process_goes_on(pack, teams["fsdp"]["run"], alone)


def test_shared_and_sharded_muon_is_muon(pack: Path, tmp_path: Path, teams: dict[str, Any]) -> None:
    for name in ("muon", "shared"):
        assert teams[name]["ranks"][0][0] == 0, teams[name]["ranks"][0][2]
    done = rotrain(*words(pack, tmp_path / "run", "--set", "optim.name=muon", steps=4))
    assert done.returncode == 0
    # Newton-Schulz multiplies in the precision of the run, fp32 here. It raises small singular values to about 1,
    # and the rounding of sums in another order with them: the difference shows earlier than with AdamW.
    for name in ("muon", "shared"):
        assert_the_same_run(teams[name]["run"], tmp_path / "run", loss=1e-3, norm=2e-2)


def test_shards_gathered_in_bf16_train_as_one_process(
    pack: Path, tmp_path: Path, teams: dict[str, Any]
) -> None:
    assert teams["bf16"]["ranks"][0][0] == 0, teams["bf16"]["ranks"][0][2]
    done = rotrain(*words(pack, tmp_path / "run", "--set", "runtime.precision=bf16"))
    assert done.returncode == 0, done.stderr
    assert_the_same_run(teams["bf16"]["run"], tmp_path / "run", loss=1e-3, norm=2e-2)


def test_matrices_alone_are_gathered_in_bf16() -> None:
    from rotrain.train.learner import gather_policy

    policy = gather_policy(torch.bfloat16)
    matrix, gain, taps = (torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2,), (2, 1, 4)))
    kinds = [policy._resolve_for_param(parameter).param_dtype for parameter in (matrix, gain, taps)]
    assert kinds == [torch.bfloat16, torch.float32, torch.float32]
    assert policy.reduce_dtype == torch.float32
    assert gather_policy(torch.float32).param_dtype is None


def test_one_process_out_of_memory_halves_the_parts_of_all(teams: dict[str, Any], alone: Path) -> None:
    (code, _, said), (other, _, _) = teams["short"]["ranks"]
    assert (code, other) == (0, 0), said
    assert "out of memory with 2 sequences at once: the step is computed again with 1" in said
    assert said.count("out of memory") == 1
    assert_the_same_run(teams["short"]["run"], alone)


@pytest.mark.parametrize("name", ["given", "shards"])
def test_what_cannot_be_halved_ends_in_all_processes_with_a_sentence(
    teams: dict[str, Any], name: str
) -> None:
    (code, _, said), (other, _, short) = teams[name]["ranks"]
    assert (code, other) == (1, 1)
    assert "too little memory for 2 sequences of 32 tokens at once" in short
    assert "--set batch.micro=1" in short
    assert "Traceback" not in said + short and said.count("error:") == short.count("error:") == 1
    expected = (
        "too little memory for 2 sequences" if name == "given" else "another process of this run has ended"
    )
    assert expected in said


def test_a_killed_process_ends_the_run_with_a_sentence(teams: dict[str, Any]) -> None:
    (code, _, said), (killed, _, _) = teams["lost"]["ranks"]
    assert (code, killed) == (1, -signal.SIGKILL)
    assert (
        "error: another process of this run has ended" in said
        and "hint: the saved checkpoints are whole" in said
    )
    assert "Traceback" not in said
    assert checkpoint.find_newest(teams["lost"]["run"] / "checkpoints")[0] is not None


def test_a_signal_to_one_process_stops_all_at_the_same_step(teams: dict[str, Any]) -> None:
    (code, _, said), (other, _, other_said) = teams["stopped"]["ranks"]
    assert (code, other) == (143, 143), said
    step = checkpoint.list_steps(teams["stopped"]["run"] / "checkpoints")[0]
    for text in (said, other_said):
        assert f"stopped: at step {step:,} of 100,000" in text and "Traceback" not in text


def test_a_batch_that_does_not_divide_is_refused(teams: dict[str, Any]) -> None:
    (code, _, said), (other, _, silent) = teams["odd"]["ranks"]
    assert (code, other, silent) == (2, 2, "")
    assert "does not divide among 2 processes" in said and "--set batch.sequences=4" in said
    assert not (teams["odd"]["run"] / "config.json").exists()  # nothing has begun


def test_the_kind_is_chosen_with_a_reason() -> None:
    gpu = 80 * 10**9
    cases: list[tuple[tuple[Any, ...], str]] = [
        (("auto", 1, 10**12, gpu), "none"),
        (("none", 1, 1, None), "none"),
        (("auto", 8, 5 * 10**9, gpu), "ddp"),
        (("auto", 8, 60 * 10**9, gpu), "fsdp"),
        (("auto", 2, 10**12, None), "ddp"),
        (("fsdp", 2, 1, gpu), "fsdp"),
    ]
    for case, kind in cases:
        found, why = choose_strategy(*case)
        assert found == kind and why, case
    for wanted, size in (("ddp", 1), ("fsdp", 1), ("none", 2)):
        with pytest.raises(UsageError):
            choose_strategy(wanted, size, 1, None)


def test_the_gathered_tensor_of_one_process_is_itself() -> None:
    from rotrain.runtime.shards import full_tensor

    tensor = torch.arange(3.0)
    assert full_tensor(tensor) is tensor


def test_a_process_of_a_team_ends_without_finalizing_python(tmp_path: Path) -> None:
    """What a thread of gloo would trip over is not begun; the code, the output and what waits for the end are whole."""
    program = tmp_path / "program.py"
    program.write_text(
        "import atexit, sys\n"
        "from rotrain.cli import main\n"
        "class Late:\n"
        "    def __del__(self): sys.__stderr__.write('finalized')\n"
        "late = Late()\n"
        "atexit.register(lambda: sys.stdout.write('at exit'))\n"
        "main()\n"
    )
    for size, late in (("1", True), ("2", False)):
        done = subprocess.run(
            [sys.executable, program, "archs", "--nonsense"],
            env=os.environ | {"WORLD_SIZE": size},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2 and "--nonsense" in done.stderr and done.stdout == "at exit"
        assert ("finalized" in done.stderr) == late
