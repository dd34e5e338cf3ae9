"""A GGUF file under evaluation. Stock llama.cpp computes and tokenizes it.

Keys and values are fp32: the evaluation measures the weights.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotrain.errors import RotrainError
from rotrain.evaluation.model import Ids, R
from rotrain.exporters.gguf.write import read_gguf
from rotrain.files import sha256_file
from rotrain.llamacpp import LlamaCpp

# The context of a model without a bound (a recurrent state), unless it is compared with a model that has one.
CONTEXT = 2_048


class GgufModel:
    """A GGUF file as a `LanguageModel`. It is loaded with the first question, with the context that it then has.

    Args:
        path: The file.

    Raises:
        RotrainError: The file is not a complete GGUF file.
    """

    def __init__(self, path: Path) -> None:
        reader = read_gguf(path)
        self.name, self.path, self.notes = str(path), path, list[str]()
        self.arch = str(_field(reader, path, "general.architecture"))
        self.eos_id = int(_field(reader, path, "tokenizer.ggml.eos_token_id"))
        length = int(_field(reader, path, f"{self.arch}.context_length"))
        self.context = min(length, CONTEXT)

    @functools.cached_property
    def engine(self) -> LlamaCpp:
        """The loaded model."""
        return LlamaCpp(self.path, context=self.context, threads=torch.get_num_threads(), cache="f32")

    @property
    def tokenizer(self) -> GgufTokenizer:
        """Its own tokenizer."""
        return GgufTokenizer(self.engine)

    def describe(self) -> dict[str, Any]:
        """Return what the model is, see `LanguageModel`."""
        return {
            "name": self.name,
            "arch": self.arch,
            "parameters": self.engine.parameters,
            "step": None,
            "sha256": sha256_file(self.path),
            "precision": "as in the file; keys and values fp32",
            "engine": self.engine.library.version,
        }

    def data(self) -> None:
        """Return None: the pack is not known."""

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Reduce the logits of one sequence after another, see `LanguageModel`."""
        return [
            reduce(index, torch.from_numpy(self.engine.logits(ids.tolist())))
            for index, ids in enumerate(sequences)
        ]


class GgufTokenizer:
    """The tokenizer of a GGUF file, by llama.cpp.

    Args:
        engine: The loaded file.
    """

    def __init__(self, engine: LlamaCpp) -> None:
        self._engine = engine

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""
        return self._engine.tokenize(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids. Bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self._engine.piece(i) for i in ids).decode("utf-8", "replace")

    def byte_lengths(self) -> NDArray[np.int64]:
        """Return the bytes of text of each token id (V,); 0 for special tokens."""
        return np.array([len(self._engine.piece(i)) for i in range(self._engine.vocab_size)], dtype=np.int64)


def _field(reader: Any, path: Path, name: str) -> Any:
    field = reader.get_field(name)
    if field is None:
        raise RotrainError(f"the GGUF file has no {name}", place=path, hint="export the model again")
    return field.contents()
