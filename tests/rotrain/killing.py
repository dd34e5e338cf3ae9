"""Train a tiny run in a child process, and kill it.

This program is a process of its own, so that its children are forked before PyTorch has started
a thread: a fork after that would inherit locks nobody holds. Words: MODE PACK OUT SEED KILLS.

    sync    for n = 1, 2, ...: a fresh run is killed before its n-th fsync or rename, then run
            to its end; until one ends by itself
    random  runs are killed at KILLS random moments in all, each as often as it takes to reach its end
"""

from __future__ import annotations

import importlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tiny
from runs import content

from conftest import fit_config
from rotrain.progress import Progress
from rotrain.train.loop import run_training


def child(work: Callable[[], object]) -> int:
    """Fork, do the work, and return the child's process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def ended(pid: int) -> bool:
    """Wait for a child: whether it ended by itself, well. Any end but that or SIGKILL fails."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    assert os.waitstatus_to_exitcode(status) == 0, status
    return True


def die_at(n: int) -> None:
    """Kill this process when it is about to make its n-th fsync, rename or replace."""
    left = n

    def armed(call: Callable[..., object]) -> Callable[..., object]:
        def run(*words: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*words, **named)

        return run

    os.fsync, os.rename, os.replace = armed(os.fsync), armed(os.rename), armed(os.replace)  # type: ignore[assignment]


def main() -> None:
    mode, pack, out, seed, kills = (
        sys.argv[1],
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
        int(sys.argv[5]),
    )
    tiny.shrink()
    importlib.import_module("torch._dynamo")  # AdamW does, for seconds: once here, not in each child

    # Every call of `sync` costs two runs: they are as short as two checkpoints, a removal, an
    # evaluation and an end allow.
    steps = 4 if mode == "sync" else 8

    # In `sync` the runs are branches that end in an average: their own files are killed too.
    begin = {}
    words = ["checkpoint.keep=1"]
    if mode == "sync":
        assert ended(
            child(lambda: run_training(fit_config(pack, out / "trunk", "checkpoint.keep=9"), Progress()))
        )
        begin = {"begin_from": f"{out / 'trunk'}@4"}
        words.append("checkpoint.average=2")

    def train(name: str) -> Callable[[], object]:
        return lambda: run_training(fit_config(pack, out / name, *words, steps=steps, **begin), Progress())

    began = time.monotonic()
    assert ended(child(train("whole")))
    whole_seconds = time.monotonic() - began
    whole = content(out / "whole")

    if mode == "sync":
        n = 0
        while True:
            n += 1

            def fatal(n: int = n) -> None:
                die_at(n)
                train(f"run{n}")()

            if ended(child(fatal)):
                break
            assert ended(child(train(f"run{n}")))
            assert content(out / f"run{n}") == whole, f"killed before call {n}"
        print(n - 1)
        return

    moments = random.Random(seed)
    killed = 0
    while killed < kills:
        done = False
        while not done:
            pid = child(train("run"))
            if killed < kills:
                time.sleep(moments.uniform(0, whole_seconds))
                os.kill(pid, signal.SIGKILL)
            done = ended(pid)
            killed += not done
        assert content(out / "run") == whole, f"after {killed} kills"
        shutil.rmtree(out / "run")
    print(killed)


if __name__ == "__main__":
    main()
