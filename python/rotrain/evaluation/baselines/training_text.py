"""Whole training documents of a pack, evenly spread over its phases."""

from __future__ import annotations

import numpy as np

from rotrain.data.pack import Pack
from rotrain.data.tokenizer import Tokenizer

PIECES = 16
"""Places of a phase at which text is read when a part of it is enough. Sources are in the order of the corpus file, so one place would be one source."""
BYTES_PER_TOKEN = 3  # about the bytes of a token, to know how many tokens are read


def training_documents(pack: Pack, max_bytes: int) -> list[str]:
    """Return about `max_bytes` bytes of training documents. Each phase gives its share of tokens.

    Args:
        pack: The pack.
        max_bytes: Maximum bytes. If the pack has fewer, all of its documents.
    """
    tokenizer = Tokenizer(pack.tokenizer_file)
    total = sum(phase.train.tokens for phase in pack.phases)
    documents: list[str] = []
    for phase in pack.phases:
        tokens = phase.train.tokens
        wanted = min(tokens, max_bytes * tokens // (BYTES_PER_TOKEN * max(total, 1)))
        pieces = 1 if wanted == tokens else PIECES
        for piece in range(pieces):
            ids = np.empty(wanted // pieces, dtype=np.int64)
            if not len(ids):
                continue
            start = tokens * piece // pieces
            phase.train.read(start, ids)
            ends = np.flatnonzero(ids == pack.eos_id)
            # A piece in the middle starts and ends within a document: both parts of documents are left out.
            starts = ends + 1 if start else np.concatenate(([0], ends + 1))
            documents += [
                tokenizer.decode(ids[begin:end].tolist())
                for begin, end in zip(starts, ends[1:] if start else ends, strict=False)
                if end > begin
            ]
    return documents
