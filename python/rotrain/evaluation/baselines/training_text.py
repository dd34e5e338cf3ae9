"""Training text of a pack, evenly spread over its phases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rotrain.data.pack import Pack, TokenStream
from rotrain.data.tokenizer import Tokenizer

PIECES = 16
"""Places of a phase at which text is read when a part of it is enough. Sources are in the order of the corpus file, so one place would be one source."""


def training_documents(pack: Pack, max_bytes: int) -> list[str]:
    """Return training documents. Each phase gives its share of the bytes.

    If the pack has more than `max_bytes`, text is read at `PIECES` places of each phase. The documents at both ends of a piece are
    cut there and kept: if only whole documents counted, long ones would be missing, and a book is longer than a piece.

    Args:
        pack: The pack.
        max_bytes: Maximum bytes. If the pack has fewer, all of its documents.
    """
    tokenizer = Tokenizer(pack.tokenizer_file)
    total = sum(phase.train.bytes for phase in pack.phases)
    documents: list[str] = []
    for phase in pack.phases:
        if total <= max_bytes:
            documents += _read(phase.train, 0, phase.train.tokens, pack.eos_id, tokenizer)
            continue
        # The bytes of a token are those of this phase, so the tokens that are read have about the bytes that are wanted.
        wanted = phase.train.tokens * max_bytes // total
        for piece in range(PIECES):
            start = phase.train.tokens * piece // PIECES
            found = _read(phase.train, start, wanted // PIECES, pack.eos_id, tokenizer)
            documents += _at_most(found, phase.train.bytes * max_bytes // total // PIECES)
    return documents


def _read(stream: TokenStream, start: int, count: int, eos_id: int, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield the documents of `count` tokens. The first and the last may be parts of documents."""
    ids = np.empty(count, dtype=np.int64)
    if count:
        stream.read(start, ids)
    ends = np.flatnonzero(ids == eos_id)
    for begin, end in zip([0, *(ends + 1)], [*ends, count], strict=True):
        # A token may end within a character, so a cut document is a piece of UTF-8 without its torn ends.
        raw = b"".join(tokenizer.token_bytes[token] for token in ids[begin:end].tolist())
        if text := raw.decode("utf-8", "ignore"):
            yield text


def _at_most(documents: Iterator[str], max_bytes: int) -> Iterator[str]:
    """Yield documents up to a number of bytes. The last one is cut."""
    for document in documents:
        raw = document.encode()[:max_bytes]
        if not raw:
            return
        max_bytes -= len(raw)
        yield raw.decode("utf-8", "ignore")
