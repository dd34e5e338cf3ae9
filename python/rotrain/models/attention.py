"""The attention mixer: causal, with rotary positions, over all positions or a window.

Grouped-query attention (Ainslie et al. 2023) has fewer key/value heads than query heads;
multi-head attention has as many, multi-query attention (Shazeer 2019) has one.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from rotrain.config import ModelConfig
from rotrain.models.cache import AttentionCache, KeyValueCache, RingCache
from rotrain.models.kernels import Kernels
from rotrain.models.mixer import Cache, Positions


class SelfAttention:
    """Attention between its two matrices: (B, T, queries | keys | values) to (B, T, queries).

    Args:
        config: Shape of the model.
        ops: Kernels.
    """

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.window, self.ops = config.window, ops
        self.queries = self.heads * self.head_dim
        self.width = self.queries + 2 * self.kv_heads * self.head_dim

    def __call__(self, qkv: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Attend, and return (B, T, queries)."""
        assert positions.cos is not None and positions.sin is not None
        rotary_heads = self.heads + self.kv_heads
        heads = qkv.unflatten(-1, (-1, self.head_dim))
        # One rotation for queries and keys together, before they are separated.
        rotated = self.ops.rope(heads[:, :, :rotary_heads], positions.cos, positions.sin).transpose(1, 2)
        q, k = rotated[:, : self.heads], rotated[:, self.heads :]
        v = heads[:, :, rotary_heads:].transpose(1, 2)
        documents = positions.documents
        if cache is not None:
            held = cast(AttentionCache, cache)
            k, v = held.extend(positions.start, k, v, ordered=documents is not None)
        if documents is not None:
            mixed = self.ops.document_attention(
                q, k, v, documents[:, -k.shape[2] :], self.window, positions.starts
            )
        elif self.window is not None:
            mixed = self.ops.window_attention(q, k, v, self.window)
        else:
            mixed = self.ops.attention(q, k, v)
        return mixed.transpose(1, 2).flatten(2)

    def new_cache(self, batch: int, context: int, dtype: torch.dtype, device: torch.device) -> KeyValueCache:
        """Return an empty cache, see `Mixer.new_cache`. A context inside the window needs no ring."""
        if self.window is None or context <= self.window:
            return KeyValueCache(batch, self.kv_heads, context, self.head_dim, dtype, device)
        return RingCache(batch, self.kv_heads, self.window, self.head_dim, dtype, device)


class Attention(nn.Module):
    """The attention mixer. One matrix gives queries, keys and values, in this order.

    Args:
        config: Shape of the model.
        ops: Kernels.
    """

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.attend = SelfAttention(config, ops)
        self.qkv = nn.Linear(config.hidden, self.attend.width, bias=False)
        self.out_proj = nn.Linear(self.attend.queries, config.hidden, bias=False)

    def forward(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Mix (B, T, h), see `Mixer`."""
        out: Tensor = self.out_proj(self.attend(self.qkv(x), positions, cache))
        return out

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> KeyValueCache:
        """Return an empty cache, see `Mixer.new_cache`."""
        return self.attend.new_cache(batch, context, dtype, self.qkv.weight.device)

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights, see `Mixer.init_weights`."""
        nn.init.normal_(self.qkv.weight, std=std, generator=generator)
        nn.init.normal_(self.out_proj.weight, std=out_std, generator=generator)
