"""Which implementation computes each operation, and why.

Every operation has a readable reference and one or more fast implementations, best first. A model takes a `Kernels`. The
tests and `rotrain doctor` run both on the same input and report the difference. The choice is a function of a `Platform`, so
every choice can be tested on any machine.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rotrain.models.attention_kernels import (
    attention_reference,
    attention_sdpa,
    document_attention_masked,
    window_attention_banded,
)
from rotrain.models.conv import conv_reference, conv_rows, conv_torch
from rotrain.models.cuda_kernels import (
    document_attention_varlen,
    scan_mamba_ssm,
    window_attention_flash,
    window_attention_flex,
    window_attention_varlen,
)
from rotrain.models.loss import token_loss_chunked, token_loss_reference
from rotrain.models.norm import layer_norm_fused, layer_norm_reference, rms_norm_fused, rms_norm_reference
from rotrain.models.rope import apply_rope, apply_rope_reference
from rotrain.models.short_attention import SHORT, attention_short, window_attention_short
from rotrain.models.ssd import scan_chunked, scan_reference

# From this vocabulary on the chunked loss is faster than the plain one, and its memory does not grow with the batch
# (docs/log/training.md).
CHUNKED_LOSS_VOCAB = 2_048

Scan = Callable[
    [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, int], tuple[Tensor, Tensor]
]


@dataclass(frozen=True)
class Kernels:
    """One implementation of each operation of a decoder. The modules of the references describe the arguments."""

    attention: Callable[[Tensor, Tensor, Tensor], Tensor]
    window_attention: Callable[[Tensor, Tensor, Tensor, int], Tensor]
    document_attention: Callable[[Tensor, Tensor, Tensor, Tensor, int | None], Tensor]
    scan: Scan
    conv: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
    rms_norm: Callable[[Tensor, Tensor | None, float], Tensor]
    layer_norm: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    rope: Callable[[Tensor, Tensor, Tensor], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]


REFERENCE = Kernels(
    attention=attention_reference,
    window_attention=attention_reference,
    document_attention=lambda q, k, v, documents, window: attention_reference(q, k, v, window, documents),
    scan=scan_reference,
    conv=conv_reference,
    rms_norm=rms_norm_reference,
    layer_norm=layer_norm_reference,
    rope=apply_rope_reference,
    loss=token_loss_reference,
)

PACKAGES = ("flash_attn", "mamba_ssm", "torch.nn.attention.varlen", "torch.nn.attention.flex_attention")


@dataclass(frozen=True)
class Platform:
    """What a choice depends on.

    Attributes:
        device: Type of the device.
        capability: Compute capability of a CUDA device.
        half: Whether products are 16-bit.
        packages: Installed packages among `PACKAGES`.
    """

    device: str = "cpu"
    capability: tuple[int, int] = (0, 0)
    half: bool = False
    packages: frozenset[str] = frozenset()


def detect_platform(device: torch.device, *, half: bool) -> Platform:
    """Ask PyTorch and the import system. None of the packages is imported.

    Args:
        device: Where the model computes.
        half: Whether products are 16-bit.
    """
    cuda = device.type == "cuda"
    capability = torch.cuda.get_device_capability(device) if cuda else (0, 0)
    return Platform(device.type, capability, half, frozenset(name for name in PACKAGES if _installed(name)))


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


@dataclass(frozen=True)
class Candidate:
    """An implementation of an operation.

    Attributes:
        name: Its name.
        function: Its function.
        why: Why it exists.
        lacks: What a platform lacks for it, as a sentence; empty for nothing.
    """

    name: str
    function: Callable[..., Any]
    why: str
    lacks: Callable[[Platform], str] = lambda platform: ""


def _cuda(package: str, capability: int, half: bool) -> Callable[[Platform], str]:
    """Return a function that says what a CUDA kernel of a package lacks on a platform."""

    def lacks(platform: Platform) -> str:
        if platform.device != "cuda":
            return "no CUDA device"
        if platform.capability < (capability, 0):
            return f"the GPU's compute capability is under {capability}.0"
        if half and not platform.half:
            return "it computes in 16 bits only, and this run is fp32"
        return "" if package in platform.packages else f"{package} is not installed"

    return lacks


def _cpu_fp32(platform: Platform) -> str:
    """Return what a kernel for fp32 products on a CPU lacks on a platform."""
    if platform.device != "cpu":
        return "it is for a CPU"
    return "it is for fp32, and this run has 16 bits" if platform.half else ""


REGISTRY: dict[str, tuple[Candidate, ...]] = {
    "attention": (
        Candidate(
            "short blocks",
            attention_short,
            f"keeps the probabilities of up to {SHORT} positions in training; else sdpa",
            _cpu_fp32,
        ),
        Candidate("sdpa", attention_sdpa, "flash kernels of PyTorch on CPU and CUDA, no T x T scores"),
    ),
    "window_attention": (
        Candidate(
            "flash-attn",
            window_attention_flash,
            "skips what lies outside the window",
            _cuda("flash_attn", 8, True),
        ),
        Candidate(
            "torch varlen",
            window_attention_varlen,
            "flash attention with a window, in PyTorch itself",
            _cuda("torch.nn.attention.varlen", 8, True),
        ),
        Candidate(
            "flex",
            window_attention_flex,
            "compiled, skips whole blocks outside the window, in any type",
            _cuda("torch.nn.attention.flex_attention", 8, False),
        ),
        Candidate(
            "short blocks",
            window_attention_short,
            f"keeps the probabilities of up to {SHORT} positions in training; else banded sdpa",
            _cpu_fp32,
        ),
        Candidate(
            "banded sdpa",
            window_attention_banded,
            "blocks of queries beside the keys they see: O(T W), on any device",
        ),
    ),
    "document_attention": (
        Candidate(
            "torch varlen",
            document_attention_varlen,
            "a sequence a document: no mask, no work across documents",
            _cuda("torch.nn.attention.varlen", 8, True),
        ),
        Candidate("masked sdpa", document_attention_masked, "a mask of documents, on any device"),
    ),
    "scan": (
        Candidate(
            "mamba-ssm",
            scan_mamba_ssm,
            "its Triton kernels, proven equal to ours",
            _cuda("mamba_ssm", 8, False),
        ),
        Candidate(
            "grouped chunks", scan_chunked, "matrix products over chunks, C B' once a group, states in fp32"
        ),
    ),
    "conv": (
        Candidate("rows", conv_rows, "a pass a tap, positions as they lie in memory", _cpu_fp32),
        Candidate("torch conv1d", conv_torch, "depthwise, on any device"),
    ),
    "rms_norm": (Candidate("torch rms_norm", rms_norm_fused, "one call, the mean in fp32"),),
    "layer_norm": (Candidate("torch layer_norm", layer_norm_fused, "one call, mean and variance in fp32"),),
    "rope": (
        Candidate("real pairs", apply_rope, "no complex numbers, stays in the type of the activations"),
    ),
}


def candidates(vocab_size: int) -> dict[str, tuple[Candidate, ...]]:
    """Return every operation with its implementations, best first. The last one runs anywhere."""
    large = vocab_size >= CHUNKED_LOSS_VOCAB
    why = f"vocabulary of {vocab_size:,} is {'at least' if large else 'under'} {CHUNKED_LOSS_VOCAB:,}"
    loss = (
        Candidate("chunked", token_loss_chunked, why)
        if large
        else Candidate("plain", token_loss_reference, why)
    )
    return {**REGISTRY, "loss": (loss,)}


def chosen(vocab_size: int, platform: Platform) -> dict[str, Candidate]:
    """Return for each operation the first implementation for which the platform lacks nothing."""
    return {
        operation: next(candidate for candidate in row if not candidate.lacks(platform))
        for operation, row in candidates(vocab_size).items()
    }


def choose(vocab_size: int, platform: Platform | None = None) -> Kernels:
    """Return the fast implementations for a vocabulary. Without a platform, those that run anywhere.

    Examples:
        >>> choose(vocab_size=40_000).loss.__name__, choose(vocab_size=300).loss.__name__
        ('token_loss_chunked', 'token_loss_reference')
    """
    picked = chosen(vocab_size, platform or Platform())
    return Kernels(**{operation: candidate.function for operation, candidate in picked.items()})


def reasons(vocab_size: int, platform: Platform | None = None) -> dict[str, tuple[str, str]]:
    """Return for each operation of `choose` the name of the implementation and why it is used.

    The reason also names better implementations with what they lack.
    """
    platform = platform or Platform()
    rows = {}
    for operation, row in candidates(vocab_size).items():
        passed = []
        for candidate in row:
            lacks = candidate.lacks(platform)
            if not lacks:
                break
            passed.append((candidate.name, lacks))
        # Implementations that lack the same thing share a sentence.
        lacking = dict.fromkeys(lacks for _, lacks in passed)
        parts = [f"{', '.join(n for n, w in passed if w == lacks)}: {lacks}" for lacks in lacking]
        rows[operation] = (candidate.name, "; ".join([candidate.why, *parts]))
    return rows
