"""Softmax attention: the readable reference, PyTorch's SDPA, and the band of a window.

All kernels have one meaning: `q` is (B, heads, T, d), `k` and `v` are (B, kv_heads, S, d), and the T queries are the last T
of the S positions. Query t at position p = S - T + t sees the keys 0 ... p. With a window W it sees p - W + 1 ... p, which
is W keys with its own (flash-attn writes this as `window_size=(W - 1, 0)`). With `documents`, numbers (B, S), it sees only
its own document.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.precision import to_fp32

MAX_BLOCK = 256  # queries in a block of the band; up to here half a window was fastest (docs/log/models.md)


def attention_reference(
    q: Tensor, k: Tensor, v: Tensor, window: int | None = None, documents: Tensor | None = None
) -> Tensor:
    """Return softmax attention as the formula says. Scores and softmax are fp32 (fp64 for fp64 inputs)."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = (to_fp32(q) @ to_fp32(k).mT) * q.shape[-1] ** -0.5
    hidden = ~visible(q.shape[2], k.shape[2], window, documents, q.device)
    weights: Tensor = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return (weights @ to_fp32(v)).to(q.dtype)


def attention_sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention by PyTorch's scaled dot product: flash kernels on CPU and CUDA."""
    if q.shape[2] == k.shape[2]:
        return _sdpa(q, k, v, causal=True)
    # A later chunk: `is_causal` would align the mask to the first key, so the mask is given. A single query sees
    # everything and needs none.
    mask = None if q.shape[2] == 1 else visible(q.shape[2], k.shape[2], None, None, q.device)
    return _sdpa(q, k, v, mask)


def window_attention_banded(q: Tensor, k: Tensor, v: Tensor, window: int, block: int | None = None) -> Tensor:
    """Return attention in a window at a cost of O(T W): blocks of queries against the keys that they can see.

    The positions within reach of position 0 are plain causal attention. The queries after them are cut into blocks, and
    each block becomes a sequence of its own. Its keys are its own and the W - 1 before its first query, rounded up to whole
    blocks, under one mask of block x (W + block). Nothing of size T x T exists. `block` changes the speed, not the result.
    """
    length, keys = q.shape[2], k.shape[2]
    if window >= keys:
        return attention_sdpa(q, k, v)
    if length != keys:  # decoding
        mask = None if length == 1 and keys <= window else visible(length, keys, window, None, q.device)
        return _sdpa(q, k, v, mask)
    block = block or min(MAX_BLOCK, max(16, window // 2))
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad and block < MAX_BLOCK:
        # With smaller blocks the CPU's backward pass takes up to twice as long in bf16 as in fp32 (docs/log).
        return window_attention_banded(q.float(), k.float(), v.float(), window, block).to(q.dtype)
    padded = -(-length // block) * block
    if padded != length:
        q, k, v = (F.pad(x, (0, 0, 0, padded - length)) for x in (q, k, v))
    back = -(-(window - 1) // block)  # blocks of keys before its own that a block of queries can see
    reach = min(back * block, padded)
    parts = []
    if reach:
        mask = visible(reach, reach, window, None, q.device) if reach > window else None
        parts.append(_sdpa(q[:, :, :reach], k[:, :, :reach], v[:, :, :reach], mask, causal=mask is None))
    if reach < padded:
        mask = visible(block, reach + block, window, None, q.device)
        q_blocks = _spans(q[:, :, reach:], block, 1)
        mixed = _sdpa(q_blocks, _spans(k, block, back + 1), _spans(v, block, back + 1), mask)
        parts.append(
            mixed.transpose(1, 2).reshape(q.shape[0], padded - reach, q.shape[1], -1).transpose(1, 2)
        )
    return torch.cat(parts, 2)[:, :, :length]


def document_attention_masked(
    q: Tensor, k: Tensor, v: Tensor, documents: Tensor, window: int | None, starts: Tensor | None = None
) -> Tensor:
    """Return attention inside documents (and a window) by a mask of B x T x S. It does not need `starts`."""
    return _sdpa(q, k, v, visible(q.shape[2], k.shape[2], window, documents, q.device))


def visible(
    queries: int, keys: int, window: int | None, documents: Tensor | None, device: torch.device
) -> Tensor:
    """Return which keys each query sees: (queries, keys), or (B, 1, queries, keys) with documents, bool.

    Examples:
        >>> visible(2, 4, window=2, documents=None, device=torch.device("cpu")).int().tolist()
        [[0, 1, 1, 0], [0, 0, 1, 1]]
    """
    first = keys - queries
    seen = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(first)
    if window is not None:
        seen = seen.triu(first - window + 1)
    if documents is None:
        return seen
    return seen & (documents[:, None, first:, None] == documents[:, None, None, :])


def _sdpa(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    if q.device.type == "cpu" and k.shape[1] == 1 and q.shape[1] > 1:
        # The CPU's backward pass is parallel over key heads: with one head it took 2.2x the time. Expanding the head
        # copies nothing.
        shape = (q.shape[0], q.shape[1], k.shape[2], k.shape[3])
        k, v = k.expand(shape), v.expand(shape)
    grouped = q.shape[1] != k.shape[1]
    if grouped and q.device.type == "cuda" and q.dtype == torch.float32:
        # CUDA's fused kernel for fp32 takes no groups. Without it all T x T scores would be in memory.
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
        grouped = False
    out: Tensor = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped
    )
    return out


def _spans(x: Tensor, block: int, blocks: int) -> Tensor:
    """Return every run of `blocks` blocks of (B, heads, T, d) as a sequence: (B (T / block - blocks + 1), heads, run, d)."""
    # The copies have the positions before the heads, which is their order in memory.
    cut = x.transpose(1, 2).unflatten(1, (-1, block))
    count = cut.shape[1] - blocks + 1
    runs: Tensor = torch.cat([cut[:, i : i + count] for i in range(blocks)], 2)
    return runs.flatten(0, 1).transpose(1, 2)
