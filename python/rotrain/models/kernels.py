"""Which implementation computes each operation, and why.

Every operation has a readable reference and one or more fast implementations, best first. A model takes a `Kernels`. The
tests and `rotrain doctor` run both on the same input and report the difference. The choice is a function of a `Platform`, so
every choice can be tested on any machine. A kernel that may fail on a GPU is run there once, see `trials`; if it fails, the
next one is used, and the reason is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend

from rotrain.config import ModelConfig
from rotrain.models.activations import activations_kept, activations_recomputed
from rotrain.models.attention_backend import attention_backend, attention_cudnn, attention_flash
from rotrain.models.attention_kernels import (
    attention_reference,
    attention_sdpa,
    document_attention_masked,
    window_attention_banded,
)
from rotrain.models.conv import conv_fused, conv_reference, conv_rows, conv_torch
from rotrain.models.cuda_kernels import (
    document_attention_varlen,
    window_attention_flash,
    window_attention_flex,
    window_attention_varlen,
)
from rotrain.models.loss import token_loss_chunked, token_loss_reference
from rotrain.models.loss_cuda import token_loss_fused
from rotrain.models.norm import layer_norm_fused, layer_norm_reference, rms_norm_fused, rms_norm_reference
from rotrain.models.platform import Platform, lacks_cpu_fp32, lacks_cuda, lacks_cuda_half
from rotrain.models.rope import apply_rope, apply_rope_reference
from rotrain.models.scan_mamba_ssm import scan_mamba_ssm
from rotrain.models.short_attention import SHORT, attention_short, window_attention_short
from rotrain.models.ssd import scan_chunked, scan_reference
from rotrain.models.trials import try_kernel

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
    document_attention: Callable[[Tensor, Tensor, Tensor, Tensor, int | None, Tensor | None], Tensor]
    scan: Scan
    conv: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
    rms_norm: Callable[[Tensor, Tensor | None, float], Tensor]
    layer_norm: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    rope: Callable[[Tensor, Tensor, Tensor], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    activations: Callable[..., Tensor]


REFERENCE = Kernels(
    attention=attention_reference,
    window_attention=attention_reference,
    document_attention=lambda q, k, v, documents, window, starts: attention_reference(
        q, k, v, window, documents
    ),
    scan=scan_reference,
    conv=conv_reference,
    rms_norm=rms_norm_reference,
    layer_norm=layer_norm_reference,
    rope=apply_rope_reference,
    loss=token_loss_reference,
    activations=activations_kept,
)


@dataclass(frozen=True)
class Candidate:
    """An implementation of an operation.

    Attributes:
        name: Its name.
        function: Its function.
        why: Why it exists.
        lacks: What a platform lacks for it, as a sentence; empty for nothing.
        tried: It is run once on the device before it is chosen, because it may fail there.
    """

    name: str
    function: Callable[..., Any]
    why: str
    lacks: Callable[[Platform], str] = lambda platform: ""
    tried: bool = False


def _takes(backend: SDPBackend) -> Callable[[Platform], str]:
    """Return a function that says why a platform does not take a kernel of PyTorch's attention."""

    def lacks(platform: Platform) -> str:
        if platform.device != "cuda":
            return "no CUDA device"
        order, why = attention_backend(
            platform.capability, half=platform.half, deterministic=platform.deterministic
        )
        return "" if backend in order else why

    return lacks


def _lacks_any_cuda(platform: Platform) -> str:
    return "" if platform.device == "cuda" else "no CUDA device"


REGISTRY: dict[str, tuple[Candidate, ...]] = {
    "attention": (
        Candidate(
            "short blocks",
            attention_short,
            f"keeps the probabilities of up to {SHORT} positions in training; else sdpa",
            lacks_cpu_fp32,
        ),
        Candidate(
            "cudnn",
            attention_cudnn,
            "cuDNN's kernel, made for this GPU",
            _takes(SDPBackend.CUDNN_ATTENTION),
            tried=True,
        ),
        Candidate(
            "flash",
            attention_flash,
            "PyTorch's FlashAttention, no T x T scores",
            _takes(SDPBackend.FLASH_ATTENTION),
            tried=True,
        ),
        Candidate("sdpa", attention_sdpa, "what PyTorch prefers on this device, no T x T scores"),
    ),
    "window_attention": (
        Candidate(
            "torch varlen",
            window_attention_varlen,
            "FlashAttention with a window, in PyTorch itself",
            lacks_cuda_half,
            tried=True,
        ),
        Candidate(
            "flash-attn",
            window_attention_flash,
            "the same kernel from its own package",
            lacks_cuda_half,
            tried=True,
        ),
        Candidate(
            "flex",
            window_attention_flex,
            "compiled, skips whole blocks outside the window, in any type",
            lacks_cuda,
            tried=True,
        ),
        Candidate(
            "short blocks",
            window_attention_short,
            f"keeps the probabilities of up to {SHORT} positions in training; else banded sdpa",
            lacks_cpu_fp32,
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
            lacks_cuda_half,
            tried=True,
        ),
        Candidate("masked sdpa", document_attention_masked, "a mask of documents, on any device"),
    ),
    "scan": (
        Candidate(
            "mamba-ssm",
            scan_mamba_ssm,
            "its Triton kernels, proven equal to ours",
            lacks_cuda,
            tried=True,
        ),
        Candidate(
            "grouped chunks", scan_chunked, "matrix products over chunks, C B' once a group, states in fp32"
        ),
    ),
    "conv": (
        Candidate("rows", conv_rows, "a pass a tap, positions as they lie in memory", lacks_cpu_fp32),
        Candidate("fused sum", conv_fused, "one compiled kernel with what is around it", _lacks_any_cuda),
        Candidate("torch conv1d", conv_torch, "depthwise, on any device"),
    ),
    "rms_norm": (Candidate("torch rms_norm", rms_norm_fused, "one call, the mean in fp32"),),
    "layer_norm": (Candidate("torch layer_norm", layer_norm_fused, "one call, mean and variance in fp32"),),
    "activations": (
        Candidate(
            "recomputed",
            activations_recomputed,
            "a Mamba-2 layer keeps less than half, and computes its cheap passes again",
            _lacks_any_cuda,
        ),
        Candidate("kept", activations_kept, "nothing is computed twice"),
    ),
    "rope": (
        Candidate("real pairs", apply_rope, "no complex numbers, stays in the type of the activations"),
    ),
}


def candidates(vocab_size: int) -> dict[str, tuple[Candidate, ...]]:
    """Return every operation with its implementations, best first. The last one runs anywhere."""
    large = vocab_size >= CHUNKED_LOSS_VOCAB
    why = f"vocabulary of {vocab_size:,} is {'at least' if large else 'under'} {CHUNKED_LOSS_VOCAB:,}"
    fused = Candidate(
        "fused chunks",
        token_loss_fused,
        "large chunks, one Triton kernel from logits to gradients, sums in fp32",
        lacks_cuda,
        tried=True,
    )
    portable = (
        Candidate("chunked", token_loss_chunked, why)
        if large
        else Candidate("plain", token_loss_reference, why)
    )
    return {**REGISTRY, "loss": (fused, portable)}


def operations(config: ModelConfig) -> frozenset[str]:
    """Return the operations of a model that have more than one implementation on a GPU."""
    mixers = {config.mixer(layer) for layer in range(config.layers)}
    found = {"loss"}
    if "mamba2" in mixers:
        found.add("scan")
    if config.heads:
        masked = "window_attention" if config.window is not None else "attention"
        found.add("document_attention" if config.document_end is not None else masked)
    return frozenset(found)


def detect_platform(device: torch.device, *, half: bool, config: ModelConfig | None = None) -> Platform:
    """Ask PyTorch what a device can do, and try the kernels that may fail there, best first.

    Args:
        device: Where the model computes.
        half: Whether products are 16-bit.
        config: Only kernels of this model are tried. Default: all.
    """
    if device.type != "cuda":
        return Platform(device.type, half=half)
    platform = Platform(
        "cuda",
        torch.cuda.get_device_capability(device),
        half,
        torch.are_deterministic_algorithms_enabled(),
    )
    wanted = candidates(config.vocab_size if config else CHUNKED_LOSS_VOCAB)
    if config is not None:
        wanted = {operation: wanted[operation] for operation in operations(config)}
    dtype = torch.bfloat16 if half else torch.float32
    failures = find_failures(platform, wanted, partial(try_kernel, device=device, dtype=dtype))
    return replace(platform, failures=failures)


def find_failures(
    platform: Platform,
    wanted: dict[str, tuple[Candidate, ...]],
    attempt: Callable[[str, Callable[..., Any], Callable[..., Any]], str],
) -> dict[tuple[str, str], str]:
    """Try the candidates of each operation until one runs. Return why the ones before it did not.

    Args:
        platform: What is known of the device.
        wanted: The candidates of each operation, best first.
        attempt: Gets the operation, a candidate's function and the portable one, and returns why it failed, or nothing.
    """
    failures = {}
    for operation, row in wanted.items():
        for candidate in row:
            if candidate.lacks(platform):
                continue
            failure = attempt(operation, candidate.function, row[-1].function) if candidate.tried else ""
            if not failure:
                break
            failures[operation, candidate.name] = failure
    return failures


def _hindrance(operation: str, candidate: Candidate, platform: Platform) -> str:
    return candidate.lacks(platform) or platform.failures.get((operation, candidate.name), "")


def chosen(vocab_size: int, platform: Platform) -> dict[str, Candidate]:
    """Return for each operation the first implementation that runs on the platform."""
    return {
        operation: next(candidate for candidate in row if not _hindrance(operation, candidate, platform))
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
            lacks = _hindrance(operation, candidate, platform)
            if not lacks:
                break
            passed.append((candidate.name, lacks))
        # Implementations that lack the same thing share a sentence.
        lacking = dict.fromkeys(lacks for _, lacks in passed)
        parts = [f"{', '.join(n for n, w in passed if w == lacks)}: {lacks}" for lacks in lacking]
        rows[operation] = (candidate.name, "; ".join([candidate.why, *parts]))
    return rows
