"""One training step of rotrain, of `transformers` and of litgpt, side by side.

All sides have the same shape, the same starting weights, the same batch and the same precision, and
do the same work in a step: forward, backward, clipping of the gradient to norm 1, fused AdamW. Each
side has a process of its own, set up as its user gets it: `rotrain fit` keeps freed memory
and puts it into huge pages, a loop around the others does not (--same-allocator does both for `transformers` too). The
processes take turns (A B C A B C ...), one works while the others wait, so a change of the machine's speed
meets all; the script first checks that all compute the same loss. litgpt, which has no Mamba-2, runs in
the environment of --peers (train_step_peer.py), and without it not at all. In a compiled comparison `transformers`
takes part uncompiled too.

    python benches/compare/train_step.py                                  # nano, eager and compiled
    python benches/compare/train_step.py --vocab-size 8000 --precision fp32 --mode eager
    python benches/compare/train_step.py --peers target/peers/bin/python  # with litgpt

A line gives tokens a second and how many times a peer's they are, by the medians of the rounds (and by the best).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import transformers

from rotrain.config import ModelConfig, Optim, Runtime
from rotrain.models.decoder import Decoder
from rotrain.models.hf import hf_config, to_hf
from rotrain.models.presets import model_config
from rotrain.runtime.allocator import HUGE_PAGES_AFTER_STEPS, keep_freed_memory, use_huge_pages
from rotrain.runtime.device import Machine, choose_machine, cpu_has_bf16
from rotrain.train.optim import Optimizer

Step = Callable[[], float]
LITGPT = ("llama-mha", "llama-gqa", "mistral-swa", "falcon-mqa")
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
        float(optimizer.clip_gradients())  # the spike guard looks at it before the weights change
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


def start_of(words: argparse.Namespace, config: ModelConfig) -> tuple[Decoder, torch.Tensor, torch.Tensor]:
    """The same weights, inputs and labels for every side."""
    model = Decoder(config)
    model.init_weights(0)
    generator = torch.Generator().manual_seed(1)
    shape = (SEQUENCES[words.size], config.context + 1)
    tokens = torch.randint(words.vocab_size, shape, generator=generator)
    return model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def work(side: str, words: argparse.Namespace, precision: str, compiled: bool, pipe: Connection) -> None:
    """One side in its process: sends its first loss, then for each number of steps their seconds."""
    torch.set_num_threads(words.threads)
    if side == "rotrain" or words.same_allocator:
        keep_freed_memory()
    config = model_config(words.arch, words.size, vocab_size=words.vocab_size)
    machine = choose_machine(Runtime.model_validate({"device": "cpu", "precision": precision}))
    ours, inputs, labels = start_of(words, config)
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
    if side == "rotrain" or words.same_allocator:
        for _ in range(HUGE_PAGES_AFTER_STEPS - 1):
            step()
        use_huge_pages()
    while steps := pipe.recv():
        began = time.perf_counter()
        for _ in range(steps):
            step()
        pipe.send(time.perf_counter() - began)


class Inside:
    """A side in a process of this Python."""

    def __init__(self, side: str, words: argparse.Namespace, precision: str, compiled: bool) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(side, words, precision, compiled, other), daemon=True)
        self.process.start()
        other.close()  # or nobody would notice that the process is gone

    def send(self, steps: int) -> None:
        """Ask for so many steps; none is the end."""
        self.pipe.send(steps)
        if not steps:
            self.process.join()

    def receive(self) -> float:
        """The next answer."""
        answer: float = self.pipe.recv()
        return answer


class Litgpt:
    """litgpt in a process of the peers' Python."""

    def __init__(self, words: argparse.Namespace, precision: str, compiled: bool) -> None:
        c = model_config(words.arch, words.size, vocab_size=words.vocab_size)
        model, inputs, labels = start_of(words, c)
        config = {
            "block_size": c.context,
            "n_layer": c.layers,
            "n_embd": c.hidden,
            "vocab_size": c.vocab_size,
            "padded_vocab_size": c.vocab_size,
            "norm_class_name": "RMSNorm" if c.norm == "rms" else "LayerNorm",
            "norm_eps": c.norm_eps,
            "parallel_residual": c.parallel,
            "shared_attention_norm": c.parallel,
            "n_head": c.heads,
            "n_query_groups": c.kv_heads,
            "head_size": c.head_dim,
            "sliding_window_size": c.window,
            "rope_base": int(c.rope_theta),
            "rotary_percentage": 1.0,
            "intermediate_size": c.ffn,
            "bias": False,
            "mlp_class_name": "GptNeoxMLP" if c.mlp == "gelu" else "LLaMAMLP",
        }
        self.folder = tempfile.TemporaryDirectory()
        case = Path(self.folder.name) / "case.pt"
        weights = {name: tensor.detach() for name, tensor in to_hf(c, dict(model.named_parameters())).items()}
        torch.save(
            {
                "config": config,
                "weights": weights,
                "inputs": inputs,
                "labels": labels,
                "threads": words.threads,
                "compiled": compiled,
                "bf16": precision == "bf16",
            },
            case,
        )
        command = [words.peers, Path(__file__).with_name("train_step_peer.py"), case]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, steps: int) -> None:
        """As `Inside.send`."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)
        if not steps:
            self.process.wait()
            self.folder.cleanup()

    def receive(self) -> float:
        """The next answer."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        return float(answer) if answer else sys.exit("litgpt's side ended, see above")


def compare(words: argparse.Namespace, precision: str, compiled: bool) -> dict[str, Any]:
    """Take turns for the rounds."""
    sides: dict[str, Inside | Litgpt] = {}
    first = {}
    names = ["rotrain", "transformers"]
    names += ["transformers eager"] if compiled else []
    names += ["litgpt"] if words.peers and words.arch in LITGPT else []
    for name in names:  # one after the other, for compiling takes both cores
        program = name.removesuffix(" eager")
        sides[name] = (
            Litgpt(words, precision, compiled)
            if program == "litgpt"
            else Inside(program, words, precision, compiled and program == name)
        )
        first[name] = sides[name].receive()
    if max(first.values()) - min(first.values()) > (1e-4 if precision == "fp32" else 0.02):
        sys.exit(f"the sides do not compute the same loss: {first}")
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(words.rounds + 1):
        for name, side in sides.items():
            side.send(words.steps)
            taken = side.receive() / words.steps
            if turn:  # the first turn warms the caches
                seconds[name].append(taken)
    for side in sides.values():
        side.send(0)
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
        "first_loss": first,
        "seconds_a_step": seconds,
        "tokens_per_s_best": best,
        "tokens_per_s_median": median,
        "ratio_best": {side: best["rotrain"] / best[side] for side in sides if side != "rotrain"},
        "ratio_median": {side: median["rotrain"] / median[side] for side in sides if side != "rotrain"},
    }


def main() -> None:
    """Print one line a comparison, or all of them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="llama-mha")
    parser.add_argument("--size", default="nano", choices=("nano", "mini", "300m"))
    parser.add_argument("--vocab-size", type=int, default=40_000)
    precisions = ["fp32", "bf16"] if cpu_has_bf16() else ["fp32"]
    parser.add_argument("--precision", nargs="+", default=precisions, choices=("fp32", "bf16"))
    parser.add_argument("--mode", nargs="+", default=["eager", "compiled"], choices=("eager", "compiled"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=2, help="steps a round and side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--same-allocator",
        action="store_true",
        help="for `transformers` too keep freed memory, in huge pages",
    )
    parser.add_argument("--peers", help="a Python with litgpt")
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
                tokens, ratio = row["tokens_per_s_median"], row["ratio_median"]
                peers = (
                    f", {side} {tokens[side]:,.0f} ({ratio[side]:.2f}x, best {row['ratio_best'][side]:.2f}x)"
                    for side in ratio
                )
                print(
                    f"{row['arch']} {row['size']} V={row['vocab_size']} {precision} {mode}, tokens/s: "
                    f"rotrain {tokens['rotrain']:,.0f}" + "".join(peers),
                    flush=True,
                )
    if words.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
