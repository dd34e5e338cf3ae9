"""What is evaluated: anything that gives logits for token ids, and the text of its tokens.

Everything in this package asks a model one question, `map_logits`: for each of many short
sequences, reduce the scores of every next token to what is wanted of them. The scores of a
sequence are there once and are never all kept: 2,048 tokens of a vocabulary of 40,000 are 328 MB.
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

ROWS = 256  # of logits at a time in a reduction: 41 MB of fp32 at a vocabulary of 40,000


class TokenizerProtocol(Protocol):
    """A tokenizer, as far as evaluation needs one."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with nothing added."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids."""

    def byte_lengths(self) -> NDArray[np.int64]:
        """Bytes of text of each token id; 0 for special tokens."""


class LanguageModel(Protocol):
    """A model under evaluation.

    `name` is what the user called it, `context` how many tokens it reads at once, `eos_id` the
    token that stands before and after every document.
    """

    name: str
    context: int
    eos_id: int
    notes: list[str]

    @property
    def tokenizer(self) -> TokenizerProtocol:
        """What turns text into its ids."""

    def describe(self) -> dict[str, Any]:
        """What it is: name, arch, parameters, and what identifies its weights."""

    def data(self) -> Path | None:
        """The pack it was trained on, where that is known and there."""

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """`reduce(i, logits)` for each sequence i, in the order of the sequences.

        `logits` is (T, V) fp32 of the T ids of a sequence; row t scores the id at t + 1.
        """


def label_nats(logits: Tensor, labels: Ids) -> NDArray[np.float64]:
    """-ln p of each label, (n,), from (n, V) logits."""
    nats = np.empty(len(labels), dtype=np.float64)
    wanted = torch.from_numpy(labels).to(logits.device)
    for start in range(0, len(labels), ROWS):
        part = slice(start, start + ROWS)
        loss = torch.nn.functional.cross_entropy(logits[part], wanted[part], reduction="none")
        nats[part] = loss.double().cpu().numpy()
    return nats


def sequence_nats(model: LanguageModel, sequences: Sequence[Ids]) -> list[NDArray[np.float64]]:
    """-ln p of each id after the first, (T - 1,), for each sequence of T ids."""
    return model.map_logits(
        [ids[:-1] for ids in sequences], lambda i, logits: label_nats(logits, sequences[i][1:])
    )


def as_ids(ids: Sequence[int]) -> Ids:
    """Token ids as an array."""
    return np.asarray(ids, dtype=np.int64)
