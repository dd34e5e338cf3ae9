"""Any causal language model of `transformers` as a model to evaluate: `hf:FOLDER` or `hf:NAME` on the Hugging Face hub.

It is compared with ours as a baseline. Its tokenizer may be of any kind, because bits per byte divide by the bytes of the text. The
bytes of a token are found by its place in the text, not by its name: SentencePiece writes a space that is not there, and several
tokens may share one character.

Code of a hub repository is never run: `trust_remote_code` is False. (Where it is not said, transformers asks on the terminal.)
A model must be causal and complete: weights that are not in the files would be drawn at random.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotrain.errors import RotrainError, install, reason
from rotrain.evaluation.lossless import PROBE, lossy_note
from rotrain.evaluation.model import Ids, R
from rotrain.evaluation.torch_model import batches
from rotrain.files import sha256_file

PREFIX = "hf:"
CONTEXT = 2_048  # the most tokens of a window, as for GGUF files
LOGITS = 1 << 28  # numbers of logits in memory at once: 1 GiB. Gemma has 262,144 tokens


class HubModel:
    """A model of `transformers` as a `LanguageModel`, in fp32, on a CUDA device if there is one.

    Args:
        name: A folder, or the name of a repository on the hub.

    Raises:
        RotrainError: `transformers` is not installed, or the model cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        try:
            import transformers
        except ImportError:
            raise RotrainError("models of other people need transformers", hint=install("hf")) from None
        transformers.utils.logging.disable_progress_bar()
        place = name if Path(name).is_dir() else f"{PREFIX}{name}"
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
                name, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
        except (
            Exception
        ) as error:  # transformers raises OSError, ValueError, KeyError, ImportError and those of safetensors
            raise RotrainError(
                f"transformers cannot load the model: {reason(error)}",
                place=place,
                hint="give a folder with config.json, weights and tokenizer.json, or a name that the hub knows",
            ) from None
        model, loading = loaded
        # A head that is tied to the embedding is not missing.
        if missing := sorted(loading["missing_keys"]):
            raise RotrainError(
                f"the weights lack {len(missing)} tensors of the model, such as {missing[0]}",
                place=place,
                hint="is it a model for another task, or is a file of its weights missing?",
            )
        self.name = f"{PREFIX}{name}"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model: Any = model.to(self.device).eval()
        self.tokenizer = HubTokenizer(tokenizer, place)
        end = _first(tokenizer.eos_token_id, model.generation_config.eos_token_id)
        if end is None:
            raise RotrainError("the tokenizer names no token that ends a text", place=place)
        begin = _first(tokenizer.bos_token_id, getattr(model.config, "bos_token_id", None))
        self.eos_id, self.bos_id = end, end if begin is None else begin
        length = _first(*(getattr(model.config.get_text_config(), key, None) for key in _LENGTHS))
        self.context = min(length or CONTEXT, CONTEXT)
        self._file = next(iter(sorted(Path(name).glob("*.safetensors"))), None)
        self._engine = f"transformers {transformers.__version__}, torch {torch.__version__} on {self.device}"
        self._check_causal(place)
        self.notes = lossy_note(self.name, self.tokenizer)

    @torch.inference_mode()
    def _check_causal(self, place: str) -> None:
        """Refuse a model whose scores depend on a later token: it has read what it must predict."""
        ids = [self.bos_id, *self.tokenizer.encode(PROBE)][: min(self.context, 64)]
        self._check_ids(max(*ids, self.eos_id))
        last = self.eos_id if ids[-1] != self.eos_id else ids[0]
        tokens = torch.tensor([ids, [*ids[:-1], last]], device=self.device)
        one, other = self.model(tokens, use_cache=False).logits[:, :-1].float()
        # A sum in another order moves a logit by less than a millionth of the largest.
        if (one - other).abs().max() > 1e-4 * one.abs().max():
            raise RotrainError(
                "the model is not causal: its scores depend on later tokens, so it has no bits per byte",
                place=place,
                hint="give a model that writes text from left to right; a masked model, such as BERT, does not",
            )

    def _check_ids(self, highest: int) -> None:
        """Refuse a tokenizer that is larger than the model: tokens were added, and the embedding was not."""
        rows = int(self.model.get_input_embeddings().weight.shape[0])
        if highest >= rows:
            raise RotrainError(
                f"the tokenizer writes token {highest:,}, and the model has {rows:,}",
                place=self.name.removeprefix(PREFIX),
                hint="use the tokenizer that belongs to the model, or enlarge its embedding",
            )

    def describe(self) -> dict[str, Any]:
        """Return name, architecture, parameters and hash of the model, see `LanguageModel`."""
        return {
            "name": self.name,
            "arch": self.model.config.model_type,
            "parameters": self.model.num_parameters(),
            "step": None,
            "sha256": None if self._file is None else sha256_file(self._file),
            "revision": getattr(self.model.config, "_commit_hash", None),
            "precision": "fp32",
            "engine": self._engine,
        }

    def data(self) -> None:
        """Return None: the text that it was trained on is not known."""

    @torch.inference_mode()
    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Compute the logits of each sequence and reduce them, see `LanguageModel`.

        Shorter sequences of a batch are filled at the end, which a causal model does not see.
        """
        results: dict[int, R] = {}
        rows = int(self.model.get_output_embeddings().weight.shape[0])
        self._check_ids(max((int(ids.max()) for ids in sequences if len(ids)), default=0))
        for batch in batches(sequences, LOGITS // rows):
            width = len(sequences[batch[-1]])
            tokens = torch.full((len(batch), width), self.eos_id, dtype=torch.long)
            for row, index in enumerate(batch):
                tokens[row, : len(sequences[index])] = torch.from_numpy(sequences[index])
            logits = self.model(tokens.to(self.device), use_cache=False).logits
            for row, index in enumerate(batch):
                results[index] = reduce(index, logits[row, : len(sequences[index])].float())
        return [results[index] for index in range(len(sequences))]


class HubTokenizer:
    """A tokenizer of `transformers`, as the interface of evaluation needs it.

    Args:
        tokenizer: What `AutoTokenizer` returned.
        place: Where it comes from, for messages.

    Raises:
        RotrainError: It is not computed by the library `tokenizers`, so the places of its tokens are not known.
    """

    def __init__(self, tokenizer: Any, place: str) -> None:
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        if self._backend is None:
            raise RotrainError("the tokenizer has no tokenizer.json", place=place)
        # A text is all of its bytes, and the names of special tokens in it are text.
        self._backend.no_truncation()
        self._backend.no_padding()
        self._backend.encode_special_tokens = True
        self._special = set(tokenizer.all_special_ids)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_measured(self, text: str) -> tuple[list[int], NDArray[np.int64]]:
        """Return the token ids of a text, and the bytes of text of each token (N,).

        A token has the bytes from the end of the tokens before it to its own end. So every byte is counted once, whatever the
        tokenizer inserts, merges or leaves out.
        """
        found = self._backend.encode(text, add_special_tokens=False)
        # Bytes before each character, and after the last one.
        starts = np.cumsum([0, *(len(character.encode()) for character in text)])
        ends = starts[[end for _, end in found.offsets]] if found.ids else np.zeros(0, dtype=np.int64)
        ends = np.maximum.accumulate(ends)
        if len(ends):
            ends[-1] = starts[-1]
        return list(found.ids), np.diff(ends, prepend=0).astype(np.int64)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        text: str = self._backend.decode(list(ids), skip_special_tokens=True)
        return text

    def byte_lengths(self) -> NDArray[np.int64]:
        """Return the bytes of text of each token id (V,) where it is alone; 0 for special tokens."""
        size = int(self._backend.get_vocab_size(with_added_tokens=True))
        added = self._backend.get_added_tokens_decoder()
        bytewise = '"ByteLevel"' in json.dumps(json.loads(self._backend.to_str())["decoder"])

        def length(index: int) -> int:
            if index in self._special:
                return 0
            name = self._backend.id_to_token(index)
            if bytewise and index not in added:
                # The name has a letter for each byte. Decoded alone, a part of a character would be U+FFFD, three bytes.
                return len(name or "")
            if name and _BYTE.fullmatch(name):
                return 1
            return len(self.decode([index]).encode())

        return np.array([length(index) for index in range(size)], dtype=np.int64)


# A byte of a tokenizer of SentencePiece's kind.
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
# The names of the context in the configurations of the families.
_LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx")


def _first(*values: int | list[int] | None) -> int | None:
    """Return the first number; of a list, its first."""
    for value in values:
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, int):
            return one
    return None
