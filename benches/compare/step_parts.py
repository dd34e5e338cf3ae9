"""What a training step of rotrain costs beside its passes, and what is done once a run.

Step: a run of `rotrain fit` with a clock around its parts: what reading the batch, the spike guard and the log line
take of a step, and how many times faster than they are needed the batches come. Resume: the same pack with its training
text made longer, in sparse files, to 5.6 billion tokens: opening it, planning the run, and reading the batch of a step
anywhere in it. Head: the output matrix and the loss at a vocabulary of 40,000, forward and backward, by the plain way
and by ours, each in a fresh process, taking turns: CPU seconds, and the peak of memory over what was held before; in
bf16 where the processor multiplies it.

    python benches/compare/step_parts.py --data pack                # all of them
    python benches/compare/step_parts.py --data pack --what head --threads 1 --json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rotrain.config import resolve
from rotrain.data.batches import BatchReader
from rotrain.models.loss import token_loss_chunked, token_loss_reference
from rotrain.progress import Progress
from rotrain.runtime.allocator import keep_freed_memory
from rotrain.runtime.device import cpu_has_bf16
from rotrain.train.learner import Learner
from rotrain.train.loop import run_training
from rotrain.train.plan import make_plan
from rotrain.train.run_log import RunLog
from rotrain.train.spikes import SpikeGuard

TOKENS = 5_600_000_000
PASSES = ((Learner, "compute_gradients"), (Learner, "clip_gradients"), (Learner, "update"))
BESIDE = ((BatchReader, "read"), (SpikeGuard, "check"), (RunLog, "log"))
LOSSES = {"plain": token_loss_reference, "rotrain": token_loss_chunked}


@contextlib.contextmanager
def clocks(*methods: tuple[type, str]) -> Iterator[dict[str, list[float]]]:
    """Seconds of every call of these methods, by their names."""
    seconds: dict[str, list[float]] = {name: [] for _, name in methods}
    with contextlib.ExitStack() as stack:
        for owner, name in methods:
            method = getattr(owner, name)

            def timed(*args: Any, _method: Any = method, _name: str = name, **named: Any) -> Any:
                began = time.perf_counter()
                found = _method(*args, **named)
                seconds[_name].append(time.perf_counter() - began)
                return found

            setattr(owner, name, timed)
            stack.callback(setattr, owner, name, method)
        yield seconds


def step(words: argparse.Namespace) -> dict[str, Any]:
    """Medians over the steps of a run, in seconds, and their part of a step."""
    with tempfile.TemporaryDirectory() as folder, clocks(*PASSES, *BESIDE) as seconds:
        flags = {"arch": words.arch, "data": str(words.data), "out": f"{folder}/run", "steps": words.steps}
        run_training(
            resolve(flags, assignments=["runtime.device=cpu", f"runtime.threads={words.threads}"]),
            Progress(),
            force=True,
        )
    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    whole = sum(median.values())
    return {
        "arch": words.arch,
        "seconds": median,
        "part": {name: value / whole for name, value in median.items()},
        "loader_times_needed": whole / median["read"],
        "log_and_guard": (median["check"] + median["log"]) / whole,
    }


def resume(words: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of what a resumed run of `TOKENS` does before it goes on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = json.loads((words.data / "manifest.json").read_bytes())
        for file in words.data.iterdir():
            if file.name.startswith("valid-") or file.name == "tokenizer.json":
                (folder / file.name).symlink_to(file.resolve())
        tokens = sum(phase["train"]["tokens"] for phase in manifest["phases"])
        for phase in manifest["phases"]:
            text = phase["train"]
            text["tokens"] = TOKENS * text["tokens"] // tokens
            text["shards"] = [{"file": f"train-{phase['name']}.bin", "tokens": text["tokens"]}]
            with (folder / text["shards"][0]["file"]).open("wb") as shard:
                shard.truncate(2 * text["tokens"])  # sparse: every token is 0, the end of a document
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        config = resolve({"arch": words.arch, "size": "300m", "data": name, "out": f"{name}/run"})
        planned, found = [], []
        draw = random.Random(0)
        for _ in range(20):
            began = time.perf_counter()
            plan = make_plan(config)
            planned.append(1e3 * (time.perf_counter() - began))
            out = np.empty((config.batch.sequences, config.context + 1), dtype=np.int64)
            began = time.perf_counter()
            plan.batches.read(draw.randrange(plan.steps), out)
            found.append(1e3 * (time.perf_counter() - began))
    return {
        "tokens": TOKENS,
        "steps": plan.steps,
        "plan_ms": statistics.median(planned),
        "batch_ms": {"median": statistics.median(found), "most": max(found)},
    }


def status(key: str) -> int:
    """Bytes of a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def one_head(side: str, words: argparse.Namespace, half: bool, pipe: Connection) -> None:
    """Sends the loss, the CPU seconds of the best of five passes, and the peak of the first over what was held.

    For the time both sides keep freed memory, as `rotrain fit` does; the plain one gains more by it.
    """
    torch.set_num_threads(words.threads)
    torch.manual_seed(0)
    hidden = torch.randn(words.tokens, words.width, requires_grad=True)
    weight = torch.randn(words.vocab_size, words.width).mul_(0.02).requires_grad_()
    labels = torch.randint(words.vocab_size, (words.tokens,))
    held, extra, best = status("VmRSS"), 0, float("inf")
    for turn in range(6):
        began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = LOSSES[side](hidden, weight, labels)
        loss.backward()
        if turn:
            best = min(best, time.process_time() - began)
        else:
            extra = status("VmHWM") - held
            keep_freed_memory()
        hidden.grad = weight.grad = None
    pipe.send((float(loss.detach()), best, extra))


def head(words: argparse.Namespace, half: bool) -> dict[str, Any]:
    """Both ways in turn."""
    spawn = multiprocessing.get_context("spawn")
    seconds: dict[str, list[float]] = {side: [] for side in LOSSES}
    extra, losses = dict.fromkeys(LOSSES, 0), dict.fromkeys(LOSSES, 0.0)
    for _ in range(words.rounds):
        for side in LOSSES:
            pipe, other = spawn.Pipe()
            process = spawn.Process(target=one_head, args=(side, words, half, other))
            process.start()
            other.close()
            losses[side], taken, extra[side] = pipe.recv()
            seconds[side].append(taken)
            process.join()
    best = {side: min(taken) for side, taken in seconds.items()}
    # Both leave the fp32 gradients of the matrix and of the states behind.
    left = 4 * words.width * (words.vocab_size + words.tokens)
    return {
        "precision": "bf16" if half else "fp32",
        "loss": losses,
        "cpu_seconds": best,
        "extra_mib": {side: value / 2**20 for side, value in extra.items()},
        "time": best["rotrain"] / best["plain"],
        "memory": extra["rotrain"] / extra["plain"],
        "memory_without_gradients": (extra["rotrain"] - left) / (extra["plain"] - left),
    }


def main() -> None:
    """Print one line a part, or all of them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a pack")
    parser.add_argument("--what", nargs="+", default=["step", "resume", "head"])
    parser.add_argument("--arch", default="llama-gqa")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--vocab-size", type=int, default=40_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    found: dict[str, Any] = {}
    if "step" in words.what:
        found["step"] = step(words)
        if not words.json:
            s = found["step"]
            told = ", ".join(f"{n} {1e3 * v:.3f} ms ({s['part'][n]:.2%})" for n, v in s["seconds"].items())
            print(
                f"step of {words.arch} nano: {told}; batches come {s['loader_times_needed']:,.0f} times faster than "
                f"needed, log and guard take {s['log_and_guard']:.3%}",
                flush=True,
            )
    if "resume" in words.what:
        found["resume"] = resume(words)
        if not words.json:
            r = found["resume"]
            print(
                f"resume in {r['tokens']:,} tokens, {r['steps']:,} steps: planned in {r['plan_ms']:.1f} ms, batch of any "
                f"step in {r['batch_ms']['median']:.2f} ms (most {r['batch_ms']['most']:.2f})",
                flush=True,
            )
    if "head" in words.what:
        found["head"] = []
        for half in (False, True) if cpu_has_bf16() else (False,):
            h = head(words, half)
            found["head"].append(h)
            if not words.json:
                sides = ", ".join(
                    f"{side} {h['cpu_seconds'][side]:.2f} s, {h['extra_mib'][side]:,.0f} MiB"
                    for side in LOSSES
                )
                print(
                    f"head and loss {h['precision']}, V={words.vocab_size:,}, {words.tokens:,} tokens, width {words.width}: "
                    f"{sides}: {h['time']:.2f}x the time, {h['memory']:.2f}x the memory "
                    f"({h['memory_without_gradients']:.2f}x without the gradients that both leave)",
                    flush=True,
                )
    if words.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
