"""`--polish`: teach a quantized model to answer as the float model did, by its scales, zero points and norms.

Codes stay as they are, so nothing has to be rounded while it learns (distillation of the parameters that are floats
anyhow). Of the sequences one in eight is held out: where the result is no better there, it is not taken.
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
# Steps of Adam: a share of the mean scale, of a code, of a gain.
SCALE_RATE, ZERO_RATE, GAIN_RATE = 3e-3, 2e-2, 1e-3


def held_out(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences to learn from, and every eighth, to judge by. Of one sequence both are that one."""
    if len(tokens) < 2:
        return tokens, tokens
    judged = torch.arange(len(tokens)) % 8 == min(7, len(tokens) - 1)
    return tokens[~judged], tokens[judged]


@torch.inference_mode()
def divergence(teacher: Decoder, model: Decoder, tokens: Tensor) -> float:
    """Mean KL divergence in nats a token of `model` from `teacher` over (N, T) tokens."""
    total = 0.0
    for rows in tokens.split(max(1, BATCH_TOKENS // tokens.shape[1])):
        truth = teacher.logits(teacher(rows)).log_softmax(-1)
        total += len(rows) * mean_kl(truth, model.logits(model(rows)))
    return total / len(tokens)


def distill_scales(
    teacher: Decoder, model: Decoder, tokens: Tensor, steps: int, seed: int = 0
) -> tuple[float, float]:
    """Change `model` in place; its divergence from the teacher on held-out sequences before and after."""
    learnt, judged = held_out(tokens)
    before = divergence(teacher, model, judged)
    kept = copy.deepcopy(model.state_dict())
    held = [m for m in model.modules() if isinstance(m, QuantizedLinear | QuantizedEmbedding)]
    rates = [(module.scale, SCALE_RATE * float(module.scale.detach().mean())) for module in held]
    rates += [(module.zero, ZERO_RATE) for module in held]
    named = {id(parameter) for parameter, _ in rates}
    rates += [(p, GAIN_RATE) for p in model.parameters() if id(p) not in named]
    optimizer = torch.optim.Adam(
        [{"params": [p], "peak": rate} for p, rate in rates], lr=0.0, betas=(0.9, 0.99)
    )
    generator = torch.Generator().manual_seed(seed)
    count = max(1, BATCH_TOKENS // tokens.shape[1])
    for step in range(steps):
        rows = learnt[torch.randint(len(learnt), (count,), generator=generator)]
        with torch.no_grad():
            truth = teacher.logits(teacher(rows)).log_softmax(-1)
        answer = model.logits(model(rows)).log_softmax(-1)
        loss = (truth.exp() * (truth - answer)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        warm = min(1.0, (step + 1) / max(1, steps // 10))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    for name, grid in quantized_matrices(model).items():
        replace_matrix(model, name, grid)  # as it will be read: rounded to 16 bits
    after = divergence(teacher, model, judged)
    if not after < before:
        model.load_state_dict(kept)
    return before, min(before, after)
