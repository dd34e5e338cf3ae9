"""Rotary position embedding (Su et al., RoFormer 2021), in the half-split layout of Llama.

Element `i` of the first half and element `i` of the second half of a head are a pair, turned by
`position * theta^(-2i / head_dim)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rotrain.models.precision import to_fp32


def rope_table(length: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (length, head_dim): fp32, computed in fp64.

    The sine's first half is negated, so that turning is `x * cos + swap_halves(x) * sin`.
    """
    half = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
    angle = torch.arange(length, dtype=torch.float64)[:, None] * theta**-half
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((cos, cos), -1).float(), torch.cat((-sin, sin), -1).float()


def apply_rope_reference(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs as complex numbers, in fp32. `x`: (..., length, heads, head_dim)."""
    first, second = to_fp32(x).chunk(2, -1)
    half = cos.shape[-1] // 2
    turn = torch.complex(cos[:, None, :half].to(first.dtype), sin[:, None, half:].to(first.dtype))
    turned = torch.complex(first, second) * turn
    return torch.cat((turned.real, turned.imag), -1).to(x.dtype)


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs in the type of `x`. `x`: (..., length, heads, head_dim)."""
    first, second = x.chunk(2, -1)
    swapped = torch.cat((second, first), -1)
    return x * cos[:, None, :] + swapped * sin[:, None, :]
