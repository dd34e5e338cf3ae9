"""An n-gram model of bytes: interpolated modified Kneser-Ney, exact, in numpy.

An n-gram is a number: its bytes, the predicted one in the lowest place. So seven bytes fit into 64 bits without a hash, a table is a
sorted array, and its suffix (one byte less of context) and its context are a mask and a shift.

The probability of a byte w after a context h of n - 1 bytes is

    P_n(w | h) = (c(hw) - D(c(hw))) / c(h) + g(h) P_{n-1}(w | h'),    g(h) = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / c(h)

where h' is h without its first byte. c counts occurrences in the highest order and different bytes before in the lower ones; N1, N2
and N3+ count the bytes that follow h once, twice, and more often; P_0 is 1 / 256. Where h was never seen, P_n is P_{n-1}. What the
discounts take away is what g gives back, so the probabilities of the 256 bytes sum to one.

The end of a document is the byte 0xFF, which never occurs in UTF-8. A document starts after n - 1 of them.

Source: Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling".

Examples:
    >>> model = NgramModel.count(["ana are mere"], order=3)
    >>> float(model.probabilities(b"an").sum().round(12))
    1.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

END = 0xFF
MAX_ORDER = 7
_BYTE = np.uint64(8)

Codes = NDArray[np.uint64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Order:
    """The table of one order.

    Attributes:
        keys: n-grams, sorted (G,).
        shares: (c - D(c)) / c(h) of each n-gram (G,).
        contexts: Contexts, sorted (C,).
        given: g(h) of each context (C,).
    """

    keys: Codes
    shares: Floats
    contexts: Codes
    given: Floats


@dataclass(frozen=True)
class NgramModel:
    """A model of bytes that was counted on documents.

    Attributes:
        order: Bytes of an n-gram: each byte is predicted from `order - 1` bytes.
        tables: The tables of the orders 1 to `order`.
    """

    order: int
    tables: tuple[_Order, ...]

    @staticmethod
    def count(documents: Sequence[str], order: int) -> NgramModel:
        """Count the n-grams of documents.

        Args:
            documents: The documents.
            order: Bytes of an n-gram, 1 to 7.
        """
        if not 1 <= order <= MAX_ORDER:
            raise ValueError(f"an n-gram has 1 to {MAX_ORDER} bytes, not {order}")
        text = _padded(documents, order)
        codes = _codes(text, order)
        # The padding is context, and never predicted: only the first end byte after a document is.
        before = text[order - 2 : -1] if order > 1 else np.concatenate(([np.uint8(END)], text[:-1]))
        predicted = ~((text[order - 1 :] == END) & (before == END))
        keys, counts = np.unique(codes[predicted], return_counts=True)
        tables = [_table(keys, counts)]
        for length in range(order - 1, 0, -1):
            mask = np.uint64((1 << 8 * length) - 1)
            keys, counts = np.unique(keys & mask, return_counts=True)
            tables.append(_table(keys, counts))
        return NgramModel(order, tuple(reversed(tables)))

    @property
    def size(self) -> int:
        """Counts of all orders."""
        return sum(len(table.keys) for table in self.tables)

    def nats(self, document: str) -> Floats:
        """Return -ln p of each byte of a document and of its end (B + 1,)."""
        found: Floats = -np.log(self._probabilities(_codes(_padded([document], self.order), self.order)))
        return found[: len(document.encode()) + 1]

    def probabilities(self, context: bytes) -> Floats:
        """Return the probability of each byte after a context (256,)."""
        past = (bytes([END]) * self.order + context)[len(context) + 1 :]
        start = np.uint64(int.from_bytes(past, "big") << 8)
        return self._probabilities(start + np.arange(256, dtype=np.uint64))

    def _probabilities(self, codes: Codes) -> Floats:
        found = np.full(len(codes), 1 / 256)
        for length, table in enumerate(self.tables, 1):
            parts = codes & np.uint64((1 << 8 * length) - 1)
            context, known = _find(table.contexts, parts >> _BYTE)
            gram, seen = _find(table.keys, parts)
            mixed = np.where(seen, table.shares[gram], 0.0) + table.given[context] * found
            found = np.where(known, mixed, found)
        return found


def _padded(documents: Sequence[str], order: int) -> NDArray[np.uint8]:
    """Return the bytes of documents with `order - 1` end bytes before the first and between, and at least one after the last."""
    padding = bytes([END]) * max(1, order - 1)
    whole = padding + padding.join(document.encode() for document in documents) + padding
    return np.frombuffer(whole if order > 1 else whole[1:], dtype=np.uint8)


def _codes(text: NDArray[np.uint8], order: int) -> Codes:
    """Return the n-gram that ends at each byte from number `order - 1` on."""
    count = len(text) - order + 1
    codes = np.zeros(count, dtype=np.uint64)
    for place in range(order):
        codes = (codes << _BYTE) | text[place : place + count]
    return codes


def _table(keys: Codes, counts: NDArray[np.integer[Any]]) -> _Order:
    discount = np.array([0.0, *_discounts(counts)])
    taken = discount[np.minimum(counts, 3)]
    contexts, starts = np.unique(keys >> _BYTE, return_index=True)
    totals = np.add.reduceat(counts, starts).astype(np.float64)
    given = np.add.reduceat(taken, starts) / totals
    sizes = np.diff([*starts.tolist(), len(keys)])
    return _Order(keys, (counts - taken) / np.repeat(totals, sizes), contexts, given)


def _discounts(counts: NDArray[np.integer[Any]]) -> Iterator[float]:
    """Yield the discounts of counts 1, 2, and 3 or more, from how many counts are 1, 2, 3 and 4."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    for count in (1, 2, 3):
        rough = 0.5 * count  # where too few n-grams are there to tell, as KenLM's --discount_fallback
        if n[1] and n[count]:
            exact = count - (count + 1) * n[1] / (n[1] + 2 * n[2]) * n[count + 1] / n[count]
            yield float(exact) if 0 < exact < count else rough
        else:
            yield rough


def _find(table: Codes, wanted: Codes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return a place in a sorted table for each code, and whether the code is there."""
    places = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return places, table[places] == wanted
