"""A GGUF file as a model to evaluate. Stock llama.cpp computes its logits and its token ids.

Keys and values are fp32, so that the evaluation measures only the error of the weights.
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

from rotrain.errors import RotrainError, reason
from rotrain.evaluation.lossless import lossy_note
from rotrain.evaluation.model import Ids, R
from rotrain.exporters.gguf.write import read_gguf
from rotrain.files import read_record, sha256_file
from rotrain.gguf_header import record_of
from rotrain.llamacpp import LlamaCpp

# The maximum context of an evaluation. A model with a recurrent state alone has no context length of its own.
CONTEXT = 2_048


class GgufModel:
    """A GGUF file as a `LanguageModel`. It is loaded at its first use, with the `context` that is set at that time.

    Args:
        path: The file.

    Raises:
        RotrainError: The file is not a complete GGUF file.
    """

    def __init__(self, path: Path) -> None:
        reader = read_gguf(path)
        self.name, self.path = str(path), path
        self.sha256 = _checked_hash(path)
        self.arch = str(_field(reader, path, "general.architecture"))
        self.eos_id = int(_field(reader, path, "tokenizer.ggml.eos_token_id"))
        bos = reader.get_field("tokenizer.ggml.bos_token_id")
        self.bos_id = self.eos_id if bos is None else int(bos.contents())
        length = int(_field(reader, path, f"{self.arch}.context_length"))
        self.context = min(length, CONTEXT)

    @functools.cached_property
    def engine(self) -> LlamaCpp:
        """The model in llama.cpp, which is loaded at the first use."""
        return LlamaCpp(self.path, context=self.context, threads=torch.get_num_threads(), cache="f32")

    @functools.cached_property
    def notes(self) -> list[str]:
        """A note about a tokenizer that loses letters. It loads the model, with its `context`."""
        return lossy_note(self.name, self.tokenizer)

    @property
    def tokenizer(self) -> GgufTokenizer:
        """The tokenizer of the file."""
        return GgufTokenizer(self.engine)

    def describe(self) -> dict[str, Any]:
        """Return name, architecture, parameters and hash of the model, see `LanguageModel`."""
        return {
            "name": self.name,
            "arch": self.arch,
            "parameters": self.engine.parameters,
            "step": None,
            "sha256": self.sha256,
            "precision": "as in the file; keys and values fp32",
            "engine": self.engine.library.version,
        }

    def data(self) -> None:
        """Return None: a GGUF file does not name its pack."""

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Compute the logits of each sequence and reduce them, see `LanguageModel`. It runs one sequence at a time."""
        return [
            reduce(index, torch.from_numpy(self.engine.logits(ids.tolist())))
            for index, ids in enumerate(sequences)
        ]


class GgufTokenizer:
    """The tokenizer of a GGUF file, computed by llama.cpp.

    Args:
        engine: The loaded file.
    """

    def __init__(self, engine: LlamaCpp) -> None:
        self._engine = engine

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""
        return self._engine.tokenize(text)

    def encode_measured(self, text: str) -> tuple[list[int], NDArray[np.int64]]:
        """Return the token ids of a text, and the bytes of text of each token (N,).

        A vocabulary of SentencePiece puts a space before the text. It is no byte of the text, so the first token loses it.
        """
        ids = self.encode(text)
        sizes = np.array([len(self._engine.piece(i)) for i in ids], dtype=np.int64)
        if len(sizes):
            sizes[0] += len(text.encode()) - sizes.sum()
        return ids, sizes

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


def _checked_hash(path: Path) -> str:
    """Return the hash of the file, which its record must name too, if there is one.

    Raises:
        RotrainError: The file changed after it was quantized.
    """
    found = sha256_file(path)
    try:
        expected = read_record(record_of(path)).get("sha256", found)
    except FileNotFoundError:
        return found
    except (OSError, ValueError) as error:
        raise RotrainError(
            f"the record of the file cannot be read: {reason(error)}",
            place=record_of(path),
            hint="remove it, or quantize again",
        ) from None
    if found != expected:
        raise RotrainError(
            "the file is not the one that its record describes (its hash differs)",
            place=path,
            hint=f"quantize again, or remove {record_of(path).name} if you replaced the file",
        )
    return found
