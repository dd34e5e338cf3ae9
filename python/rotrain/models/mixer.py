"""What a mixer is: the part of a block that moves information between positions.

The decoder and the training loop know only this. A new mixer is a module with these methods, a
cache with these methods, and its line in `decoder.MIXERS`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Cache(Protocol):
    """What one mixer remembers of the positions it has seen."""

    def bytes(self) -> int:
        """Bytes held."""

    def reset(self) -> None:
        """Forget everything, keep the memory."""


class Mixer(Protocol):
    """(B, T, h) to (B, T, h), causally."""

    def __call__(self, x: Tensor, cos: Tensor, sin: Tensor, start: int, cache: Cache | None) -> Tensor:
        """Mix positions `start ... start + T - 1`; with a cache, see and extend what it holds.

        `cos` and `sin` are the rows of the rotary table for these positions.
        """

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> Cache:
        """An empty cache for `batch` sequences of at most `context` tokens."""

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights: `out_std` for the matrix that writes into the residual stream."""
