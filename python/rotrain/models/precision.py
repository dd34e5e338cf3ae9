"""The type of products, and the type of sums."""

from __future__ import annotations

import torch
from torch import Tensor


def product_dtype(x: Tensor) -> torch.dtype:
    """Return bf16 where autocast is on for the device of `x`, else the type of `x`."""
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def stream_dtype(x: Tensor) -> torch.dtype:
    """Return the type of the residual stream, given the embeddings `x`.

    Under autocast on CUDA it is that of products. An fp32 stream takes twice the memory traffic between the products, about
    5 % of a step on an H100 (an estimate). Small models trained to the same losses on a CPU (docs/log/models.md). Norms
    compute in fp32 either way. A CPU gains nothing: it keeps fp32.
    """
    return product_dtype(x) if x.device.type == "cuda" else x.dtype


def to_fp32(x: Tensor) -> Tensor:
    """Return `x` in fp32, or as it is if it is fp64: the references run in fp64 too.

    Examples:
        >>> to_fp32(torch.ones(1, dtype=torch.bfloat16)).dtype, to_fp32(torch.ones(1, dtype=torch.float64)).dtype
        (torch.float32, torch.float64)
    """
    return x if x.dtype == torch.float64 else x.float()
