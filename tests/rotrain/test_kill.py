"""kill -9 at any moment, then the same command: the same bytes as an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program import rotrain
from runs import content

STEPS = 200
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


def test_killed_at_random_moments(pack: Path, tmp_path: Path) -> None:
    assert killing("random", pack, tmp_path, 1, 25) == 25


def words(pack: Path, out: Path, *more: str) -> list[str]:
    settings = [
        "context=32",
        "batch.sequences=4",
        "batch.micro=4",
        "evaluation.every=100",
        "evaluation.max_tokens=200",
        "runtime.threads=1",
    ]
    command = ["fit", "--arch", "llama-mha", "--size", "nano", "--steps", str(STEPS)]
    for setting in settings:
        command += ["--set", setting]
    return [*command, "--data", str(pack), "--out", str(out), *more]


def start(pack: Path, out: Path) -> subprocess.Popen[str]:
    """A run in a process of its own, as far as its first log line."""
    command = [sys.executable, str(HERE / "tiny.py"), *words(pack, out)]
    run = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not ((out / "metrics.jsonl").exists() and (out / "metrics.jsonl").read_bytes()):
        assert run.poll() is None, run.communicate()
        time.sleep(0.005)
    return run


@pytest.fixture(scope="module")
def whole(pack: Path, tiny_nano: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert rotrain(*words(pack, out)).returncode == 0
    return content(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_saves_and_goes_on_to_the_same_bytes(
    pack: Path, tmp_path: Path, whole: dict[str, Any], number: int, code: int
) -> None:
    stopped = start(pack, tmp_path / "run")
    stopped.send_signal(number)
    _, said = stopped.communicate(timeout=120)
    assert stopped.returncode == code, said
    assert "stopped: at step" in said and "Traceback" not in said
    again = rotrain(*words(pack, tmp_path / "run", "--resume"))
    assert again.returncode == 0 and "resuming" in again.stderr
    found = content(tmp_path / "run")
    # The stop left one checkpoint more, at its own step; the retention may have removed it.
    last = f"checkpoints/step-{STEPS:06d}/"
    for side in (found, whole):
        side["checkpoints"] = {
            name: data for name, data in side["checkpoints"].items() if name.startswith(last)
        }
    assert found == whole


def test_two_processes_do_not_share_a_run(pack: Path, tmp_path: Path, tiny_nano: None) -> None:
    first = start(pack, tmp_path / "run")
    first.send_signal(signal.SIGSTOP)  # it holds the run and cannot finish meanwhile
    try:
        second = rotrain(*words(pack, tmp_path / "run"))
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 1 and "another process is training" in second.stderr
