"""Which implementation computes each operation, and why.

Every operation has a readable reference and a fast one. A model takes a `Kernels`; the tests
and `rotrain doctor` run both on the same input and report the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.loss import token_loss_chunked, token_loss_reference
from rotrain.models.norm import rms_norm_fused, rms_norm_reference
from rotrain.models.rope import apply_rope, apply_rope_reference

# From this vocabulary on the chunked loss is faster than the plain one, and its memory does not
# grow with the batch (docs/log.md, train).
CHUNKED_LOSS_VOCAB = 2_048


def attention_reference(q: Tensor, k: Tensor, v: Tensor, start: int) -> Tensor:
    """Softmax attention written out. `q`: (B, heads, T, d), `k`, `v`: (B, kv_heads, S, d).

    Query `t` stands at position `start + t` and sees keys `0 ... start + t`. Scores and
    softmax are fp32.
    """
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = (q.float() @ k.float().mT) * q.shape[-1] ** -0.5
    hidden = ~_visible(q.shape[2], k.shape[2], start, q.device)
    weights: Tensor = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return (weights @ v.float()).to(q.dtype)


def attention_sdpa(q: Tensor, k: Tensor, v: Tensor, start: int) -> Tensor:
    """The same by PyTorch's scaled dot product: flash kernels on CPU and CUDA."""
    grouped = q.shape[1] != k.shape[1]
    if start == 0:
        causal: Tensor = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        return causal
    # A later chunk: `is_causal` would align the mask to the first key, so it is given, except
    # for a single query, which sees everything.
    mask = None if q.shape[2] == 1 else _visible(q.shape[2], k.shape[2], start, q.device)
    masked: Tensor = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=grouped)
    return masked


def _visible(queries: int, keys: int, start: int, device: torch.device) -> Tensor:
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(start)


@dataclass(frozen=True)
class Kernels:
    """One implementation of each operation a decoder is made of."""

    attention: Callable[[Tensor, Tensor, Tensor, int], Tensor]
    rms_norm: Callable[[Tensor, Tensor, float], Tensor]
    rope: Callable[[Tensor, Tensor, Tensor], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]


REFERENCE = Kernels(
    attention=attention_reference,
    rms_norm=rms_norm_reference,
    rope=apply_rope_reference,
    loss=token_loss_reference,
)


def choose(vocab_size: int) -> Kernels:
    """The fast implementations for a vocabulary."""
    large = vocab_size >= CHUNKED_LOSS_VOCAB
    return Kernels(
        attention=attention_sdpa,
        rms_norm=rms_norm_fused,
        rope=apply_rope,
        loss=token_loss_chunked if large else token_loss_reference,
    )


def reasons(vocab_size: int) -> dict[str, tuple[str, str]]:
    """For each operation of `choose`: the name of the implementation and why it is used."""
    chosen = choose(vocab_size)
    side = "at least" if chosen.loss is token_loss_chunked else "under"
    return {
        "attention": ("sdpa", "flash kernels of PyTorch on CPU and CUDA, no T x T scores"),
        "rms_norm": ("torch rms_norm", "one call, the mean in fp32"),
        "rope": ("real pairs", "no complex numbers, stays in the type of the activations"),
        "loss": (
            chosen.loss.__name__.removeprefix("token_loss_").replace("reference", "plain"),
            f"vocabulary of {vocab_size:,} is {side} {CHUNKED_LOSS_VOCAB:,}",
        ),
    }
