"""Quantize one matrix with RTN, HQQ or GPTQ.

RTN rounds each weight to the nearest code. HQQ also fits the zero points. GPTQ rounds column by column and corrects the
error of each column in the later columns.

All three return a `QuantizedMatrix`: a group of neighbouring inputs of a row shares a scale and a zero point, both rounded
to fp16. The range of a group always includes zero. So a zero point of RTN and GPTQ is between 0 and 2^bits - 1, and the
error of fp16 is small.

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

# HQQ: the exponent p of the norm, the first weight of the penalty, its growth in each round, and the number of rounds.
# Source: Badri and Shaji 2023, the defaults of their code.
HQQ_NORM, HQQ_BETA, HQQ_GROWTH, HQQ_ROUNDS = 0.7, 10.0, 1.01, 20
# GPTQ: the part of the mean of the diagonal that is added to the diagonal, and the columns between two updates of the rest.
# Source: Frantar et al. 2023.
GPTQ_DAMP, GPTQ_BLOCK = 0.01, 128
# GPTQ tries these parts of the full range of a group, from 100 % down to 68 %.
SHRINK_FACTORS = tuple(1 - 0.04 * step for step in range(9))


def group_size(inputs: int, group: int) -> int:
    """Return the largest divisor of both `inputs` and `group`, so that a row splits into whole groups.

    Args:
        inputs: Inputs of a row.
        group: The wanted inputs of a group.

    Example:
        >>> group_size(768, 128), group_size(96, 64)
        (128, 32)
    """
    return math.gcd(inputs, group)


def rtn(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """Round a matrix to the nearest of 2^bits steps between the smallest and the largest value of each group.

    Args:
        weight: The matrix (out, in), fp32.
        bits: Bits of a code.
        group: Inputs that share a scale.

    Example:
        >>> rtn(torch.tensor([[-1.0, 0.0, 1.0, 2.0]]), bits=2, group=4).weight().tolist()
        [[-1.0, 0.0, 1.0, 2.0]]
    """
    grouped = weight.unflatten(1, (-1, group_size(weight.shape[1], group)))
    scale, zero = _scale_and_zero(grouped, bits)
    return QuantizedMatrix(_codes(grouped, scale, zero, bits).flatten(1), scale, zero, bits)


def hqq(weight: Tensor, bits: int, group: int) -> QuantizedMatrix:
    """Round a matrix with fitted zero points: most errors become smaller, and a few outliers keep a large error.

    HQQ needs no data. It minimizes |W - (Q - z) s|_p with p < 1 over the zero points z by half-quadratic splitting. Each
    round first shrinks the error to its sparse part E. Then z becomes the mean of Q - (W - E) / s. Each group keeps the
    zero point of its best round.

    Args:
        weight: The matrix (out, in), fp32.
        bits: Bits of a code.
        group: Inputs that share a scale.

    Source:
        Badri and Shaji 2023, Half-Quadratic Quantization.

    Example:
        >>> weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))
        >>> plain, fitted = ((weight - q(weight, 3, 32).weight()).abs().pow(0.7).sum() for q in (rtn, hqq))
        >>> bool(fitted <= plain)
        True
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
    """Round a matrix column by column, and correct the error of each column in the columns after it.

    GPTQ minimizes |X (W - Q)'|^2 greedily, for the inputs X of the matrix. The method needs the inverse of the moment
    after each column. The Cholesky factor of the inverse already holds all of these, so nothing is inverted again.

    The range of a group is chosen at its first column, from the weights with all corrections so far. Of the ranges in
    `SHRINK_FACTORS`, the one with the smallest error, weighted by the inputs, is taken.

    Args:
        weight: The matrix (out, in), fp32.
        bits: Bits of a code.
        group: Inputs that share a scale.
        moment: X'X / n of the inputs (in, in), fp32.

    Source:
        Frantar et al. 2023, GPTQ, section 3.

    Example:
        >>> weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))
        >>> x = torch.randn(64, 32, generator=torch.Generator().manual_seed(1)) * torch.arange(1, 33)
        >>> corrected, plain = gptq(weight, 3, 32, x.T @ x / len(x)), rtn(weight, 3, 32)
        >>> error = lambda matrix: float((x @ (weight - matrix.weight()).T).square().sum())
        >>> error(corrected) < error(plain)
        True
    """
    rows, inputs = weight.shape
    size = group_size(inputs, group)
    work, moment = weight.clone(), moment.clone()
    diagonal = moment.diagonal()
    unused_inputs = diagonal <= 0
    diagonal[unused_inputs] = 1
    diagonal += GPTQ_DAMP * diagonal.mean()
    inverse_factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(moment)), upper=True)
    codes = torch.empty(rows, inputs, dtype=torch.uint8)
    scales, zeros = torch.empty(rows, inputs // size), torch.empty(rows, inputs // size)
    for start in range(0, inputs, GPTQ_BLOCK):
        end = min(start + GPTQ_BLOCK, inputs)
        errors = torch.empty(rows, end - start)
        for column in range(start, end):
            if column % size == 0:
                columns = slice(column, column + size)
                # Columns of the group in the next block do not have the corrections of this block yet.
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
    """Return the sum of the squared errors of the weights, each weighted by the mean square of its input.

    Args:
        weight: The matrix (out, in).
        matrix: The quantized matrix.
        importance: Mean square of each input (in,).

    Example:
        >>> weight = torch.tensor([[0.0, 1.5, 3.0, 3.0]])
        >>> weighted_error(weight, rtn(weight, 2, 4), torch.tensor([1.0, 2.0, 1.0, 1.0]))
        0.5
    """
    return float(((weight - matrix.weight()).square() @ importance.float()).sum(dtype=torch.float64))


def _scale_and_zero(grouped: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return scale and zero point (out, groups) of the weights (out, groups, group), from their range and zero."""
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    # fp16 would round a scale below 6e-8 to zero. A group of zeros may have any scale.
    scale = _round_to_fp16(torch.where(scale > 0, scale.clamp(min=6e-8), torch.ones_like(scale)))
    return scale, _round_to_fp16(-low / scale)


def _search_scale(values: Tensor, bits: int, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Return scale and zero point (out,) of one group (out, group): the range with the smallest weighted error.

    `importance` (group,) weights the squared error of each input.
    """
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
