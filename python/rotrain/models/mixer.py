"""What a mixer is: the part of a block that moves information between positions.

The decoder and the training loop know only this interface. A new mixer is a module with these methods, a cache with these
methods, and a line in `decoder.MIXERS`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Positions(NamedTuple):
    """The positions of the tokens of a forward pass.

    Attributes:
        start: Position of the first token.
        cos: Cosines of the rotary table for these positions (T, d); None in a model without attention.
        sin: Sines of the rotary table.
        documents: Number of the document of every position up to the last (B, start + T); None where documents are not
            kept apart.
        starts: Where documents start in the batch, see `documents.document_starts`; None where no kernel needs it.
    """

    start: int
    cos: Tensor | None
    sin: Tensor | None
    documents: Tensor | None
    starts: Tensor | None = None


class Cache(Protocol):
    """What one mixer remembers of the positions that it has seen.

    There are three kinds: all keys and values (`cache.KeyValueCache`), those of a window (`cache.RingCache`), and a state
    of fixed size (`mamba2.RecurrentCache`).
    """

    def bytes(self) -> int:
        """Return the bytes of the cache."""

    def reset(self) -> None:
        """Forget everything and keep the memory."""


class Mixer(Protocol):
    """A module from (B, T, h) to (B, T, h) in which no position sees a later one."""

    def __call__(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Mix T positions from `positions.start`. With a cache, see and extend what it holds."""

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> Cache:
        """Return an empty cache for `batch` sequences of at most `context` tokens."""

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights: `out_std` is for the matrix that writes into the residual stream."""
