"""Split a document into windows that a model can read.

Each document is scored alone, as `<|endoftext|>`, its tokens, `<|endoftext|>`. A window is as long as the context. The windows
overlap by half a context. The first window scores all its tokens, and each later window scores only its new tokens. So every
token is scored once. Except at the start of a document, it has at least half a context before it.

Source: the strided evaluation in Hugging Face's perplexity guide, with stride = context / 2. llama.cpp's perplexity also
scores the second half of each window, but it never scores the first half, and its windows cross documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rotrain.evaluation.model import Ids


@dataclass(frozen=True)
class Window:
    """A part of a document that a model reads at once.

    Attributes:
        inputs: Token ids (T,) int64 that the model reads.
        labels: Token ids (n,) int64, n <= T. The last n rows of the logits score them.
    """

    inputs: Ids
    labels: Ids


def windows(ids: Ids, context: int) -> Iterator[Window]:
    """Yield the windows of a document. Together they score every id except the first.

    Args:
        ids: Token ids (N,) int64 of the document, with the tokens before and after it.
        context: Length of a window in tokens.

    Example:
        >>> import numpy as np
        >>> [(w.inputs.tolist(), w.labels.tolist()) for w in windows(np.arange(6), context=2)]
        [([0, 1], [1, 2]), ([1, 2], [3]), ([2, 3], [4]), ([3, 4], [5])]
    """
    stride = max(context // 2, 1)
    scored = 1
    while scored < len(ids):
        end = min(len(ids), scored + (context if scored == 1 else stride))
        begin = max(0, end - 1 - context)
        yield Window(ids[begin : end - 1], ids[scored:end])
        scored = end
