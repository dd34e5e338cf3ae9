"""The causal depthwise convolution of Mamba: each channel mixes its last K positions.

y_t = bias + sum_k weight_k x_{t - K + 1 + k}

x is (B, K - 1 + T, C) and starts with the K - 1 positions before; weight is (C, 1, K); y is (B, T, C). With `documents`,
numbers (B, K - 1 + T), a position takes only from its own document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# Values in a block of `conv_rows`: 1 MiB in fp32, which stays in the CPU cache between the passes over it.
BLOCK = 1 << 18


def conv_reference(x: Tensor, weight: Tensor, bias: Tensor, documents: Tensor | None = None) -> Tensor:
    """Return the sum as the module writes it."""
    taps = weight.shape[-1]
    length = x.shape[1] - taps + 1
    y = bias.expand(x.shape[0], length, -1)
    for k in range(taps):
        taken = x[:, k : k + length] * weight[:, 0, k]
        if documents is not None:
            taken = taken * (documents[:, k : k + length] == documents[:, taps - 1 :])[..., None]
        y = y + taken
    return y


def conv_torch(x: Tensor, weight: Tensor, bias: Tensor, documents: Tensor | None = None) -> Tensor:
    """Return the same by PyTorch's depthwise convolution. Documents, and a single position, take the sum."""
    if _wants_sum(x, weight, documents):
        return conv_reference(x, weight, bias, documents)
    out: Tensor = F.conv1d(x.mT, weight, bias, groups=weight.shape[0])
    return out.mT


def conv_fused(x: Tensor, weight: Tensor, bias: Tensor, documents: Tensor | None = None) -> Tensor:
    """Return the same by the plain sum where a compiler makes one kernel of it, and by PyTorch's where it does not.

    The compiler puts the padding before it and the SiLU after it into the same kernel. PyTorch's convolution is a call of
    its own, with copies of (B, T, C) to (B, C, T) and back. The sum is fp32, and is rounded once.
    """
    if torch.compiler.is_compiling():
        return conv_reference(x, weight, bias, documents).to(x.dtype)
    return conv_torch(x, weight, bias, documents).to(x.dtype)


def conv_rows(x: Tensor, weight: Tensor, bias: Tensor, documents: Tensor | None = None) -> Tensor:
    """Return the same by one pass for each tap over blocks of positions, in the order of memory.

    PyTorch's convolution needs the channels first and copies every tensor there and back: forward and backward it takes a
    CPU three to six times as long (docs/log). A compiler makes one pass of the plain sum by itself. In 16 bits, where
    each pass would round, and on a GPU this calls PyTorch's.
    """
    if x.dtype.itemsize < 4 or x.device.type != "cpu":
        return conv_torch(x, weight, bias, documents)
    if _wants_sum(x, weight, documents) or torch.compiler.is_compiling():
        return conv_reference(x, weight, bias, documents)
    out: Tensor = _Rows.apply(x, weight, bias)
    return out


def _wants_sum(x: Tensor, weight: Tensor, documents: Tensor | None) -> bool:
    # Setting up a convolution takes a CPU longer than the K products of one position (docs/log).
    return documents is not None or x.shape[1] == weight.shape[-1]


class _Rows(torch.autograd.Function):
    """`conv_rows` and its gradients, a block at a time. Memory: the result, and a block for the gradient of the weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        first, *later = weight[:, 0].mT.contiguous()
        y = x.new_empty(x.shape[0], x.shape[1] - len(later), x.shape[2])
        for batch, start, end in _blocks(y):
            taken, block = x[batch], y[batch, start:end]
            torch.addcmul(bias, taken[start:end], first, out=block)
            for k, tap in enumerate(later, 1):
                block.addcmul_(taken[start + k : end + k], tap)
        return y

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (x, weight), (dy,) = ctx.saved_tensors, upstream
        taps = weight[:, 0].mT.contiguous()
        last = len(taps) - 1
        dx, d_taps, d_bias = torch.empty_like(x), torch.zeros_like(taps), torch.zeros_like(taps[0])
        dx[:, :last] = 0
        for batch, start, end in _blocks(dy):
            block, taken, given = dy[batch, start:end], x[batch], dx[batch]
            # The last tap reaches its rows first and writes them. The other taps add to theirs.
            torch.mul(block, taps[last], out=given[start + last : end + last])
            for k in range(last):
                given[start + k : end + k].addcmul_(block, taps[k])
            for k in range(last + 1):
                d_taps[k] += (block * taken[start + k : end + k]).sum(0)
            d_bias += block.sum(0)
        return dx, d_taps.mT[:, None], d_bias


def _blocks(y: Tensor) -> Iterator[tuple[int, int, int]]:
    """Yield sequence, first position and end of each block of (B, T, C)."""
    rows = max(1, BLOCK // y.shape[2])
    for batch in range(y.shape[0]):
        for start in range(0, y.shape[1], rows):
            yield batch, start, min(start + rows, y.shape[1])


def init_conv(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Draw weight and bias uniformly within 1 / sqrt(K), as PyTorch and mamba-ssm do."""
    bound = weight.shape[-1] ** -0.5
    weight.uniform_(-bound, bound, generator=generator)
    bias.uniform_(-bound, bound, generator=generator)
