"""Three ways from a matrix to codes: to the nearest (RTN), with fitted zero points (HQQ), with the errors passed on (GPTQ).

All give a `QuantizedMatrix`: groups of neighbouring inputs of a row share a scale and a zero point, both fp16. A range always
holds zero, so a zero point is between 0 and 2^bits - 1 and exact enough in 16 bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rotrain.models.quantized import QuantizedMatrix

# HQQ: the norm, the first weight of the penalty and its growth, the rounds (Badri and Shaji 2023, their code's defaults).
HQQ_NORM, HQQ_BETA, HQQ_GROWTH, HQQ_ROUNDS = 0.7, 10.0, 1.01, 20
# GPTQ: the share of the mean diagonal added to it, and the columns between updates of the rest (Frantar et al. 2023).
GPTQ_DAMP, GPTQ_BLOCK = 0.01, 128
# Ranges tried, as shares of the whole one.
SHRINK = tuple(1 - 0.04 * step for step in range(9))


def group_of(inputs: int, group: int) -> int:
    """The group a row of `inputs` can be cut into: the largest common divisor."""
    return math.gcd(inputs, group)


def rtn(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """Round to the nearest of 2^bits steps between the least and the greatest of a group. `weight`: (out, in)."""
    grouped = weight.unflatten(1, (-1, group_of(weight.shape[1], group)))
    scale, zero = _range(grouped, bits)
    return QuantizedMatrix(_codes(grouped, scale, zero, bits).flatten(1), scale, zero, bits)


def hqq(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """RTN whose zero points are moved to leave few large errors, by half-quadratic splitting.

    min |W - (Q - z) s|_p over z, p < 1: an error E is split off by shrinking, then z is the mean of Q - (W - E) / s.
    Each group keeps the best zero point it had. No data are needed.
    """
    grouped = weight.unflatten(1, (-1, group_of(weight.shape[1], group)))
    scale, zero = _range(grouped, bits)
    best, least, beta = zero, torch.full_like(zero, float("inf")), HQQ_BETA
    for _ in range(HQQ_ROUNDS):
        codes = _codes(grouped, scale, zero, bits).float()
        error = grouped - (codes - zero[..., None]) * scale[..., None]
        loss = error.abs().pow(HQQ_NORM).sum(-1)
        best, least = torch.where(loss < least, zero, best), torch.minimum(loss, least)
        size = error.abs()
        kept = (size - size.clamp(min=1e-8).pow(HQQ_NORM - 1) / beta).clamp(min=0) * error.sign()
        zero = _half((codes - (grouped - kept) / scale[..., None]).mean(-1))
        beta *= HQQ_GROWTH
    return QuantizedMatrix(_codes(grouped, scale, best, bits).flatten(1), scale, best, bits)


def gptq(weight: Tensor, bits: int, group: int, moment: Tensor) -> QuantizedMatrix:
    """Round column by column and let the columns to come make up for each error, as the inputs' second moment tells.

    `moment`: X'X / n of the inputs, (in, in). Minimizes |X (W - Q)'|^2 greedily; the inverse is never updated, its
    Cholesky factor holds all its states (Frantar et al. 2023, section 3). A group's range is chosen when its first
    column is reached, from the weights as they are then, shrunk to the least error weighed by the inputs.
    """
    rows, inputs = weight.shape
    size = group_of(inputs, group)
    work, moment = weight.clone(), moment.clone()
    diagonal = moment.diagonal()
    dead = diagonal <= 0
    diagonal[dead] = 1
    diagonal += GPTQ_DAMP * diagonal.mean()
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(moment)), upper=True)
    codes = torch.empty(rows, inputs, dtype=torch.uint8)
    scales, zeros = torch.empty(rows, inputs // size), torch.empty(rows, inputs // size)
    for start in range(0, inputs, GPTQ_BLOCK):
        end = min(start + GPTQ_BLOCK, inputs)
        errors = torch.empty(rows, end - start)
        for column in range(start, end):
            if column % size == 0:
                span = slice(column, column + size)
                # Columns of the group beyond this block have not seen the block's errors yet.
                scale, zero = _searched(work[:, span], bits, moment.diagonal()[span])
                scales[:, column // size], zeros[:, column // size] = scale, zero
            values = work[:, column]
            codes[:, column] = _codes(values[:, None], scale, zero, bits)[:, 0]
            error = (values - (codes[:, column] - zero) * scale) / upper[column, column]
            work[:, column:end] -= error[:, None] * upper[column, column:end]
            errors[:, column - start] = error
        work[:, end:] -= errors @ upper[start:end, end:]
    return QuantizedMatrix(codes, scales, zeros, bits)


def weighted_error(weight: Tensor, grid: QuantizedMatrix, importance: Tensor) -> float:
    """Sum of squared errors, each column weighed by the mean square of its input (in,)."""
    return float(((weight - grid.weight()).square() @ importance.float()).sum(dtype=torch.float64))


def _range(grouped: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Scale and zero point (out, groups) of (out, groups, group), so that every weight has a code near it."""
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    # Rounding to 16 bits may make a scale zero; a group of zeros has any scale.
    scale = _half(torch.where(scale > 0, scale.clamp(min=6e-8), torch.ones_like(scale)))
    return scale, _half(-low / scale)


def _searched(values: Tensor, bits: int, importance: Tensor) -> tuple[Tensor, Tensor]:
    """The best of shrunk ranges for one group (out, group) a row, by squared error weighed by `importance`."""
    whole_scale, zero = _range(values[:, None], bits)
    whole_scale, zero = whole_scale[:, 0], zero[:, 0]
    best, least = whole_scale, torch.full_like(whole_scale, float("inf"))
    for share in SHRINK:
        scale = _half((whole_scale * share).clamp(min=6e-8))
        back = (_codes(values, scale, zero, bits).float() - zero[:, None]) * scale[:, None]
        loss = (values - back).square() @ importance
        best, least = torch.where(loss < least, scale, best), torch.minimum(loss, least)
    return best, zero


def _codes(values: Tensor, scale: Tensor, zero: Tensor, bits: int) -> Tensor:
    return (values / scale[..., None] + zero[..., None]).round().clamp(0, 2**bits - 1).to(torch.uint8)


def _half(x: Tensor) -> Tensor:
    return x.half().float()
