"""One training step of rotrain and of `transformers`, side by side.

Both sides have the same shape, the same starting weights, the same batch and the same precision, and
do the same work in a step: forward, backward, clipping of the gradient to norm 1, fused AdamW. The
sides take turns in one process (A B A B ...), so a change of the machine's speed meets both; the
script first checks that both compute the same loss.

    python benches/compare/train_step.py                                  # nano, eager and compiled
    python benches/compare/train_step.py --vocab-size 8000 --precision fp32 --mode eager

A line gives tokens a second, best and median of the rounds, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import transformers

from rotrain.config import Optim, Runtime
from rotrain.export.hf import hf_config, to_hf
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.train.optim import Optimizer
from rotrain.train.runtime import Machine, choose_machine

Step = Callable[[], float]


def our_step(
    model: Decoder, machine: Machine, inputs: torch.Tensor, labels: torch.Tensor, compiled: bool
) -> Step:
    """The step of rotrain's loop (`train/loop.py`) on one micro batch."""
    optimizer = Optimizer(model, Optim(lr=1e-4))
    loss_of = torch.compile(model.loss) if compiled else model.loss

    def step() -> float:
        with machine.autocast():
            loss = loss_of(inputs, labels) / labels.numel()
        loss.backward()
        optimizer.step(1e-4)
        return float(loss.detach())

    return step


def their_step(
    model: Any, machine: Machine, inputs: torch.Tensor, labels: torch.Tensor, compiled: bool
) -> Step:
    """The step of a usual loop around `LlamaForCausalLM`: its own loss, clipping, fused AdamW."""
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


def compare(
    arch: str, size: str, vocab_size: int, precision: str, compiled: bool, rounds: int, steps: int
) -> dict[str, Any]:
    """Take turns for `rounds` rounds of `steps` steps a side."""
    config = model_config(arch, size, vocab_size=vocab_size)  # type: ignore[arg-type]
    sequences = {"nano": 8, "mini": 4, "300m": 1}[size]
    machine = choose_machine(Runtime(device="cpu", precision=precision))  # type: ignore[arg-type]
    ours = Decoder(config)
    ours.init_weights(0)
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**hf_config(config, 0)))
    theirs.load_state_dict(to_hf(config, dict(ours.named_parameters())), strict=False)
    theirs.tie_weights()
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(vocab_size, (sequences, config.context + 1), generator=generator)
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    sides = {
        "rotrain": our_step(ours, machine, inputs, labels, compiled),
        "transformers": their_step(theirs, machine, inputs, labels, compiled),
    }
    first = {name: step() for name, step in sides.items()}
    if abs(first["rotrain"] - first["transformers"]) > (1e-4 if precision == "fp32" else 0.02):
        sys.exit(f"the sides do not compute the same loss: {first}")
    for step in sides.values():  # caches and, compiled, the second graph
        step()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, step in sides.items():
            began = time.perf_counter()
            for _ in range(steps):
                step()
            seconds[name].append((time.perf_counter() - began) / steps)
    work = sequences * config.context
    best = {name: work / min(times) for name, times in seconds.items()}
    median = {name: work / statistics.median(times) for name, times in seconds.items()}
    return {
        "arch": arch,
        "size": size,
        "vocab_size": vocab_size,
        "precision": precision,
        "compiled": compiled,
        "threads": torch.get_num_threads(),
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
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, {platform.machine()}, "
        f"{os.cpu_count()} CPUs, {words.threads} threads",
        file=sys.stderr,
    )
    rows = []
    for mode in words.mode:
        for precision in words.precision:
            torch._dynamo.reset()
            row = compare(
                words.arch,
                words.size,
                words.vocab_size,
                precision,
                mode == "compiled",
                words.rounds,
                words.steps,
            )
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
