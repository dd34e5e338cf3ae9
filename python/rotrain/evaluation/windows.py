"""A document cut into windows that a model reads whole.

Every document stands alone: `<|endoftext|>`, its tokens, `<|endoftext|>`. Windows are as long as
the context and start every half context; the first scores all it holds, each later one its new
half. So every token is scored once and, the beginning of a document aside, sees at least half a
context before it (the strided evaluation of Hugging Face's perplexity guide, with stride =
context / 2). llama.cpp's perplexity also scores second halves, but drops the first one and lets
windows run over documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rotrain.evaluation.model import Ids


@dataclass(frozen=True)
class Window:
    """`inputs` (T,) that a model reads at once, and the `labels` (n <= T,) its last n rows score."""

    inputs: Ids
    labels: Ids


def windows(ids: Ids, context: int) -> Iterator[Window]:
    """Windows that score every id of a document but its first, which is the mark before it."""
    stride = max(context // 2, 1)
    scored = 1
    while scored < len(ids):
        end = min(len(ids), scored + (context if scored == 1 else stride))
        begin = max(0, end - 1 - context)
        yield Window(ids[begin : end - 1], ids[scored:end])
        scored = end
