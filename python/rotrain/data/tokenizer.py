"""The tokenizer of a run, and the bytes of text of each token.

Our tokenizers are byte-level: a token is a string of substitute characters, one for each byte (the GPT-2 alphabet). So the
bytes of a token are known exactly. That makes bits per byte exact for any part of a text, and streamed output exact at any
token.
"""

from __future__ import annotations

import codecs
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.errors import RotrainError, system_hint
from rotrain.files import parse_json, read_file

MAX_VOCAB_SIZE = 1 << 20
"""Larger than any vocabulary: those of models for all languages have about 260,000 tokens."""


def byte_alphabet() -> dict[str, int]:
    """Return the byte of each of GPT-2's 256 substitute characters.

    A printable byte of Latin-1 is its own character. The others have U+0100, U+0101, ... in order.

    Examples:
        >>> byte_alphabet()["a"], byte_alphabet()["Ġ"]
        (97, 32)
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    hidden = [byte for byte in range(256) if byte not in set(printable)]
    alphabet |= {chr(0x100 + index): byte for index, byte in enumerate(hidden)}
    return alphabet


_ALPHABET = byte_alphabet()
NEVER_IN_TEXT = tuple(token for token, byte in _ALPHABET.items() if byte in (0xC0, 0xC1) or byte >= 0xF5)
"""The tokens of the 13 bytes that never occur in UTF-8 (RFC 3629), in the order of the bytes."""


class Tokenizer:
    """Encode text with `tokenizers`, and decode by the bytes of each token. Special tokens have no bytes.

    Args:
        file: A tokenizer.json.

    Raises:
        RotrainError: The file cannot be read, or it is not a byte-level BPE tokenizer.
    """

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer as Encoder

        try:
            content = parse_json(read_file(file))
            self.token_bytes = _token_bytes(content)
            # A tokenizer that a trainer saved may still cut and fill texts, and a text may hold `<|endoftext|>` as words.
            # Here a text is all of its bytes, and no more. `tokenizers` must not even read how long a fill is.
            content = {**content, "truncation": None, "padding": None}
            self._encoder: Any = Encoder.from_str(json.dumps(content))
            self._encoder.encode_special_tokens = True
        except OSError as error:
            raise RotrainError(
                f"cannot read the tokenizer: {error.strerror}", place=file, hint=system_hint(error)
            ) from None
        except BaseException as error:
            # `tokenizers` raises a bare Exception for a file that it cannot read, and its panics are no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise RotrainError(
                f"this is not a byte-level BPE tokenizer: {error}",
                place=file,
                hint="train one with `rotools tokenizer train`",
            ) from None

    @property
    def vocab_size(self) -> int:
        """Entries of the vocabulary, special tokens included."""
        return len(self.token_bytes)

    def token(self, index: int) -> str:
        """Return a token as the tokenizer's file writes it."""
        written: str = self._encoder.id_to_token(index)
        return written

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with nothing added."""
        ids: list[int] = self._encoder.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of token ids. Bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self.token_bytes[i] for i in ids).decode("utf-8", "replace")

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of token ids as they come. A character is yielded when its last byte is there."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for i in ids:
            yield decoder.decode(self.token_bytes[i])
        yield decoder.decode(b"", final=True)

    def byte_lengths(self) -> NDArray[np.int64]:
        """Return the bytes of text of each token id, (V,) int64; 0 for special tokens."""
        return self._lengths.copy()

    def encode_measured(self, text: str) -> tuple[list[int], NDArray[np.int64]]:
        """Return the token ids of a text, and the bytes of text of each token (N,)."""
        ids = self.encode(text)
        return ids, self._lengths[ids]

    @functools.cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(token) for token in self.token_bytes], dtype=np.int64)


def same_tokenizer(one: Path, other: Path) -> bool:
    """Return whether two tokenizer.json files give every text the same tokens.

    Programs that save a file again order its keys in another way, write merges as pairs, and leave `truncation`,
    `padding` and a post-processor in it. None of these changes the tokens of a text. Nor does one more special token, such as a
    pad token, or the name of a byte that no text has.
    """
    if read_file(one) == read_file(other):
        return True
    (left, special), (right, others) = _meaning(one), _meaning(other)
    return left == right and all(others.get(token, i) == i for token, i in special.items())


def _meaning(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return what decides the tokens of a text, and the ids of the special tokens."""
    tokenizer: dict[str, Any] = json.loads(read_file(file).decode())
    model = {key: value for key, value in tokenizer["model"].items() if value not in (None, False)}
    merges = model.get("merges", [])
    model["merges"] = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"] if not token["special"]}
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    silent = {*special, *NEVER_IN_TEXT}
    model["vocab"] = {token: i for token, i in model["vocab"].items() if token not in silent}
    parts = ("normalizer", "pre_tokenizer", "decoder")
    return {"model": model, "added": added} | {part: tokenizer.get(part) for part in parts}, special


def _token_bytes(tokenizer: dict[str, Any]) -> list[bytes]:
    vocab: dict[str, int] = tokenizer["model"]["vocab"]
    special = {int(token["id"]): token for token in tokenizer.get("added_tokens") or []}
    ids = [*vocab.values(), *special]
    # The table has a place for each id, so an id is checked before it becomes memory.
    wrong = next((i for i in ids if type(i) is not int or not 0 <= i < MAX_VOCAB_SIZE), None)
    if wrong is not None:
        raise ValueError(f"a token has the id {wrong!r}; ids are 0 to {MAX_VOCAB_SIZE - 1:,}")
    size = max(ids) + 1
    table = [b""] * size
    for token, index in vocab.items():
        if index not in special:
            try:
                table[index] = bytes(_ALPHABET[character] for character in token)
            except KeyError as error:
                raise ValueError(
                    f"token {token!r} holds {error}, which is not the character of a byte"
                ) from None
    for index, token in special.items():
        if not token.get("special"):
            table[index] = str(token["content"]).encode()
    return table
