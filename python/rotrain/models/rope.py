"""Rotary position embedding (Su et al., RoFormer 2021), in the half-split layout of Llama.

Element `i` of the first half and element `i` of the second half of a head are a pair. The pair is rotated by
`position * theta^(-2i / head_dim)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rotrain.models.precision import to_fp32


def rope_table(length: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each (length, head_dim) fp32, computed in fp64.

    The first half of the sine is negated, so the rotation is `x * cos + swap_halves(x) * sin`.
    """
    half = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
    angle = torch.arange(length, dtype=torch.float64)[:, None] * theta**-half
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((cos, cos), -1).float(), torch.cat((-sin, sin), -1).float()


def apply_rope_reference(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs as complex numbers, in fp32. `x` is (..., length, heads, head_dim)."""
    first, second = to_fp32(x).chunk(2, -1)
    half = cos.shape[-1] // 2
    turn = torch.complex(cos[:, None, :half].to(first.dtype), sin[:, None, half:].to(first.dtype))
    turned = torch.complex(first, second) * turn
    return torch.cat((turned.real, turned.imag), -1).to(x.dtype)


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs in the type of `x`, which is (..., length, heads, head_dim).

    Examples:
        >>> cos, sin = rope_table(length=2, head_dim=2, theta=10_000.0)
        >>> apply_rope(torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]]), cos, sin).flatten(1).tolist()  # angles 0 and 1
        [[1.0, 0.0], [0.5403022766113281, 0.8414709568023682]]
    """
    first, second = x.chunk(2, -1)
    swapped = torch.cat((second, first), -1)
    return x * cos[:, None, :] + swapped * sin[:, None, :]
