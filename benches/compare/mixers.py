"""Mixers beside what a user would have otherwise, forward and backward on a CPU.

Window: our band, the same attention by a T x T mask (what transformers and litgpt do on a CPU), and
full causal attention. Scan: our chunked scan and `transformers`' torch path at its default chunk of
256, and the whole Mamba-2 mixer of both with the same weights. The sides take turns in one process on
one thread that keeps freed memory, as `rotrain fit` does (page faults weigh more on some machines than
the arithmetic, and they are not what is compared), and what counts is CPU time, the least of the rounds,
so that a busy machine does not decide. bf16 is left out where the processor would emulate it, unless asked for.

    python benches/compare/mixers.py                    # T = 2048; W = 512; the shapes of 300m
    python benches/compare/mixers.py --length 1024 --rounds 5 --json
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers.models.mamba2 import modeling_mamba2

from rotrain.models import kernels
from rotrain.models.attention_kernels import (
    attention_sdpa,
    document_attention_masked,
    window_attention_banded,
)
from rotrain.models.hf import hf_config
from rotrain.models.mamba2 import Mamba2
from rotrain.models.mixer import Positions
from rotrain.models.presets import model_config
from rotrain.models.ssd import scan_chunked
from rotrain.runtime.allocator import keep_freed_memory
from rotrain.runtime.device import cpu_has_bf16

Work = Callable[[], Tensor]


def cpu_seconds() -> float:
    """CPU time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def take_turns(sides: dict[str, Work], leaves: list[Tensor], rounds: int, half: bool) -> dict[str, float]:
    """Least CPU seconds of forward and backward of each side."""
    best = dict.fromkeys(sides, float("inf"))
    upstream = torch.randn(next(iter(sides.values()))().shape)
    for turn in range(rounds + 1):
        for name, work in sides.items():
            for leaf in leaves:
                leaf.grad = None
            began = cpu_seconds()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                out = work()
            out.backward(upstream.to(out.dtype))
            if turn:
                best[name] = min(best[name], cpu_seconds() - began)
    return best


def window(words: argparse.Namespace, half: bool) -> dict[str, float]:
    """Attention of 16 heads of 64."""
    dtype = torch.bfloat16 if half else torch.float32
    leaves = [
        torch.randn(1, words.length, 16, 64, dtype=dtype).transpose(1, 2).requires_grad_() for _ in range(3)
    ]
    q, k, v = leaves
    one = torch.zeros(1, words.length, dtype=torch.long)
    sides: dict[str, Work] = {
        "banded": lambda: window_attention_banded(q, k, v, words.window),
        "mask": lambda: document_attention_masked(q, k, v, one, words.window),
        "causal": lambda: attention_sdpa(q, k, v),
    }
    near = (sides["banded"]() - sides["mask"]()).abs().max().item()
    if near > (0.02 if half else 1e-5):
        sys.exit(f"the band and the mask differ by {near}")
    return take_turns(sides, leaves, words.rounds, half=False)


def scan(words: argparse.Namespace, half: bool) -> dict[str, float]:
    """The scan alone: 32 heads of 64, a state of 128."""
    x = torch.randn(1, words.length, 32, 64)
    dt = torch.nn.functional.softplus(torch.randn(1, words.length, 32) - 3)
    a = -torch.linspace(1, 16, 32)
    b, c = torch.randn(2, 1, words.length, 1, 128).unbind()
    x, dt, a, b, c = leaves = [leaf.clone().requires_grad_() for leaf in (x, dt, a, b, c)]
    theirs = modeling_mamba2.mamba2_chunk_scan
    sides: dict[str, Work] = {
        "rotrain": lambda: scan_chunked(x, dt, a, b, c, None)[0],
        "transformers": lambda: theirs(x, dt, a, b, c, chunk_size=256),
    }
    return take_turns(sides, leaves, words.rounds, half)


def mixer(words: argparse.Namespace, half: bool) -> dict[str, float]:
    """The whole mixer of one layer of mamba2 300m."""
    config = model_config("mamba2", "300m", context=words.length)
    ours = Mamba2(config, kernels.choose(config.vocab_size))
    with torch.no_grad():
        ours.init_weights(0.02, 0.02, torch.Generator().manual_seed(0))
    fields = hf_config(config, 0) | {"chunk_size": 256}
    theirs = modeling_mamba2.Mamba2Mixer(transformers.Mamba2Config(**fields), 0)
    names = {
        "in_proj.weight": ours.in_proj.weight,
        "conv1d.weight": ours.conv_weight,
        "conv1d.bias": ours.conv_bias,
    }
    names |= {"A_log": ours.A_log, "D": ours.D, "dt_bias": ours.dt_bias, "norm.weight": ours.gain}
    theirs.load_state_dict(names | {"out_proj.weight": ours.out_proj.weight})
    x = torch.randn(1, words.length, config.hidden).requires_grad_()
    positions = Positions(0, None, None, None)
    sides: dict[str, Work] = {"rotrain": lambda: ours(x, positions, None), "transformers": lambda: theirs(x)}
    near = (sides["rotrain"]() - sides["transformers"]()).abs().max().item()
    if near > 1e-4:
        sys.exit(f"the mixers differ by {near}")
    return take_turns(sides, [x, *ours.parameters(), *theirs.parameters()], words.rounds, half)


def main() -> None:
    """Print one line a comparison, or all of them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--what", nargs="+", default=["window", "scan", "mixer"])
    precisions = ["fp32", "bf16"] if cpu_has_bf16() else ["fp32"]
    parser.add_argument("--precision", nargs="+", default=precisions, choices=("fp32", "bf16"))
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    rows: list[dict[str, Any]] = []
    for what in words.what:
        for precision in words.precision:
            seconds = {"window": window, "scan": scan, "mixer": mixer}[what](words, precision == "bf16")
            first = next(iter(seconds.values()))
            ratios = {name: value / first for name, value in seconds.items()}
            rows.append({"what": what, "precision": precision, "seconds": seconds, "ratio": ratios})
            if not words.json:
                told = ", ".join(f"{n} {1000 * s:,.0f} ms ({ratios[n]:.2f}x)" for n, s in seconds.items())
                print(f"{what} {precision} T={words.length}: {told}", flush=True)
    if words.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
