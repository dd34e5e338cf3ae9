"""Caches of keys and values for decoding: of everything so far, and of a window.

Both hand back keys whose last ones are those just written, so that an attention kernel needs no
positions: its T queries are the last T of S keys.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class AttentionCache(Protocol):
    """What attention needs of its cache, beside `mixer.Cache`."""

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Take in (B, heads, T, d) of positions from `start`; the keys and values to attend to.

        Keys come after RoPE. They are in the order of their positions if `ordered`; softmax
        does not care, masks do.
        """

    def bytes(self) -> int: ...
    def reset(self) -> None: ...


class KeyValueCache:
    """Keys (after RoPE) and values of the positions so far, in memory taken once."""

    def __init__(
        self, batch: int, heads: int, context: int, head_dim: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (2, batch, heads, context, head_dim)
        self.store = torch.zeros(shape, dtype=dtype, device=device)

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Write at `start` and return everything up to there, without a copy."""
        end = start + keys.shape[2]
        self.store[0, :, :, start:end] = keys
        self.store[1, :, :, start:end] = values
        return self.store[0, :, :, :end], self.store[1, :, :, :end]

    def bytes(self) -> int:
        """Bytes held, full or not."""
        return self.store.numel() * self.store.element_size()

    def reset(self) -> None:
        """Nothing to erase: a position is written before it is read."""


class RingCache(KeyValueCache):
    """The last W positions: position p lies in slot p mod W."""

    def __init__(
        self, batch: int, heads: int, window: int, head_dim: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__(batch, heads, window, head_dim, dtype, device)
        self.window = window

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Any number of new positions, also more than W; a single one costs no copy of the ring."""
        window, new = self.window, keys.shape[2]
        end = start + new
        if new == 1 and not (ordered and end > window):
            self._write(start, keys, values)
            held = min(end, window)
            return self.store[0, :, :, :held], self.store[1, :, :, :held]
        # The first new query sees W - 1 positions before it; the ring may overwrite them.
        before = torch.arange(max(0, start - window + 1), start, device=keys.device) % window
        old = self.store[:, :, :, before].to(keys.dtype)
        kept = min(new, window)
        self._write(end - kept, keys[:, :, new - kept :], values[:, :, new - kept :])
        return torch.cat((old[0], keys), 2), torch.cat((old[1], values), 2)

    def _write(self, start: int, keys: Tensor, values: Tensor) -> None:
        slots = torch.arange(start, start + keys.shape[2], device=keys.device) % self.window
        self.store[0, :, :, slots] = keys.to(self.store.dtype)
        self.store[1, :, :, slots] = values.to(self.store.dtype)
