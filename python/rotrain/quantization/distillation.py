"""`--polish`: distill a quantized model from the float model by its scales, zero points and norms.

The codes stay as they are, so nothing is rounded while the parameters learn: only parameters that are floats anyway are
distilled. One sequence in eight is held out. If the result is not better there, it is discarded.
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
# Learning rates of Adam: as a part of the mean scale, in codes, in gains.
SCALE_RATE, ZERO_RATE, GAIN_RATE = 3e-3, 2e-2, 1e-3


def held_out(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Split sequences (N, T) into those to learn from and every eighth, held out. A single sequence is both.

    Example:
        >>> learnt, judged = held_out(torch.arange(10)[:, None])
        >>> judged.flatten().tolist()
        [7]
    """
    if len(tokens) < 2:
        return tokens, tokens
    validation = torch.arange(len(tokens)) % 8 == min(7, len(tokens) - 1)
    return tokens[~validation], tokens[validation]


@torch.inference_mode()
def divergence(teacher: Decoder, model: Decoder, tokens: Tensor) -> float:
    """Return the mean KL divergence of `model` from `teacher` in nats a token, over token ids (N, T)."""
    total = 0.0
    for rows in tokens.split(max(1, BATCH_TOKENS // tokens.shape[1])):
        teacher_log_probs = teacher.logits(teacher(rows)).log_softmax(-1)
        total += len(rows) * mean_kl(teacher_log_probs, model.logits(model(rows)))
    return total / len(tokens)


def distill_scales(
    teacher: Decoder, model: Decoder, tokens: Tensor, steps: int, seed: int = 0
) -> tuple[float, float]:
    """Distill the scales, zero points and norms of `model` in place.

    Args:
        teacher: The float model.
        model: The quantized model.
        tokens: Token ids (N, T); one sequence in eight is held out.
        steps: Optimizer steps.
        seed: Seed of the draws.

    Returns:
        The divergence from the teacher on the held-out sequences in nats a token, before and after.
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
        replace_matrix(model, name, matrix)  # rounded to 16 bits, as the file will hold them
    after = divergence(teacher, model, validation)
    if not after < before:
        model.load_state_dict(initial_state)
    return before, min(before, after)
