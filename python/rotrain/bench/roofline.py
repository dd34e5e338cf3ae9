"""The least time of a training step on a known GPU: an estimate from counted operations and bytes.

A part of a step takes as long as its operations at the data sheet's peak, or as its bytes at the data sheet's bandwidth,
whichever is longer (the roofline of Williams et al. 2009). The parts follow each other. No kernel reaches either figure, so
the MFU here is a bound, not a forecast: products of matrices reach less than the peak of a data sheet.

What is counted, for N tokens in parts of n:

block products     6 operations for each parameter of a block's matrices and token
attention          2 products forward; backward 5, because the scores are computed again: 3.5 times the forward work
scan               the products of the chunks, likewise computed again: 4 times the forward work
pointwise          what the backward pass reads (`runtime.activations`) is written, read twice, and its gradient is written
                   and read: 5 times its bytes. What is computed again to save memory is counted once
head and loss      6 operations for each entry of the head; the logits of 16 bits are written and read, in both directions
weights            for each part: bf16 copies of the matrices (6 bytes a parameter) and gradients added in fp32 (12)
optimizer          AdamW reads weight, gradient and two moments, and writes three: 28 bytes a parameter

Examples:
    >>> from rotrain.models.presets import model_config
    >>> bound = roofline(model_config("llama-gqa", "300m"), "H100", tokens=131_072, micro=8)
    >>> bound.gpu, 0.4 < bound.mfu < 0.8
    ('H100', True)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rotrain.config import ModelConfig
from rotrain.errors import UsageError
from rotrain.models import count
from rotrain.runtime.activations import activation_bytes
from rotrain.runtime.gpus import GPUS, find_gpu

# Sequences at once where none are given: what 24 GB hold of the attention models.
DEFAULT_MICRO = 8


@dataclass(frozen=True)
class Part:
    """A part of a step.

    Attributes:
        name: Its name.
        flops: Operations.
        bytes: Bytes that the GPU's memory moves.
        seconds: The longer of both at the data sheet's rates.
        bound: `compute` or `memory`.
    """

    name: str
    flops: float
    bytes: float
    seconds: float
    bound: str


@dataclass(frozen=True)
class Roofline:
    """The least time of a step.

    Attributes:
        arch: The architecture.
        gpu: The GPU.
        tokens: Tokens of the step.
        micro: Sequences at once.
        parts: The parts of the step.
        mfu: Operations of the model / (peak * time): no step is faster.
        tokens_per_s: Maximum tokens per second.
    """

    arch: str
    gpu: str
    tokens: int
    micro: int
    parts: list[Part]
    mfu: float
    tokens_per_s: float

    @property
    def seconds(self) -> float:
        """Time of all parts."""
        return sum(part.seconds for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate, as `rotrain bench-train --roofline GPU --json` prints it."""
        return {**asdict(self), "seconds": self.seconds, "estimate": True}


def roofline(config: ModelConfig, gpu: str, *, tokens: int, micro: int) -> Roofline:
    """Return the least time of a training step in bf16 with AdamW.

    Args:
        config: Shape of the model.
        gpu: Name of a GPU, see `rotrain.runtime.gpus`.
        tokens: Tokens of the step.
        micro: Sequences at once.

    Raises:
        UsageError: The GPU is unknown, or it has no bf16.
    """
    found = find_gpu(gpu)
    if found is None or found[1].bf16 is None:
        known = ", ".join(name for name, row in GPUS.items() if row.bf16)
        raise UsageError(f"there is no data sheet of a GPU {gpu!r} with bf16", hint=f"known are: {known}")
    name, row = found
    assert row.bf16 is not None
    peak, bandwidth = row.bf16 * 1e12, row.bandwidth * 1e9

    parts = []
    for part, (flops, size) in _work(config, tokens, micro).items():
        compute, memory = flops / peak, size / bandwidth
        if flops or size:
            bound = "compute" if compute >= memory else "memory"
            parts.append(Part(part, flops, size, max(compute, memory), bound))
    seconds = sum(part.seconds for part in parts)
    useful = count.flops_per_token(config) * tokens
    return Roofline(config.arch, name, tokens, micro, parts, useful / peak / seconds, tokens / seconds)


def _work(config: ModelConfig, tokens: int, micro: int) -> dict[str, tuple[float, float]]:
    """Return operations and bytes of a step by part."""
    head = config.vocab_size * config.hidden
    blocks = count.matmul_params(config) - head
    rounds = tokens / (micro * config.context)
    params = count.param_count(config)

    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    layers = config.mixers("attention")
    forward = 4 * count.visible_keys(config, config.context) * queries * layers
    # Forward reads queries, keys and values and writes the output; backward reads these and writes their gradients.
    attention_bytes = 2 * layers * (3 * (queries + 2 * keys) + 3 * queries)

    scan_flops = scan_bytes = 0.0
    if config.ssm is not None:
        ssm, scans = config.ssm, config.mixers("mamba2")
        chunk = min(ssm.chunk, config.context)
        forward_scan = 2 * chunk * (ssm.groups * ssm.state + ssm.inner) + 4 * ssm.state * ssm.inner
        scan_flops = 4 * forward_scan * scans
        # x, B, C, the output and their gradients in bf16; the states between the chunks in fp32, written and read, twice.
        inputs = 2 * (ssm.inner + 2 * ssm.groups * ssm.state)
        scan_bytes = scans * (4 * inputs + 3 * 2 * ssm.inner + 4 * 4 * ssm.state * ssm.inner / chunk)

    everything = activation_bytes(config, micro, half=True, fused_scan=True, recomputed=False)
    kept = everything / (micro * config.context)
    return {
        "block products": (6.0 * blocks * tokens, 0.0),
        "attention": (3.5 * forward * tokens, float(attention_bytes * tokens)),
        "scan": (scan_flops * tokens, scan_bytes * tokens),
        "pointwise": (0.0, 5.0 * kept * tokens),
        "head and loss": (6.0 * head * tokens, 4.0 * 2 * config.vocab_size * tokens),
        "weights": (0.0, rounds * (6.0 * blocks + 12.0 * params)),
        "optimizer": (0.0, 28.0 * params),
    }
