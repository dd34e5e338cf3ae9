"""Next-token loss from hidden states: the sum over tokens of -ln p(label), in nats.

The logits of a batch are the largest tensor of a small model with a large vocabulary: 2,048
tokens x 40,000 entries are 328 MB in fp32, several times over in a plain backward pass. The
chunked loss makes the logits of a few tokens at a time, and takes their gradient at once, so
they are never kept and never computed twice.

PyTorch has `F.linear_cross_entropy` for this, but under bf16 it also adds up the loss in bf16
(measured: 21,760 where the fp32 sum is 22,086), so the one here is ours, with fp32 sums.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.precision import product_dtype

CHUNK_TOKENS = 512


def token_loss_reference(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Sum of the losses of (N,) labels, from (N, h) states and the (V, h) output matrix."""
    logits = F.linear(hidden, weight).float()
    return F.cross_entropy(logits, labels, reduction="sum")


def token_loss_chunked(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """The same sum with the logits of `CHUNK_TOKENS` tokens in memory at a time."""
    loss: Tensor = _ChunkedLoss.apply(hidden, weight, labels, product_dtype(hidden))
    return loss


class _ChunkedLoss(torch.autograd.Function):
    """Gradients are computed in forward, where the softmax is at hand, and scaled in backward.

    Products run in `narrow` (bf16 under autocast); the cast of the weight happens in here so
    that its gradient is summed over the chunks, and handed back, in the weight's own fp32.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, narrow: torch.dtype) -> Tensor:
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        states, matrix = hidden.to(narrow), weight.to(narrow)
        if wanted:
            d_hidden = torch.empty_like(states)
            d_weight = torch.zeros_like(weight)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, states.shape[0], CHUNK_TOKENS):
                part = states[start : start + CHUNK_TOKENS]
                label = labels[start : start + CHUNK_TOKENS, None]
                logits = (part @ matrix.T).float()
                log_sum = torch.logsumexp(logits, 1, keepdim=True)
                total += (log_sum - logits.gather(1, label)).sum()
                if not wanted:
                    continue
                # d loss / d logits = softmax - one_hot(label)
                gradient = logits.sub_(log_sum).exp_()
                gradient.scatter_add_(1, label, gradient.new_full(label.shape, -1.0))
                gradient = gradient.to(narrow)
                torch.mm(gradient, matrix, out=d_hidden[start : start + CHUNK_TOKENS])
                if d_weight.dtype == narrow:
                    d_weight.addmm_(gradient.T, part)
                else:
                    d_weight += gradient.T @ part
        if wanted:
            ctx.gradients = d_hidden.to(hidden.dtype), d_weight
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_hidden, d_weight = ctx.gradients
        del ctx.gradients  # scaled in place: a second backward pass must fail, not scale twice
        (scale,) = upstream
        return d_hidden.mul_(scale), d_weight.mul_(scale), None, None
