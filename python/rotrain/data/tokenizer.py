"""The tokenizer of a run, and how many bytes of text each token stands for.

The tokenizers of this house are byte-level: a token is a string of stand-in characters, one a
byte (the GPT-2 alphabet), so the bytes a token covers are known exactly. That makes bits per
byte exact for any segment of tokens, and streaming output exact at any token.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.errors import RotrainError


def byte_alphabet() -> dict[str, int]:
    """The byte behind each of GPT-2's 256 stand-in characters.

    Printable bytes of Latin-1 stand for themselves; the others take U+0100, U+0101, ... in order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    hidden = [byte for byte in range(256) if byte not in set(printable)]
    alphabet |= {chr(0x100 + index): byte for index, byte in enumerate(hidden)}
    return alphabet


class Tokenizer:
    """Encodes with `tokenizers`; decodes by the bytes of each token, which special tokens lack."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer as Encoder

        try:
            text = file.read_text(encoding="utf-8")
            self.token_bytes = _token_bytes(json.loads(text))
            self._encoder: Any = Encoder.from_str(text)
        except OSError as error:
            raise RotrainError(f"cannot read the tokenizer: {error.strerror}", place=file) from None
        except Exception as error:  # `tokenizers` raises bare Exception for a file it cannot take
            raise RotrainError(
                f"this is no byte-level BPE tokenizer: {error}",
                place=file,
                hint="train one with `rotools tokenizer train`",
            ) from None

    @property
    def vocab_size(self) -> int:
        """Entries, special tokens included."""
        return len(self.token_bytes)

    def token(self, index: int) -> str:
        """A token as the tokenizer's file writes it."""
        written: str = self._encoder.id_to_token(index)
        return written

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with nothing added."""
        ids: list[int] = self._encoder.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.token_bytes[i] for i in ids).decode("utf-8", "replace")

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Text of token ids as they come: a character is given when its last byte is there."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for i in ids:
            yield decoder.decode(self.token_bytes[i])
        yield decoder.decode(b"", final=True)

    def byte_lengths(self) -> NDArray[np.int64]:
        """Bytes of text of each token id; 0 for special tokens."""
        return np.array([len(token) for token in self.token_bytes], dtype=np.int64)


def _token_bytes(tokenizer: dict[str, Any]) -> list[bytes]:
    alphabet = byte_alphabet()
    vocab: dict[str, int] = tokenizer["model"]["vocab"]
    special = {int(token["id"]): token for token in tokenizer.get("added_tokens") or []}
    size = max([*vocab.values(), *special]) + 1
    table = [b""] * size
    for token, index in vocab.items():
        if index not in special:
            try:
                table[index] = bytes(alphabet[character] for character in token)
            except KeyError as error:
                raise ValueError(f"token {token!r} holds {error}, which stands for no byte") from None
    for index, token in special.items():
        if not token.get("special"):
            table[index] = str(token["content"]).encode()
    return table
