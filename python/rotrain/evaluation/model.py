"""What is evaluated: anything that gives logits for token ids, and the text of its tokens.

Everything in this package asks a model one question, `map_logits`: for each of many short sequences, reduce the scores of
every next token to what is needed. The scores of one sequence exist at a time, and they are never all kept: 2,048 tokens of
a vocabulary of 40,000 take 328 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

R = TypeVar("R")
Ids = NDArray[np.int64]

ROWS_AT_ONCE = 256  # rows of logits in a reduction at a time: 41 MB of fp32 with a vocabulary of 40,000


class TokenizerProtocol(Protocol):
    """The methods of a tokenizer that evaluation needs."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""

    def byte_lengths(self) -> NDArray[np.int64]:
        """Return the bytes of text of each token id (V,); 0 for special tokens."""


class LanguageModel(Protocol):
    """A model under evaluation.

    Attributes:
        name: The name that the user gave.
        context: Tokens that it reads at once.
        eos_id: Id of the token before and after every document.
        notes: Sentences for the user.
    """

    name: str
    context: int
    eos_id: int
    notes: list[str]

    @property
    def tokenizer(self) -> TokenizerProtocol:
        """Its tokenizer."""

    def describe(self) -> dict[str, Any]:
        """Return name, arch, parameters, and what identifies the weights."""

    def data(self) -> Path | None:
        """Return the pack on which it was trained, if that is known and exists."""

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Return `reduce(i, logits)` for each sequence i, in the order of the sequences.

        Args:
            sequences: Token ids (T,) of each sequence.
            reduce: Called with the number of a sequence and its logits (T, V) fp32; row t scores the id at t + 1.
        """


def label_nats(logits: Tensor, labels: Ids) -> NDArray[np.float64]:
    """Return -ln p of each label (n,) in nats, given logits (n, V)."""
    nats = np.empty(len(labels), dtype=np.float64)
    wanted = torch.from_numpy(labels).to(logits.device)
    for start in range(0, len(labels), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        loss = torch.nn.functional.cross_entropy(logits[part], wanted[part], reduction="none")
        nats[part] = loss.double().cpu().numpy()
    return nats


def sequence_nats(model: LanguageModel, sequences: Sequence[Ids]) -> list[NDArray[np.float64]]:
    """Return -ln p of each id after the first (T - 1,), for each sequence of T ids."""
    return model.map_logits(
        [ids[:-1] for ids in sequences], lambda i, logits: label_nats(logits, sequences[i][1:])
    )


def as_ids(ids: Sequence[int]) -> Ids:
    """Return token ids as an array, int64."""
    return np.asarray(ids, dtype=np.int64)
