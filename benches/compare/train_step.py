"""One training step of rotrain and of `transformers`, side by side.

Both sides have the same shape, the same starting weights, the same batch and the same precision, and
do the same work in a step: forward, backward, clipping of the gradient to norm 1, fused AdamW. Each
side has a process of its own, set up as its user gets it: `rotrain fit` asks the C library to keep
freed memory, a loop around `transformers` does not (--same-allocator gives it to both). The processes
take turns (A B A B ...), one works while the other waits, so a change of the machine's speed meets
both; the script first checks that both compute the same loss.

    python benches/compare/train_step.py                                  # nano, eager and compiled
    python benches/compare/train_step.py --vocab-size 8000 --precision fp32 --mode eager

A line gives tokens a second, median and best of the rounds, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
import transformers

from rotrain.config import Optim, Runtime
from rotrain.models.decoder import Decoder
from rotrain.models.hf import hf_config, to_hf
from rotrain.models.presets import model_config
from rotrain.train.optim import Optimizer
from rotrain.train.runtime import Machine, choose_machine, keep_freed_memory

Step = Callable[[], float]
SIDES = ("rotrain", "transformers")
SEQUENCES = {"nano": 8, "mini": 4, "300m": 1}


def our_step(
    model: Decoder, machine: Machine, inputs: torch.Tensor, labels: torch.Tensor, compiled: bool
) -> Step:
    """The step of rotrain's loop (`train/loop.py`) on one micro batch."""
    optimizer = Optimizer(model, Optim(lr=1e-4))
    loss_of = model.compiled_loss() if compiled else model.loss

    def step() -> float:
        with machine.autocast():
            loss = loss_of(inputs, labels) / labels.numel()
        loss.backward()
        float(optimizer.clip())  # the spike guard looks at it before the weights change
        optimizer.update(1e-4)
        return float(loss.detach())

    return step


def their_step(
    model: Any, machine: Machine, inputs: torch.Tensor, labels: torch.Tensor, compiled: bool
) -> Step:
    """The step of a usual loop around the stock class: its own loss, clipping, fused AdamW."""
    model.train()
    parameters = list(model.parameters())
    adamw = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    forward = torch.compile(model) if compiled else model

    def step() -> float:
        with machine.autocast():
            loss = forward(input_ids=inputs, labels=labels, shift_labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def work(side: str, words: argparse.Namespace, precision: str, compiled: bool, pipe: Connection) -> None:
    """One side in its process: sends its first loss, then for each number of steps their seconds."""
    torch.set_num_threads(words.threads)
    if side == "rotrain" or words.same_allocator:
        keep_freed_memory()
    config = model_config(words.arch, words.size, vocab_size=words.vocab_size)
    machine = choose_machine(Runtime.model_validate({"device": "cpu", "precision": precision}))
    ours = Decoder(config)
    ours.init_weights(0)
    generator = torch.Generator().manual_seed(1)
    shape = (SEQUENCES[words.size], config.context + 1)
    tokens = torch.randint(words.vocab_size, shape, generator=generator)
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    if side == "rotrain":
        step = our_step(ours, machine, inputs, labels, compiled)
    else:
        fields = hf_config(config, 0)
        kind = fields.pop("model_type")
        theirs = transformers.AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(kind, **fields)
        )
        theirs.load_state_dict(to_hf(config, dict(ours.named_parameters())), strict=False)
        theirs.tie_weights()
        del ours
        step = their_step(theirs, machine, inputs, labels, compiled)
    pipe.send(step())
    while steps := pipe.recv():
        began = time.perf_counter()
        for _ in range(steps):
            step()
        pipe.send(time.perf_counter() - began)


def compare(words: argparse.Namespace, precision: str, compiled: bool) -> dict[str, Any]:
    """Take turns for the rounds."""
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for side in SIDES:
        pipes[side], other = spawn.Pipe()
        process = spawn.Process(target=work, args=(side, words, precision, compiled, other), daemon=True)
        process.start()
        processes.append(process)
    first = {side: pipe.recv() for side, pipe in pipes.items()}
    if abs(first["rotrain"] - first["transformers"]) > (1e-4 if precision == "fp32" else 0.02):
        sys.exit(f"the sides do not compute the same loss: {first}")
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(words.rounds + 1):
        for side, pipe in pipes.items():
            pipe.send(words.steps)
            taken = pipe.recv() / words.steps
            if turn:  # the first turn warms the caches
                seconds[side].append(taken)
    for pipe, process in zip(pipes.values(), processes, strict=True):
        pipe.send(0)
        process.join()
    tokens = SEQUENCES[words.size] * model_config(words.arch, words.size).context
    best = {side: tokens / min(times) for side, times in seconds.items()}
    median = {side: tokens / statistics.median(times) for side, times in seconds.items()}
    return {
        "arch": words.arch,
        "size": words.size,
        "vocab_size": words.vocab_size,
        "precision": precision,
        "compiled": compiled,
        "threads": words.threads,
        "same_allocator": words.same_allocator,
        "tokens_per_s_best": best,
        "tokens_per_s_median": median,
        "ratio_best": best["rotrain"] / best["transformers"],
        "ratio_median": median["rotrain"] / median["transformers"],
    }


def main() -> None:
    """Print one line a comparison, or all of them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="llama-mha")
    parser.add_argument("--size", default="nano", choices=("nano", "mini", "300m"))
    parser.add_argument("--vocab-size", type=int, default=40_000)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"], choices=("fp32", "bf16"))
    parser.add_argument("--mode", nargs="+", default=["eager", "compiled"], choices=("eager", "compiled"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=2, help="steps a round and side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--same-allocator", action="store_true", help="keep freed memory on both sides")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, {platform.machine()}, "
        f"{os.cpu_count()} CPUs, {words.threads} threads",
        file=sys.stderr,
    )
    rows = []
    for mode in words.mode:
        for precision in words.precision:
            row = compare(words, precision, mode == "compiled")
            rows.append(row)
            if not words.json:
                ours, theirs = row["tokens_per_s_median"].values()
                print(
                    f"{row['arch']} {row['size']} V={row['vocab_size']} {precision} {mode}: "
                    f"rotrain {ours:,.0f} tok/s, transformers {theirs:,.0f} tok/s, "
                    f"{row['ratio_median']:.2f}x (best of rounds {row['ratio_best']:.2f}x)",
                    flush=True,
                )
    if words.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
