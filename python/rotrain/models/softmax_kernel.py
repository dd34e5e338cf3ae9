"""The Triton kernel of the loss on a GPU. Importing this file imports Triton, which only a GPU has use for."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

# Logits that a program reads at a time: 16 for each of its threads. A row of 40,000 in bf16 is 80 KB, so the second pass
# over it reads a part of it from the L2 cache.
BLOCK, WARPS = 4096, 8


@triton.jit  # type: ignore[untyped-decorator]
def softmax_gradient_kernel(  # type: ignore[no-untyped-def]
    logits,
    labels,
    losses,
    row_stride,
    vocab,
    GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Replace a row of logits by the gradient of its loss, softmax - one_hot(label), and store the loss.

    One program computes one row, in fp32. The first pass keeps the largest logit so far, and the sum of the exponentials
    relative to it (Milakov and Gimelshein 2018). No two programs touch one number, so the result is deterministic.
    """
    row = tl.program_id(0).to(tl.int64)
    logits += row * row_stride
    label = tl.load(labels + row)
    at_label = tl.load(logits + label).to(tl.float32)
    columns = tl.arange(0, BLOCK)
    top = float("-inf")
    total = 0.0
    for start in range(0, vocab, BLOCK):
        inside = start + columns < vocab
        x = tl.load(logits + start + columns, mask=inside, other=float("-inf")).to(tl.float32)
        higher = tl.maximum(top, tl.max(x, 0))
        total = total * tl.exp(top - higher) + tl.sum(tl.exp(x - higher), 0)
        top = higher
    tl.store(losses + row, tl.log(total) + top - at_label)
    if GRADIENT:
        for start in range(0, vocab, BLOCK):
            inside = start + columns < vocab
            x = tl.load(logits + start + columns, mask=inside, other=float("-inf")).to(tl.float32)
            gradient = tl.exp(x - top) / total
            gradient = tl.where(start + columns == label, gradient - 1.0, gradient)
            tl.store(logits + start + columns, gradient.to(logits.dtype.element_ty), mask=inside)


def launch_softmax_gradient(logits: Tensor, labels: Tensor, gradient: bool) -> Tensor:
    """Run the kernel on logits (n, V) of contiguous rows, which it overwrites if `gradient`; return the losses (n,) fp32."""
    losses = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    with torch.cuda.device_of(logits):
        softmax_gradient_kernel[(len(logits),)](
            logits, labels, losses, logits.stride(0), logits.shape[1], gradient, BLOCK, num_warps=WARPS
        )
    return losses
