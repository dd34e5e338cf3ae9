"""Measure how much of an outside text occurs in the training text of a pack, token for token.

A text from outside says how a model does on text that nobody prepared for it, but only if the model has not read it. A run of `RUN_TOKENS`
tokens (about ten to thirteen words) that is in a document and in the training text is counted as read. A document of fewer tokens has no
run: it cannot be checked, and its tokens do not count. The training text is read once for all texts, as a stream of tokens; only the
hashes of the outside texts are in memory.

Source: Touvron et al. 2023, "Llama 2", appendix A.6, which counts tokens in common runs of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.data.pack import Pack, TokenStream
from rotrain.data.tokenizer import Tokenizer
from rotrain.evaluation.text import Document

RUN_TOKENS = 20
TOKENS_AT_ONCE = 1 << 21  # tokens that are hashed at once: 16 MB for each array
_TABLE_BITS = 24  # places of the table that answers "certainly not" without a search: 16 MB

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Contamination:
    """What a domain has in common with the training text.

    Attributes:
        documents: Documents with at least one common run.
        unchecked: Documents of fewer than `RUN_TOKENS` tokens, which have no run.
        tokens: Tokens in common runs.
        of_tokens: Tokens of the documents that have a run.
        trained_tokens: Tokens of the training text.
    """

    documents: int
    unchecked: int
    tokens: int
    of_tokens: int
    trained_tokens: int

    def as_json(self) -> dict[str, float]:
        """Return the figures for a result file."""
        return {
            "documents": self.documents,
            "share": self.tokens / self.of_tokens if self.of_tokens else 0.0,
            "checked_tokens": self.of_tokens,
            "unchecked_documents": self.unchecked,
            "run_tokens": RUN_TOKENS,
            "trained_tokens": self.trained_tokens,
        }


def measure_contamination(pack: Pack, texts: Mapping[str, Sequence[Document]]) -> dict[str, Contamination]:
    """Count the tokens of documents that are in runs of `RUN_TOKENS` tokens of the training text of a pack.

    The training text is read once for all texts.

    Args:
        pack: The pack. Its tokenizer cuts the documents as it cut the training text.
        texts: Documents by the name of their text.
    """
    tokenizer = Tokenizer(pack.tokenizer_file)
    encoded = {
        name: [np.array(tokenizer.encode(document.text), dtype=np.int64) for document in documents]
        for name, documents in texts.items()
    }
    hashed = {name: [_hashes(ids) for ids in documents] for name, documents in encoded.items()}
    wanted = np.unique(
        np.concatenate([np.empty(0, dtype=np.uint64), *(part for parts in hashed.values() for part in parts)])
    )
    read = _find_read(pack, wanted)
    trained_tokens = sum(phase.train.tokens for phase in pack.phases)
    found = {}
    for name, documents in encoded.items():
        touched = [_tokens_read(read[np.searchsorted(wanted, hashes)]) for hashes in hashed[name]]
        lengths = [len(ids) for ids in documents]
        found[name] = Contamination(
            documents=sum(count > 0 for count in touched),
            unchecked=sum(length < RUN_TOKENS for length in lengths),
            tokens=sum(touched),
            of_tokens=sum(length for length in lengths if length >= RUN_TOKENS),
            trained_tokens=trained_tokens,
        )
    return found


def _find_read(pack: Pack, wanted: Hashes) -> NDArray[np.bool_]:
    """Return which of the sorted hashes (N,) are in the training text."""
    read = np.zeros(len(wanted), dtype=np.bool_)
    if not len(wanted):
        return read
    table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
    table[_place(wanted)] = True
    for phase in pack.phases:
        for hashes in _stream(phase.train.sequential()):
            maybe = hashes[table[_place(hashes)]]
            places = np.minimum(np.searchsorted(wanted, maybe), len(wanted) - 1)
            read[places[wanted[places] == maybe]] = True
    return read


def _tokens_read(runs: NDArray[np.bool_]) -> int:
    """Return how many tokens are in the runs whose starts are True (N - RUN_TOKENS + 1,)."""
    if not runs.any():
        return 0
    changes = np.zeros(len(runs) + RUN_TOKENS, dtype=np.int64)
    starts = np.flatnonzero(runs)
    np.add.at(changes, starts, 1)
    np.add.at(changes, starts + RUN_TOKENS, -1)
    return int((np.cumsum(changes) > 0).sum())


def _stream(stream: TokenStream) -> Iterator[Hashes]:
    """Yield the hashes of all runs of a stream."""
    for start in range(0, max(0, stream.tokens - RUN_TOKENS + 1), TOKENS_AT_ONCE):
        ids = np.empty(min(TOKENS_AT_ONCE + RUN_TOKENS - 1, stream.tokens - start), dtype=np.int64)
        stream.read(start, ids)
        yield _hashes(ids)


def _hashes(ids: NDArray[np.int64]) -> Hashes:
    """Return the hash of the run that starts at each token (N - RUN_TOKENS + 1,); empty for fewer tokens."""
    if len(ids) < RUN_TOKENS:
        return np.empty(0, dtype=np.uint64)
    base = np.uint64(0x9E3779B97F4A7C15)
    # A polynomial modulo 2^64. Two runs of n tokens make one of 2 n, so 20 = 16 + 4 takes five steps.
    parts = {1: (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)}
    power = {1: base}
    for length in (1, 2, 4, 8):
        half = parts[length]
        parts[2 * length] = half[:-length] * power[length] + half[length:]
        power[2 * length] = np.uint64(int(power[length]) ** 2 % (1 << 64))
    count = len(ids) - RUN_TOKENS + 1
    found: Hashes = parts[16][:count] * power[4] + parts[4][16 : 16 + count]
    return found ^ (found >> np.uint64(29))


def _place(hashes: Hashes) -> NDArray[np.intp]:
    return (hashes * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(64 - _TABLE_BITS)).astype(np.intp)


def said(found: Mapping[str, Any]) -> str:
    """Return what a record of contamination says, in one sentence without a full stop.

    Args:
        found: The record, see `Contamination.as_json`.

    Examples:
        >>> said({"share": 0.25, "documents": 3, "run_tokens": 50, "checked_tokens": 900, "unchecked_documents": 1})
        '25.0 % of its tokens, in 3 documents, are in runs of 50 tokens that the training text has too; 1 document of fewer than 50 tokens cannot be checked'
    """
    # An older result, whose parts are kept, did not count what cannot be checked.
    run, unchecked = found["run_tokens"], found.get("unchecked_documents", 0)
    short = (
        f"{unchecked:,} document{'' if unchecked == 1 else 's'} of fewer than {run} tokens cannot be checked"
    )
    if found.get("checked_tokens") == 0:
        return f"nothing was compared with the training text: {short}"
    common = f"{100 * found['share']:.1f} % of its tokens, in {found['documents']:,} documents, are in runs of {run} tokens that the training text has too"
    return f"{common}; {short}" if unchecked else common
