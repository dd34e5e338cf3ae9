"""Which implementation computes each operation, and why.

Every operation has a readable reference and fast ones. A model takes a `Kernels`; the tests and
`rotrain doctor` run both on the same input and report the difference. What is chosen is a
function of a `Platform`, so every choice can be tested on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from rotrain.models.attention_kernels import (
    attention_reference,
    attention_sdpa,
    document_attention_masked,
    window_attention_banded,
)
from rotrain.models.conv import conv_reference, conv_torch
from rotrain.models.loss import token_loss_chunked, token_loss_reference
from rotrain.models.norm import layer_norm_fused, layer_norm_reference, rms_norm_fused, rms_norm_reference
from rotrain.models.rope import apply_rope, apply_rope_reference
from rotrain.models.ssd import scan_chunked, scan_reference

# From this vocabulary on the chunked loss is faster than the plain one, and its memory does not
# grow with the batch (docs/log.md, train).
CHUNKED_LOSS_VOCAB = 2_048

Scan = Callable[
    [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, int], tuple[Tensor, Tensor]
]


@dataclass(frozen=True)
class Kernels:
    """One implementation of each operation a decoder is made of."""

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


def choose(vocab_size: int) -> Kernels:
    """The fast implementations for a vocabulary."""
    large = vocab_size >= CHUNKED_LOSS_VOCAB
    return Kernels(
        attention=attention_sdpa,
        window_attention=window_attention_banded,
        document_attention=document_attention_masked,
        scan=scan_chunked,
        conv=conv_torch,
        rms_norm=rms_norm_fused,
        layer_norm=layer_norm_fused,
        rope=apply_rope,
        loss=token_loss_chunked if large else token_loss_reference,
    )


def reasons(vocab_size: int) -> dict[str, tuple[str, str]]:
    """For each operation of `choose`: the name of the implementation and why it is used."""
    chosen = choose(vocab_size)
    side = "at least" if chosen.loss is token_loss_chunked else "under"
    return {
        "attention": ("sdpa", "flash kernels of PyTorch on CPU and CUDA, no T x T scores"),
        "window_attention": (
            "banded sdpa",
            "blocks of queries beside the keys they see: O(T W), on any device",
        ),
        "document_attention": ("masked sdpa", "a mask of documents, on any device"),
        "scan": ("grouped chunks", "matrix products over chunks, C B' once a group, states in fp32"),
        "conv": ("torch conv1d", "depthwise, on any device"),
        "rms_norm": ("torch rms_norm", "one call, the mean in fp32"),
        "layer_norm": ("torch layer_norm", "one call, mean and variance in fp32"),
        "rope": ("real pairs", "no complex numbers, stays in the type of the activations"),
        "loss": (
            chosen.loss.__name__.removeprefix("token_loss_").replace("reference", "plain"),
            f"vocabulary of {vocab_size:,} is {side} {CHUNKED_LOSS_VOCAB:,}",
        ),
    }
