"""kill -9 at any moment, then the same command: the same bytes as an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import content

HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        [str(HERE), str(HERE.parents[1] / "python"), os.environ.get("PYTHONPATH", "")]
    ),
}


def killing(*words: object) -> int:
    command = [sys.executable, str(HERE / "killing.py"), *map(str, words)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


def test_killed_before_every_single_write_that_counts(pack: Path, tmp_path: Path) -> None:
    assert killing("sync", pack, tmp_path, 0, 0) > 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_moments(pack: Path, tmp_path: Path, seed: int) -> None:
    assert killing("random", pack, tmp_path, seed, 8) >= 1


def words(pack: Path, out: Path, *more: str) -> list[str]:
    settings = [
        "context=32",
        "batch.sequences=4",
        "batch.micro=4",
        "evaluation.every=100",
        "evaluation.max_tokens=200",
        "runtime.threads=1",
    ]
    command = [
        sys.executable,
        str(HERE / "tiny.py"),
        "fit",
        "--arch",
        "llama-mha",
        "--size",
        "nano",
        "--steps",
        "400",
    ]
    for setting in settings:
        command += ["--set", setting]
    return [*command, "--data", str(pack), "--out", str(out), *more]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_saves_and_goes_on_to_the_same_bytes(
    pack: Path, tmp_path: Path, number: int, code: int
) -> None:
    subprocess.run(
        words(pack, tmp_path / "whole", "--quiet"), env=ENVIRONMENT, check=True, capture_output=True
    )
    stopped = subprocess.Popen(
        words(pack, tmp_path / "run"),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") >= 7):
        assert stopped.poll() is None, stopped.communicate()
        time.sleep(0.01)
    stopped.send_signal(number)
    _, said = stopped.communicate(timeout=120)
    assert stopped.returncode == code, said
    assert "stopped at step" in said and "Traceback" not in said
    again = subprocess.run(
        words(pack, tmp_path / "run", "--resume"), env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    assert "resuming" in again.stderr
    one, other = content(tmp_path / "whole"), content(tmp_path / "run")
    # The stop left one checkpoint more, at its own step; the retention may have removed it.
    last = "checkpoints/step-000400/"
    for side in (one, other):
        side["checkpoints"] = {
            name: data for name, data in side["checkpoints"].items() if name.startswith(last)
        }
    assert one == other


def test_two_processes_do_not_share_a_run(pack: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(
        words(pack, tmp_path / "run", "--quiet"),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # it holds the run and cannot finish meanwhile
    try:
        second = subprocess.run(
            words(pack, tmp_path / "run"), env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 1 and "another process is training" in second.stderr
