"""The attention mixer: multi-head and grouped-query attention, causal, with rotary positions.

Grouped-query attention (Ainslie et al. 2023) is the same with fewer key/value heads; multi-head
is the case of as many.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rotrain.config import ModelConfig
from rotrain.models.kernels import Kernels
from rotrain.models.mixer import Cache


class KeyValueCache:
    """Keys (after RoPE) and values of the positions so far, in memory taken once."""

    def __init__(
        self, batch: int, heads: int, context: int, head_dim: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (2, batch, heads, context, head_dim)
        self.store = torch.zeros(shape, dtype=dtype, device=device)

    def extend(self, start: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, heads, T, d) at `start` and return everything up to there, without a copy."""
        end = start + keys.shape[2]
        self.store[0, :, :, start:end] = keys
        self.store[1, :, :, start:end] = values
        return self.store[0, :, :, :end], self.store[1, :, :, :end]

    def bytes(self) -> int:
        """Bytes held, full or not."""
        return self.store.numel() * self.store.element_size()

    def reset(self) -> None:
        """Nothing to erase: a position is written before it is read."""


class Attention(nn.Module):
    """Query, key and value come from one matrix (in this order), so one product makes them."""

    def __init__(self, config: ModelConfig, kernels: Kernels) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.kernels = kernels
        width = self.heads * self.head_dim
        self.qkv = nn.Linear(config.hidden, width + 2 * self.kv_heads * self.head_dim, bias=False)
        self.out = nn.Linear(width, config.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, start: int, cache: Cache | None) -> Tensor:
        batch, length, _ = x.shape
        turned = self.heads + self.kv_heads
        heads = self.qkv(x).view(batch, length, -1, self.head_dim)
        # One rotation for queries and keys together, before they part.
        rotated = self.kernels.rope(heads[:, :, :turned], cos, sin).transpose(1, 2)
        q, k = rotated[:, : self.heads], rotated[:, self.heads :]
        v = heads[:, :, turned:].transpose(1, 2)
        if isinstance(cache, KeyValueCache):
            k, v = cache.extend(start, k, v)
        mixed = self.kernels.attention(q, k, v, start)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
        return out

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> KeyValueCache:
        """See `Mixer.new_cache`."""
        device = self.qkv.weight.device
        return KeyValueCache(batch, self.kv_heads, context, self.head_dim, dtype, device)

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """See `Mixer.init_weights`."""
        nn.init.normal_(self.qkv.weight, std=std, generator=generator)
        nn.init.normal_(self.out.weight, std=out_std, generator=generator)
