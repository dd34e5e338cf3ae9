"""Run commands in two processes each, as torchrun would, without loading PyTorch for every one anew.

This program is a process of its own, so that its children are forked before PyTorch has started a
thread. Standard input: a JSON list of {"words": [...], "when": FILE or null, "number": SIGNAL}; when
that file is there, the process that does not lead gets the signal. With "short": N that process runs out of memory in
the middle of a backward pass of more than one sequence, from its N-th batch on. Standard output: a JSON list, for
each command a list of [exit code, standard output, standard error] by rank.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tiny

from rotrain.cli import main as rotrain


def run_short_of_memory(batch: int) -> None:
    """Raise what a GPU raises, when a part of the gradients of a batch is there and on its way to the other process."""
    import torch

    from rotrain.train.learner import Learner

    whole, batches = Learner.compute_gradients, 0

    def raise_it(gradient: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def compute(self: Learner, rows: torch.Tensor, *, micro: int, tokens: int) -> torch.Tensor:
        nonlocal batches
        batches += 1
        if batches < batch or micro == 1:
            return whole(self, rows, micro=micro, tokens=tokens)
        first: Any = self.model.blocks[0]
        handle = first.mixer_norm.register_full_backward_pre_hook(lambda module, given: raise_it(given[0]))
        try:
            return whole(self, rows, micro=micro, tokens=tokens)
        finally:
            handle.remove()

    Learner.compute_gradients = compute  # type: ignore[method-assign]


def start(words: list[str], rank: int, port: int, folder: Path, short: int | None) -> int:
    """Fork a process of a team; its process id."""
    pid = os.fork()
    if pid:
        return pid
    atexit._clear()  # what waits for the end of the parent is not the child's to do
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{name}{rank}", os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["rotrain", *words]
    if short is not None and rank == 1:
        run_short_of_memory(short)
    code = 1
    try:
        rotrain()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(words: list[str], when: str | None, number: int, short: int | None) -> list[tuple[int, str, str]]:
    """Run a command in two processes to their end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pids = [start(words, rank, port, folder, short) for rank in (0, 1)]
        if when is not None:
            while not Path(when).exists():
                time.sleep(0.02)
            os.kill(pids[1], number)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        return [
            (code, (folder / f"out{rank}").read_text(), (folder / f"err{rank}").read_text())
            for rank, code in enumerate(codes)
        ]


if __name__ == "__main__":
    tiny.shrink()
    for module in ("torch._dynamo", "torch.distributed.fsdp", "rotrain.train.loop"):
        importlib.import_module(module)
    print(json.dumps([run(**command) for command in json.load(sys.stdin)]))
