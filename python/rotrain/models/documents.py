"""Where the documents of a batch start, for kernels that take packed sequences."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MIN_STARTS = 64  # the length of the result is a power of two from here on, so a compiler sees few lengths


def number_documents(tokens: Tensor, document_end: int) -> Tensor:
    """Return how many documents ended before each position (B, T), given token ids (B, T).

    Examples:
        >>> number_documents(torch.tensor([[5, 0, 7, 7, 0]]), document_end=0).tolist()
        [[0, 0, 1, 1, 1]]
    """
    ended = (tokens == document_end).cumsum(1)
    return F.pad(ended[:, :-1], (1, 0))


def document_starts(documents: Tensor) -> Tensor:
    """Return where documents start in the flattened batch, then its end, repeated to a power of two: int32.

    A repeated end is a sequence without positions. Call this once a batch, and outside of compiled code: the number of
    documents is a fact of the data. On a GPU it waits for the device; numbers of the host's copy of a batch need no waiting.

    Args:
        documents: Number of the document of each position (B, T).

    Examples:
        >>> document_starts(torch.tensor([[0, 0, 1], [0, 1, 1]]))[:6].tolist()
        [0, 2, 3, 4, 6, 6]
    """
    first = torch.ones_like(documents, dtype=torch.bool)
    first[:, 1:] = documents[:, 1:] != documents[:, :-1]
    starts = first.flatten().nonzero().flatten()
    length = max(MIN_STARTS, 1 << len(starts).bit_length())  # at least one end
    return F.pad(starts, (0, length - len(starts)), value=documents.numel()).to(torch.int32)
