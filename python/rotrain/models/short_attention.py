"""Attention over short sequences in training on a CPU in fp32: causal, or in a window.

PyTorch's flash kernels keep no probabilities, so their memory grows with T and not with its square. Their backward pass
computes them again, a head at a time. Over a few hundred positions the probabilities are no larger than what else a layer
keeps. Keeping them saves a third of the backward pass, and the queries of all heads that share a key head become the rows of
one product. A step of nano falcon-mqa takes 4 to 9 % less, of llama-mha 0 to 4 % (docs/log).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rotrain.models.attention_kernels import attention_sdpa, visible, window_attention_banded

SHORT = 512  # probabilities are kept up to so many positions: H T / 2 numbers for each position
BLOCK = (
    64  # queries at once: larger blocks compute more of what causality hides, smaller ones need more calls
)


def attention_short(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention of (B, heads, T, d) over T positions; by SDPA outside of training short fp32 sequences."""
    if not _trains_short(q, k):
        return attention_sdpa(q, k, v)
    mixed: Tensor = _ShortAttention.apply(q, k, v, None)
    return mixed


def window_attention_short(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Return the same in a window of `window` keys, the token's own included; by the band outside of such training."""
    if not _trains_short(q, k):
        return window_attention_banded(q, k, v, window)
    mixed: Tensor = _ShortAttention.apply(q, k, v, window)
    return mixed


def _trains_short(q: Tensor, k: Tensor) -> bool:
    whole = q.shape[2] == k.shape[2] <= SHORT  # and not a later chunk with its cache
    wanted = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)
    return whole and wanted and q.dtype.itemsize >= 4


class _ShortAttention(torch.autograd.Function):
    """For each block of queries, the softmax over the keys that any of them sees.

    With rows = BLOCK heads / kv_heads and S keys in sight, a block multiplies (B kv_heads, rows, d) by
    (B kv_heads, d, S). The gradients are those of Dao et al. 2022, appendix B.2: ds = p (dp - sum(do o)).
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, window: int | None) -> Tensor:
        keys, values = k.flatten(0, 1), v.flatten(0, 1)
        batch, heads, length, width = q.shape
        # Positions before heads, as the next matrix needs them.
        out = q.new_empty(batch, length, heads, width).transpose(1, 2)
        kept = []
        for block, sight in _blocks(length, window):
            queries, seen = block.stop - block.start, sight.stop - sight.start
            hidden = ~visible(queries, seen, window, None, q.device)
            mask = q.new_zeros(queries, seen).masked_fill_(hidden, float("-inf"))
            mask = mask.repeat(batch * heads // len(keys), 1)
            rows = _rows(q[:, :, block], keys)
            p = torch.baddbmm(mask, rows, keys[:, sight].mT, alpha=width**-0.5).softmax(-1)
            out[:, :, block] = torch.bmm(p, values[:, sight]).view(batch, heads, queries, width)
            kept.append(p)
        ctx.save_for_backward(q, keys, values, out, *kept)
        ctx.window = window
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (d_out,) = upstream
        q, keys, values, out, *kept = ctx.saved_tensors
        batch, heads, length, width = q.shape
        scale = width**-0.5
        d_q = q.new_empty(batch, length, heads, width).transpose(1, 2)
        d_keys, d_values = torch.zeros_like(keys), torch.zeros_like(values)
        sums = (d_out * out).sum(-1, keepdim=True)
        for (block, sight), p in zip(_blocks(length, ctx.window), kept, strict=True):
            d_mixed = _rows(d_out[:, :, block], keys)
            d_values[:, sight].baddbmm_(p.mT, d_mixed)
            d_scores = torch.bmm(d_mixed, values[:, sight].mT)
            d_scores.sub_(_rows(sums[:, :, block], keys)).mul_(p)
            d_q[:, :, block] = torch.bmm(d_scores, keys[:, sight]).mul_(scale).view(batch, heads, -1, width)
            d_keys[:, sight].baddbmm_(d_scores.mT, _rows(q[:, :, block], keys), alpha=scale)
        shape = (batch, -1, length, width)
        return d_q, d_keys.view(shape), d_values.view(shape), None


def _blocks(length: int, window: int | None) -> list[tuple[slice, slice]]:
    """Return blocks of queries, each with the keys that any of its queries sees."""
    reach = length if window is None else window - 1
    ends = [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]
    return [(slice(start, end), slice(max(0, start - reach), end)) for start, end in ends]


def _rows(x: Tensor, keys: Tensor) -> Tensor:
    """Return (B, heads, n, d) as (B kv_heads, heads / kv_heads n, d), with as many groups as `keys` has."""
    return x.reshape(len(keys), -1, x.shape[-1])
