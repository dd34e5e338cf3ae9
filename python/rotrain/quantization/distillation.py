"""Improve a quantized model: train its scales, zero points and norms to predict what the float model predicts.

This is the option `--polish`. The codes do not change, so nothing is rounded during the training: it changes only
parameters that are stored as floats. One sequence in eight is held out. If the divergence on the held-out sequences is not
smaller at the end, the result is discarded.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from rotrain.models.decoder import Decoder
from rotrain.models.quantized import QuantizedEmbedding, QuantizedLinear, quantized_matrices, replace_matrix
from rotrain.quantization.allocate import mean_kl

BATCH_TOKENS = 1024
# Learning rates of Adam. The rate of a scale is a part of the mean scale of its matrix. The rate of a zero point is in codes.
SCALE_RATE, ZERO_RATE, GAIN_RATE = 3e-3, 2e-2, 1e-3


def held_out(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Split sequences into a training set and a held-out set: every eighth sequence. A single sequence is in both.

    Args:
        tokens: Token ids (N, T).

    Returns:
        The training sequences and the held-out sequences.

    Example:
        >>> training, validation = held_out(torch.arange(10)[:, None])
        >>> validation.flatten().tolist()
        [7]
    """
    if len(tokens) < 2:
        return tokens, tokens
    validation = torch.arange(len(tokens)) % 8 == min(7, len(tokens) - 1)
    return tokens[~validation], tokens[validation]


@torch.inference_mode()
def divergence(teacher: Decoder, model: Decoder, tokens: Tensor) -> float:
    """Measure the mean KL divergence of a model's predictions from the teacher's, in nats per token.

    Args:
        teacher: The model that p comes from.
        model: The model that q comes from.
        tokens: Token ids (N, T) int64.
    """
    total = 0.0
    for rows in tokens.split(max(1, BATCH_TOKENS // tokens.shape[1])):
        teacher_log_probs = teacher.logits(teacher(rows)).log_softmax(-1)
        total += len(rows) * mean_kl(teacher_log_probs, model.logits(model(rows)))
    return total / len(tokens)


def distill_scales(
    teacher: Decoder, model: Decoder, tokens: Tensor, steps: int, seed: int = 0
) -> tuple[float, float]:
    """Train the scales, zero points and norms of a quantized model, in place. If that does not help, the model is unchanged.

    Args:
        teacher: The float model.
        model: The quantized model.
        tokens: Token ids (N, T) int64. One sequence in eight is held out.
        steps: Optimizer steps.
        seed: Seed of the random choice of sequences.

    Returns:
        The divergence from the teacher on the held-out sequences in nats per token, before and after.
    """
    training, validation = held_out(tokens)
    before = divergence(teacher, model, validation)
    initial_state = copy.deepcopy(model.state_dict())
    quantized_modules = [m for m in model.modules() if isinstance(m, QuantizedLinear | QuantizedEmbedding)]
    rates = [(module.scale, SCALE_RATE * float(module.scale.detach().mean())) for module in quantized_modules]
    rates += [(module.zero, ZERO_RATE) for module in quantized_modules]
    with_own_rate = {id(parameter) for parameter, _ in rates}
    rates += [(p, GAIN_RATE) for p in model.parameters() if id(p) not in with_own_rate]
    optimizer = torch.optim.Adam(
        [{"params": [p], "peak": rate} for p, rate in rates], lr=0.0, betas=(0.9, 0.99)
    )
    generator = torch.Generator().manual_seed(seed)
    count = max(1, BATCH_TOKENS // tokens.shape[1])
    for step in range(steps):
        rows = training[torch.randint(len(training), (count,), generator=generator)]
        with torch.no_grad():
            teacher_log_probs = teacher.logits(teacher(rows)).log_softmax(-1)
        log_probs = model.logits(model(rows)).log_softmax(-1)
        loss = (teacher_log_probs.exp() * (teacher_log_probs - log_probs)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        warm_up = min(1.0, (step + 1) / max(1, steps // 10))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * warm_up * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    for name, matrix in quantized_matrices(model).items():
        replace_matrix(model, name, matrix)  # rounds scales and zero points to fp16, as in the file
    after = divergence(teacher, model, validation)
    if not after < before:
        model.load_state_dict(initial_state)
    return before, min(before, after)
