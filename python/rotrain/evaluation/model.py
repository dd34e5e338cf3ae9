"""The interface of a model to evaluate: it computes logits for token ids, and has a tokenizer.

All evaluations call one method, `map_logits`. For each of many short sequences, it computes the logits and reduces them to
the figures that are needed. Only the logits of one sequence exist at a time, because they are large: the logits of 2,048
tokens with a vocabulary of 40,000 take 328 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

R = TypeVar("R")
Ids = NDArray[np.int64]

ROWS_AT_ONCE = 256  # rows of logits that are reduced at once: 41 MB in fp32 with a vocabulary of 40,000


class TokenizerProtocol(Protocol):
    """The methods of a tokenizer that evaluation needs."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""

    def encode_measured(self, text: str) -> tuple[list[int], NDArray[np.int64]]:
        """Return the token ids of a text, and the bytes of text of each token (N,). Together they are the bytes of the text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""

    def byte_lengths(self) -> NDArray[np.int64]:
        """Return the bytes of text of each token id (V,); 0 for special tokens."""


class LanguageModel(Protocol):
    """A model to evaluate.

    Attributes:
        name: The path that the user gave.
        context: Maximum tokens of a sequence.
        eos_id: Id of the token after every document.
        bos_id: Id of the token before every document: the model's own BOS, or `eos_id` where it has none.
        notes: Sentences that the user should read. They are asked for when `context` is set.
    """

    name: str
    context: int
    eos_id: int
    bos_id: int

    @property
    def notes(self) -> list[str]:
        """Sentences that the user should read."""

    @property
    def tokenizer(self) -> TokenizerProtocol:
        """The tokenizer of the model."""

    def describe(self) -> dict[str, Any]:
        """Return the name, the architecture, the parameters, and the hash of the weights."""

    def data(self) -> Path | None:
        """Return the pack that the model was trained on, or None if it is not known or does not exist."""

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Compute the logits of each sequence, and return the result of `reduce` for each, in their order.

        Args:
            sequences: Token ids (T,) int64 of each sequence.
            reduce: Called with the index of a sequence and its logits (T, V) fp32. Row t scores the token at t + 1.
        """


def label_nats(logits: Tensor, labels: Ids) -> NDArray[np.float64]:
    """Return -ln p of each label in nats (n,).

    Args:
        logits: Logits (n, V).
        labels: Token ids (n,) int64.

    Examples:
        >>> import torch
        >>> label_nats(torch.zeros(1, 2), as_ids([1])).round(4).tolist()
        [0.6931]
    """
    import torch

    nats = np.empty(len(labels), dtype=np.float64)
    wanted = torch.from_numpy(labels).to(logits.device)
    for start in range(0, len(labels), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        loss = torch.nn.functional.cross_entropy(logits[part], wanted[part], reduction="none")
        nats[part] = loss.double().cpu().numpy()
    return nats


def sequence_nats(model: LanguageModel, sequences: Sequence[Ids]) -> list[NDArray[np.float64]]:
    """Return -ln p in nats of each token after the first (T - 1,), for each sequence of T token ids."""
    return model.map_logits(
        [ids[:-1] for ids in sequences], lambda i, logits: label_nats(logits, sequences[i][1:])
    )


def encode_pair(model: LanguageModel, context: str, text: str) -> tuple[list[int], list[int]]:
    """Encode a context and a text together, and split the ids where the encoding of the context ends.

    Spaces at the end of the context are moved to the text, because tokens start with the space before a word. A text that is
    encoded alone would get other tokens: SentencePiece puts a space before it.

    Source: lm-evaluation-harness, `_encode_pair`.
    """
    kept = context.rstrip()
    text = context[len(kept) :] + text
    whole = model.tokenizer.encode(kept + text)
    before = model.tokenizer.encode(kept)
    return whole[: len(before)], whole[len(before) :]


def as_ids(ids: Sequence[int]) -> Ids:
    """Return token ids as an array, int64."""
    return np.asarray(ids, dtype=np.int64)
