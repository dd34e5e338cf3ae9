"""Compute bits per byte and perplexity of a domain, with intervals.

    bits per byte = sum of -log2 p(token) / UTF-8 bytes of the text
    perplexity    = exp(sum of -ln p(token) / tokens)

The scored tokens are those of the documents and the `<|endoftext|>` after each document, which has bits but no bytes. So bits
per byte are the compressed size of the whole documents. They compare models with different tokenizers. Perplexity does not,
because it is per token.

The intervals are over documents. A domain that is one document, such as a novel, has intervals over its windows instead.
Such an interval is about this text, not about all texts of its kind. `unit` in the result says which of the two it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotrain.evaluation.interval import Interval, ratio
from rotrain.evaluation.lossless import lost_bytes
from rotrain.evaluation.model import LanguageModel, as_ids, label_nats
from rotrain.evaluation.windows import Window, windows

if TYPE_CHECKING:
    from torch import Tensor

DOCUMENTS_AT_ONCE = 64  # documents whose windows are given to the model together

CONVENTIONS = {
    "documents": "each alone, with the model's own BOS (or <|endoftext|>) before it; the <|endoftext|> after it is scored and "
    "has no bytes",
    "windows": "as long as the context, one every half context; every token is scored once",
    "bytes": "UTF-8 of the text as it was scored",
    "intervals": "95 %, HC3 (near the jackknife) and Student's t over documents, which count by their bytes (over the windows of a single document)",
}


HEAVY = 0.1
"""The share of a domain's bytes that one document may have before it is named."""


@dataclass(frozen=True)
class Document:
    """A text with an id.

    Attributes:
        id: Where the text comes from, such as `web/valid:12` or a record id.
        text: The text.
    """

    id: str
    text: str


@dataclass(frozen=True)
class TextScore:
    """The score of a domain. Its units are its documents, or the windows of its only document.

    Attributes:
        unit: `document` or `window`.
        documents: Number of documents.
        units: Id of each unit.
        nats: Sum of -ln p of each unit (N,).
        tokens: Scored tokens of each unit (N,).
        bytes: Bytes of text of each unit (N,).
        lossy_bytes: Bytes of the text that the tokenizer cannot reproduce, at least. The bits of the model are too low for them.
    """

    unit: str
    documents: int
    units: list[str]
    nats: NDArray[np.float64]
    tokens: NDArray[np.float64]
    bytes: NDArray[np.float64]
    lossy_bytes: int = 0

    @property
    def bits_per_byte(self) -> Interval:
        """Bits per byte of the whole domain."""
        return ratio(self.nats / math.log(2), self.bytes)

    @property
    def heaviest(self) -> tuple[str, float, float] | None:
        """The document with most bytes, its share of all, and bits per byte without it; None up to a tenth of the bytes."""
        if self.unit != "document" or len(self.units) < 2:
            return None
        place = int(self.bytes.argmax())
        total = float(self.bytes.sum())
        share = float(self.bytes[place]) / total
        if share <= HEAVY:
            return None
        others = float((self.nats.sum() - self.nats[place]) / math.log(2) / (total - self.bytes[place]))
        return self.units[place], share, others

    @property
    def perplexity(self) -> Interval:
        """Perplexity of the whole domain: exp of the mean nats per token."""
        mean = ratio(self.nats, self.tokens)
        low, high = (None if x is None else math.exp(min(x, 700.0)) for x in (mean.low, mean.high))
        return Interval(math.exp(min(mean.value, 700.0)), low, high)

    def as_json(self) -> dict[str, object]:
        """Return the score for a result file. It has the figures of each unit, so that two results can be compared in pairs."""
        return {
            "bits_per_byte": self.bits_per_byte.as_json(),
            "perplexity": self.perplexity.as_json(),
            "documents": self.documents,
            "tokens": int(self.tokens.sum()),
            "bytes": int(self.bytes.sum()),
            "lossy_bytes": self.lossy_bytes,
            "unit": self.unit,
            "by_unit": {
                "id": self.units,
                "nats": [round(float(x), 4) for x in self.nats],
                "bytes": [int(x) for x in self.bytes],
            },
        }


def heavy_sentence(domain: str, document: str, share: float, others: float) -> str:
    """Say that one document has much of a domain.

    Examples:
        >>> heavy_sentence("web", "web/valid:12", 0.41, 2.512)
        'one document (web/valid:12) has 41 % of the bytes of web: without it, 2.512 bits per byte'
    """
    return f"one document ({document}) has {100 * share:.0f} % of the bytes of {domain}: without it, {others:.3f} bits per byte"


def document_windows(model: LanguageModel, document: Document, context: int | None = None) -> list[Window]:
    """Return the windows of a document.

    Args:
        model: The model, for its tokenizer.
        document: The document.
        context: Length of a window in tokens. Default: the context of the model.
    """
    ids = as_ids([model.bos_id, *model.tokenizer.encode(document.text), model.eos_id])
    return list(windows(ids, context or model.context))


def score_text(
    model: LanguageModel, documents: Sequence[Document], advance: Callable[[int], None] = lambda _: None
) -> TextScore:
    """Score the documents of a domain.

    Args:
        model: The model.
        documents: The documents.
        advance: Called with a number of documents when they are scored.
    """
    by_window = len(documents) < 2
    units: list[str] = []
    rows: list[tuple[float, int, int]] = []
    lossy = 0
    for start in range(0, len(documents), DOCUMENTS_AT_ONCE):
        group = documents[start : start + DOCUMENTS_AT_ONCE]
        measured = [model.tokenizer.encode_measured(document.text) for document in group]
        pieces = [
            list(windows(as_ids([model.bos_id, *ids, model.eos_id]), model.context)) for ids, _ in measured
        ]
        nats = iter(window_nats(model, [window for piece in pieces for window in piece]))
        for document, piece, (ids, sizes) in zip(group, pieces, measured, strict=True):
            lossy += lost_bytes(document.text, model.tokenizer.decode(ids))
            ends = np.cumsum([len(window.labels) for window in piece])
            scored = [
                (next(nats), len(window.labels), int(sizes[end - len(window.labels) : end].sum()))
                for window, end in zip(piece, ends, strict=True)
            ]
            if by_window:
                rows += scored
                units += [f"{document.id}#{number}" for number in range(len(scored))]
            else:
                rows.append((sum(x[0] for x in scored), sum(x[1] for x in scored), sum(x[2] for x in scored)))
                units.append(document.id)
        advance(len(group))
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    unit = "window" if by_window else "document"
    return TextScore(unit, len(documents), units, table[:, 0], table[:, 1], table[:, 2], lossy)


def window_nats(model: LanguageModel, pieces: Sequence[Window]) -> list[float]:
    """Return the sum of -ln p in nats of the labels of each window."""

    def nats(index: int, logits: Tensor) -> float:
        labels = pieces[index].labels
        return float(label_nats(logits[-len(labels) :], labels).sum())

    return model.map_logits([window.inputs for window in pieces], nats)
