"""RMSNorm (Zhang and Sennrich, 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def rms_norm_reference(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`x / sqrt(mean(x^2) + eps) * weight`, the mean in fp32 whatever the type of `x`."""
    wide = x.float()
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * scale).to(x.dtype) * weight


def rms_norm_fused(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """The same in one call."""
    return nn.functional.rms_norm(x, weight.shape, weight, eps)
