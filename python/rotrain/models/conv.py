"""The causal depthwise convolution of Mamba: each channel mixes its last K positions.

y_t = bias + sum_k weight_k x_{t - K + 1 + k}

x: (B, K - 1 + T, C), led by the K - 1 positions before; weight: (C, 1, K); y: (B, T, C).
With `documents`, (B, K - 1 + T) numbers, a position takes from its own document only.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def conv_reference(x: Tensor, weight: Tensor, bias: Tensor, documents: Tensor | None = None) -> Tensor:
    """The sum as it is written."""
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
    """The same by PyTorch's depthwise convolution; documents, and a single position, by the sum."""
    # Setting up a convolution takes a CPU longer than K products of one position (docs/log.md).
    if documents is not None or x.shape[1] == weight.shape[-1]:
        return conv_reference(x, weight, bias, documents)
    out: Tensor = F.conv1d(x.mT, weight, bias, groups=weight.shape[0])
    return out.mT


def init_conv(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Uniform within 1 / sqrt(K), PyTorch's and mamba-ssm's."""
    bound = weight.shape[-1] ** -0.5
    weight.uniform_(-bound, bound, generator=generator)
    bias.uniform_(-bound, bound, generator=generator)
