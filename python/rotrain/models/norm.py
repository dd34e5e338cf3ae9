"""RMSNorm (Zhang and Sennrich, 2019) and LayerNorm (Ba et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rotrain.models.precision import to_fp32


def rms_norm_reference(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """Return `x / sqrt(mean(x^2) + eps) * weight` over the last dimension. The mean is fp32 for any type of `x`."""
    scale = torch.rsqrt(to_fp32(x).square().mean(-1, keepdim=True) + eps)
    normed = (to_fp32(x) * scale).to(x.dtype)
    return normed if weight is None else normed * weight


def rms_norm_fused(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """Return the same in one call of PyTorch, in the type of the weight: its kernel takes one type only."""
    if weight is not None:
        x = x.to(weight.dtype)
    return nn.functional.rms_norm(x, x.shape[-1:], weight, eps)


def layer_norm_reference(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return `(x - mean) / sqrt(variance + eps) * weight + bias`. Mean and variance are fp32."""
    centred = to_fp32(x) - to_fp32(x).mean(-1, keepdim=True)
    scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
    return (centred * scale).to(x.dtype) * weight + bias


def layer_norm_fused(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the same in one call of PyTorch, in the type of the weight."""
    return nn.functional.layer_norm(x.to(weight.dtype), weight.shape, weight, bias, eps)
