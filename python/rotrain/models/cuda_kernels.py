"""Attention kernels of CUDA devices, with the meaning of `attention_kernels`.

Each kernel takes the whole sequences of training, in 16 bits where the kernel needs that. Everything else (decoding, fp32)
goes to the portable implementation. The packages are imported when a kernel is called, so this file imports everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.torch_version import TorchVersion

from rotrain.models.attention_kernels import document_attention_masked, window_attention_banded

HALF = (torch.bfloat16, torch.float16)
VARLEN_TAKES_GROUPS = TorchVersion(torch.__version__) >= "2.12"
"""Whether varlen attention knows groups of heads. To ask its signature would import the compiler, which takes as long as PyTorch itself."""


def window_attention_flash(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Return attention in a window by flash-attn, whose window counts the keys to the left of a token's own: W - 1."""
    if q.dtype not in HALF or q.shape[2] != k.shape[2]:
        return window_attention_banded(q, k, v, window)
    from flash_attn import flash_attn_func

    # flash-attn has (B, T, heads, d). Its backward pass adds atomically unless `deterministic` is set.
    out: Tensor = flash_attn_func(
        q.transpose(1, 2),
        k.transpose(1, 2),
        v.transpose(1, 2),
        causal=True,
        window_size=(window - 1, 0),
        deterministic=torch.are_deterministic_algorithms_enabled(),
    )
    return out.transpose(1, 2)


def window_attention_varlen(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Return the same by PyTorch's own flash attention over packed sequences: the batch is packed."""
    if q.dtype not in HALF or q.shape[2] != k.shape[2]:
        return window_attention_banded(q, k, v, window)
    batch, length = q.shape[0], q.shape[2]
    ends = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=q.device)
    return _varlen(q, k, v, ends, length, window)


def document_attention_varlen(
    q: Tensor, k: Tensor, v: Tensor, documents: Tensor, window: int | None, starts: Tensor | None = None
) -> Tensor:
    """Return attention inside documents: each document is a packed sequence. No mask, no work across documents.

    Without `starts` (`documents.document_starts`), which decoding does not have, there is a mask.
    """
    if q.dtype not in HALF or starts is None or q.shape[2] != k.shape[2]:
        return document_attention_masked(q, k, v, documents, window)
    return _varlen(q, k, v, starts, q.shape[2], window)


def _varlen(q: Tensor, k: Tensor, v: Tensor, ends: Tensor, longest: int, window: int | None) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    words: dict[str, Any] = {"window_size": (-1 if window is None else window - 1, 0)}
    if q.shape[1] != k.shape[1]:
        if VARLEN_TAKES_GROUPS:
            words["enable_gqa"] = True
        else:
            k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    packed_q, packed_k, packed_v = (x.transpose(1, 2).flatten(0, 1) for x in (q, k, v))  # (B T, heads, d)
    # One tensor for both ends: so cuDNN can see that queries and keys have the same lengths.
    arguments = (packed_q, packed_k, packed_v, ends, ends, longest, longest)
    if torch.are_deterministic_algorithms_enabled():
        # Without a window it may be cuDNN, which is not deterministic.
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            out = varlen_attn(*arguments, **words)
    else:
        out = varlen_attn(*arguments, **words)
    assert isinstance(out, Tensor)  # it returns more only if more is asked for
    whole: Tensor = out.unflatten(0, (q.shape[0], -1))
    return whole.transpose(1, 2)


def window_attention_flex(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Return attention in a window by compiled flex_attention, in any type. Uncompiled it would be 10-30x slower."""
    if q.shape[2] != k.shape[2]:
        return window_attention_banded(q, k, v, window)
    out: Tensor = _flex()(
        q, k, v, block_mask=_band_mask(q.shape[2], window, q.device), enable_gqa=q.shape[1] != k.shape[1]
    )
    return out


@lru_cache(maxsize=1)
def _flex() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


@lru_cache(maxsize=8)
def _band_mask(length: int, window: int, device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def seen(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (key > query - window)

    return create_block_mask(seen, None, None, length, length, device=device)
