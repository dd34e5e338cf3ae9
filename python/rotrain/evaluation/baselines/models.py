"""`baseline:ngram` and `baseline:zstd`: bits per byte of the held-out documents without a network.

Both know training text of the pack, but no more than `NGRAM_BYTES` and `ZSTD_BYTES` of it, spread evenly over the pack. The models read
all of it. The result says how many bytes a baseline knows. Baselines are rows beside the models and have no rank.

* ngram: an n-gram model of bytes (`ngram.py`), counted on that text;
* zstd: each document compressed alone, with that text as the dictionary (`zstd.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain import __version__
from rotrain.data.pack import Pack
from rotrain.errors import RotrainError, UsageError
from rotrain.evaluation.baselines.ngram import MAX_ORDER, NgramModel
from rotrain.evaluation.baselines.training_text import training_documents
from rotrain.evaluation.baselines.zstd import LEVEL, ZstdModel, version
from rotrain.evaluation.text import CONVENTIONS, Document, TextScore

PREFIX = "baseline:"
KINDS = ("ngram", "zstd")
NGRAM_BYTES = 32_000_000
"""Training text that is counted: a sorted table of 32 MB of text takes 1 GB while it is made."""
ZSTD_BYTES = 8_000_000
"""Training text that is the dictionary. A window of 16 MiB holds it and most documents."""


class Baseline:
    """A model without a network.

    Args:
        kind: `ngram` or `zstd`.
        pack: The pack whose training text it knows.

    Raises:
        UsageError: There is no baseline of this kind.
        RotrainError: The pack has no training text, or a package is missing.
    """

    def __init__(self, kind: str, pack: Pack) -> None:
        if kind not in KINDS:
            raise UsageError(f"there is no baseline {kind!r}", hint=f"baselines are: {', '.join(KINDS)}")
        documents = training_documents(pack, NGRAM_BYTES if kind == "ngram" else ZSTD_BYTES)
        if not documents:
            raise RotrainError("the pack has no training text", place=pack.path)
        self.name = f"{PREFIX}{kind}"
        self.trained_bytes = sum(len(document.encode()) for document in documents)
        self._pack_bytes = sum(phase.train.bytes for phase in pack.phases)
        self._kind, self._digest = kind, pack.digest
        self._nats, self._size = (_count if kind == "ngram" else _compress)(documents)

    def describe(self) -> dict[str, Any]:
        """Return the same keys as a `LanguageModel`; `sha256` is that of the manifest of the pack."""
        return {
            "name": self.name,
            "arch": self._kind,
            "parameters": self._size,
            "step": None,
            "sha256": self._digest,
            "precision": "counts" if self._kind == "ngram" else f"level {LEVEL}",
            "engine": f"rotrain {__version__}" if self._kind == "ngram" else version(),
        }

    def conventions(self) -> dict[str, str]:
        """Return how text is scored."""
        how = (
            f"n-grams of {MAX_ORDER} bytes, interpolated modified Kneser-Ney, the end of a document included"
            if self._kind == "ngram"
            else f"compressed size with a dictionary, level {LEVEL}, the heads of frame and blocks included"
        )
        return {
            "documents": "each alone",
            "bytes": CONVENTIONS["bytes"],
            "intervals": CONVENTIONS["intervals"],
            "baseline": f"{how}; from {self.trained_bytes:,} of {self._pack_bytes:,} bytes of training text",
        }

    def score(
        self, documents: Sequence[Document], advance: Callable[[int], None] = lambda _: None
    ) -> TextScore:
        """Score the documents of a domain.

        Args:
            documents: The documents.
            advance: Called with 1 after each document.
        """
        nats = []
        for document in documents:
            nats.append(self._nats(document.text))
            advance(1)
        sizes: NDArray[np.float64] = np.array(
            [len(document.text.encode()) for document in documents], dtype=np.float64
        )
        names = [document.id for document in documents]
        # The end of a document is scored, as for a model, and has no bytes.
        return TextScore("document", len(documents), names, np.array(nats), sizes + 1, sizes)


def _count(documents: Sequence[str]) -> tuple[Callable[[str], float], int]:
    model = NgramModel.count(documents, MAX_ORDER)
    return lambda text: float(model.nats(text).sum()), model.size


def _compress(documents: Sequence[str]) -> tuple[Callable[[str], float], int]:
    return ZstdModel(documents).nats, 0
