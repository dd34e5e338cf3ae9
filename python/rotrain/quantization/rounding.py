"""Three ways from a matrix to codes: to the nearest (RTN), with fitted zero points (HQQ), with corrected errors (GPTQ).

All return a `QuantizedMatrix`: groups of neighbouring inputs of a row share a scale and a zero point, both fp16. A range
always includes zero, so a zero point is between 0 and 2^bits - 1, and 16 bits store it exactly enough.

Example:
    >>> weight = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    >>> rtn(weight, bits=2, group=4).codes.tolist()
    [[0, 1, 2, 3]]
    >>> noisy = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))
    >>> errors = {bits: weighted_error(noisy, rtn(noisy, bits, 32), torch.ones(32)) for bits in (3, 8)}
    >>> errors[8] < errors[3] / 500
    True
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rotrain.models.quantized import QuantizedMatrix

# HQQ: the norm, the first weight of the penalty, its growth, the rounds (Badri and Shaji 2023, the defaults of their code).
HQQ_NORM, HQQ_BETA, HQQ_GROWTH, HQQ_ROUNDS = 0.7, 10.0, 1.01, 20
# GPTQ: the part of the mean diagonal that is added to it, and the columns between updates (Frantar et al. 2023).
GPTQ_DAMP, GPTQ_BLOCK = 0.01, 128
# Ranges to try, as parts of the whole range.
SHRINK_FACTORS = tuple(1 - 0.04 * step for step in range(9))


def group_size(inputs: int, group: int) -> int:
    """Return the group into which a row of `inputs` can be cut: the greatest common divisor."""
    return math.gcd(inputs, group)


def rtn(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """Round a matrix (out, in) to the nearest of 2^bits steps between the smallest and the largest value of a group."""
    grouped = weight.unflatten(1, (-1, group_size(weight.shape[1], group)))
    scale, zero = _scale_and_zero(grouped, bits)
    return QuantizedMatrix(_codes(grouped, scale, zero, bits).flatten(1), scale, zero, bits)


def hqq(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """Round a matrix (out, in) as RTN does, with zero points that give few large errors, by half-quadratic splitting.

    It minimizes |W - (Q - z) s|_p over z, p < 1: shrinking separates an error E, then z is the mean of Q - (W - E) / s.
    Each group keeps its best zero point. No data are needed.
    """
    grouped = weight.unflatten(1, (-1, group_size(weight.shape[1], group)))
    scale, zero = _scale_and_zero(grouped, bits)
    best, min_loss, beta = zero, torch.full_like(zero, float("inf")), HQQ_BETA
    for _ in range(HQQ_ROUNDS):
        codes = _codes(grouped, scale, zero, bits).float()
        error = grouped - (codes - zero[..., None]) * scale[..., None]
        loss = error.abs().pow(HQQ_NORM).sum(-1)
        best, min_loss = torch.where(loss < min_loss, zero, best), torch.minimum(loss, min_loss)
        size = error.abs()
        shrunk_error = (size - size.clamp(min=1e-8).pow(HQQ_NORM - 1) / beta).clamp(min=0) * error.sign()
        zero = _round_to_fp16((codes - (grouped - shrunk_error) / scale[..., None]).mean(-1))
        beta *= HQQ_GROWTH
    return QuantizedMatrix(_codes(grouped, scale, best, bits).flatten(1), scale, best, bits)


def gptq(weight: Tensor, bits: int, group: int, moment: Tensor) -> QuantizedMatrix:
    """Round a matrix column by column, and let later columns correct each error, using the second moment of the inputs.

    It minimizes |X (W - Q)'|^2 greedily. The inverse is never updated: its Cholesky factor holds all its states (Frantar et
    al. 2023, section 3). The range of a group is chosen when its first column is reached, from the weights as they are
    then, shrunk to the least error weighted by the inputs.

    Args:
        weight: The matrix (out, in).
        bits: Bits of a code.
        group: Inputs that share a scale.
        moment: X'X / n of the inputs (in, in).
    """
    rows, inputs = weight.shape
    size = group_size(inputs, group)
    work, moment = weight.clone(), moment.clone()
    diagonal = moment.diagonal()
    unused_inputs = diagonal <= 0
    diagonal[unused_inputs] = 1
    diagonal += GPTQ_DAMP * diagonal.mean()
    inverse_factor = torch.linalg.cholesky(
        torch.cholesky_inverse(torch.linalg.cholesky(moment)), inverse_factor=True
    )
    codes = torch.empty(rows, inputs, dtype=torch.uint8)
    scales, zeros = torch.empty(rows, inputs // size), torch.empty(rows, inputs // size)
    for start in range(0, inputs, GPTQ_BLOCK):
        end = min(start + GPTQ_BLOCK, inputs)
        errors = torch.empty(rows, end - start)
        for column in range(start, end):
            if column % size == 0:
                columns = slice(column, column + size)
                # Columns of the group beyond this block have not seen the block's errors yet.
                scale, zero = _search_scale(work[:, columns], bits, moment.diagonal()[columns])
                scales[:, column // size], zeros[:, column // size] = scale, zero
            values = work[:, column]
            codes[:, column] = _codes(values[:, None], scale, zero, bits)[:, 0]
            error = (values - (codes[:, column] - zero) * scale) / inverse_factor[column, column]
            work[:, column:end] -= error[:, None] * inverse_factor[column, column:end]
            errors[:, column - start] = error
        work[:, end:] -= errors @ inverse_factor[start:end, end:]
    return QuantizedMatrix(codes, scales, zeros, bits)


def weighted_error(weight: Tensor, matrix: QuantizedMatrix, importance: Tensor) -> float:
    """Return the sum of squared errors, each column weighted by the mean square of its input (in,)."""
    return float(((weight - matrix.weight()).square() @ importance.float()).sum(dtype=torch.float64))


def _scale_and_zero(grouped: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return scale and zero point (out, groups), given (out, groups, group): every weight has a code near it."""
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    # Rounding to 16 bits may make a scale zero. A group of zeros may have any scale.
    scale = _round_to_fp16(torch.where(scale > 0, scale.clamp(min=6e-8), torch.ones_like(scale)))
    return scale, _round_to_fp16(-low / scale)


def _search_scale(values: Tensor, bits: int, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best of the shrunk ranges for one group (out, group), by squared error weighted by `importance`."""
    full_scale, zero = _scale_and_zero(values[:, None], bits)
    full_scale, zero = full_scale[:, 0], zero[:, 0]
    best, min_loss = full_scale, torch.full_like(full_scale, float("inf"))
    for factor in SHRINK_FACTORS:
        scale = _round_to_fp16((full_scale * factor).clamp(min=6e-8))
        dequantized = (_codes(values, scale, zero, bits).float() - zero[:, None]) * scale[:, None]
        loss = (values - dequantized).square() @ importance
        best, min_loss = torch.where(loss < min_loss, scale, best), torch.minimum(loss, min_loss)
    return best, zero


def _codes(values: Tensor, scale: Tensor, zero: Tensor, bits: int) -> Tensor:
    return (values / scale[..., None] + zero[..., None]).round().clamp(0, 2**bits - 1).to(torch.uint8)


def _round_to_fp16(x: Tensor) -> Tensor:
    return x.half().float()
