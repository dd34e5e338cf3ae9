"""Caches of keys and values for decoding: of all positions so far, and of a window.

Both return keys whose last ones are those just written. So an attention kernel needs no positions: its T queries are the
last T of S keys.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class AttentionCache(Protocol):
    """What attention needs of its cache, in addition to `mixer.Cache`."""

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Store keys and values (B, heads, T, d) of positions from `start`, and return those to attend to.

        Keys come after RoPE. With `ordered` they are returned in the order of their positions: a softmax does not need
        that, a mask does.
        """

    def bytes(self) -> int:
        """Return the bytes of the cache."""

    def reset(self) -> None:
        """Forget everything and keep the memory."""


class KeyValueCache:
    """Keys (after RoPE) and values of the positions so far, in memory that is taken once.

    Args:
        batch: Sequences.
        heads: Key/value heads.
        context: Most tokens of a sequence.
        head_dim: Elements of a head.
        dtype: Type of keys and values.
        device: Where they are.
    """

    def __init__(
        self, batch: int, heads: int, context: int, head_dim: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (2, batch, heads, context, head_dim)
        self.store = torch.zeros(shape, dtype=dtype, device=device)

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Write at `start` and return everything up to the last new position, without a copy."""
        end = start + keys.shape[2]
        self.store[0, :, :, start:end] = keys
        self.store[1, :, :, start:end] = values
        return self.store[0, :, :, :end], self.store[1, :, :, :end]

    def bytes(self) -> int:
        """Return the bytes of the cache, full or not."""
        return self.store.numel() * self.store.element_size()

    def reset(self) -> None:
        """Do nothing: a position is written before it is read."""


class RingCache(KeyValueCache):
    """Keys and values of the last W positions. Position p is in slot p mod W.

    Args:
        batch: Sequences.
        heads: Key/value heads.
        window: W.
        head_dim: Elements of a head.
        dtype: Type of keys and values.
        device: Where they are.
    """

    def __init__(
        self, batch: int, heads: int, window: int, head_dim: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__(batch, heads, window, head_dim, dtype, device)
        self.window = window

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Store any number of new positions, also more than W. A single one needs no copy of the ring."""
        window, new = self.window, keys.shape[2]
        end = start + new
        if new == 1 and not (ordered and end > window):
            self._write(start, keys, values)
            held = min(end, window)
            return self.store[0, :, :, :held], self.store[1, :, :, :held]
        # The first new query sees W - 1 positions before it, and the ring may overwrite them.
        before = torch.arange(max(0, start - window + 1), start, device=keys.device) % window
        old = self.store[:, :, :, before].to(keys.dtype)
        kept = min(new, window)
        self._write(end - kept, keys[:, :, new - kept :], values[:, :, new - kept :])
        return torch.cat((old[0], keys), 2), torch.cat((old[1], values), 2)

    def _write(self, start: int, keys: Tensor, values: Tensor) -> None:
        slots = torch.arange(start, start + keys.shape[2], device=keys.device) % self.window
        self.store[0, :, :, slots] = keys.to(self.store.dtype)
        self.store[1, :, :, slots] = values.to(self.store.dtype)
