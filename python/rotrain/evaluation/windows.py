"""A document cut into windows that a model reads as one sequence.

Every document is alone: `<|endoftext|>`, its tokens, `<|endoftext|>`. Windows are as long as the context and start every
half context. The first window scores all its tokens, each later one its new half. So every token is scored once, and sees at
least half a context before it, except at the start of a document (the strided evaluation of Hugging Face's perplexity
guide, with stride = context / 2). llama.cpp's perplexity also scores second halves, but it drops the first half and its
windows cross documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rotrain.evaluation.model import Ids


@dataclass(frozen=True)
class Window:
    """A window.

    Attributes:
        inputs: Token ids (T,) that a model reads at once.
        labels: Token ids (n,), n <= T, that the last n rows of its logits score.
    """

    inputs: Ids
    labels: Ids


def windows(ids: Ids, context: int) -> Iterator[Window]:
    """Yield windows that score every id of a document except the first, which is the token before it.

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
