"""What a mixer is: the part of a block that moves information between positions.

The decoder and the training loop know only this. A new mixer is a module with these methods, a
cache with these methods, and its line in `decoder.MIXERS`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Positions(NamedTuple):
    """Where the tokens of a forward pass stand.

    `start`: position of the first. `cos`, `sin`: rows of the rotary table for these positions
    (None in a model without attention). `documents`: (B, start + T) number of the document of
    every position up to the last, where nothing may be seen across documents, else None.
    """

    start: int
    cos: Tensor | None
    sin: Tensor | None
    documents: Tensor | None


class Cache(Protocol):
    """What one mixer remembers of the positions it has seen.

    Three kinds: all keys and values (`cache.KeyValueCache`), those of a window
    (`cache.RingCache`), and a state of fixed size (`mamba2.RecurrentCache`).
    """

    def bytes(self) -> int:
        """Bytes held."""

    def reset(self) -> None:
        """Forget everything, keep the memory."""


class Mixer(Protocol):
    """(B, T, h) to (B, T, h), causally."""

    def __call__(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Mix T positions from `positions.start`; with a cache, see and extend what it holds."""

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> Cache:
        """An empty cache for `batch` sequences of at most `context` tokens."""

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights: `out_std` for the matrix that writes into the residual stream."""
