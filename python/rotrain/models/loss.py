"""Next-token loss from hidden states: the sum over tokens of -ln p(label), in nats.

The logits of a batch are the largest tensor of a small model with a large vocabulary: 2,048 tokens x 40,000 entries take
328 MB in fp32, and a plain backward pass holds them several times. The chunked loss computes the logits of a few tokens at
a time, in the same memory, and takes their gradient at once. So they are never kept and never computed twice.

What made it fast (1 thread, 2,048 tokens, V 40,000, width 256, bf16; docs/log/training.md):

1. One buffer for all chunks. A fresh tensor of 80 MB for each chunk costs more in page faults than the arithmetic in it.
   Chunks are equal, and as few as the buffer allows: thin products are slow.
2. The passes of the softmax run over a few rows at a time, which stay in the CPU cache.
3. Rows are never divided by their sum. With e = exp(logit - max), s = sum(e) and one_hot(label), the gradient
   (e - s one_hot) / s is used as e - s one_hot, and the rows of the small matrices beside it are scaled by 1 / s.

PyTorch has `F.linear_cross_entropy` for this, but under bf16 it also adds the losses in bf16 (measured: 21,760 where the
fp32 sum is 22,086). This one has fp32 sums.

Examples:
    >>> hidden, weight, labels = torch.zeros(3, 4), torch.zeros(8, 4), torch.tensor([1, 2, 7])
    >>> round(float(token_loss_chunked(hidden, weight, labels)), 4)  # 3 ln 8: all 8 entries are equally likely
    6.2383
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rotrain.models.precision import product_dtype, to_fp32

CHUNK_LOGITS = 30_720_000  # 768 tokens of 40,000, or 3,750 of 8,192: 123 MB in fp32
TILE_LOGITS = 1 << 18  # 1 MiB in fp32, about an L2 cache; smaller tiles are more calls
TILE_ENTRIES = 4096  # of a gradient of width 1024 in bf16: 8 MB


def chunk_tokens(tokens: int, vocab_size: int) -> int:
    """Return how many of `tokens` tokens have their logits in memory at a time."""
    chunks = -(-tokens // max(1, CHUNK_LOGITS // vocab_size))
    return -(-tokens // chunks) if chunks else 1


def token_loss_reference(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return the sum of the losses in nats, a scalar.

    Args:
        hidden: States (N, h).
        weight: Output matrix (V, h).
        labels: Token ids (N,) int64.
    """
    logits = to_fp32(F.linear(hidden, weight))
    return F.cross_entropy(logits, labels, reduction="sum")


def token_loss_chunked(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return the same sum with the logits of `chunk_tokens` tokens in memory at a time."""
    loss: Tensor = _ChunkedLoss.apply(hidden, weight, labels, product_dtype(hidden))
    return loss


class GradientsInForward(torch.autograd.Function):
    """The backward pass of a loss whose `forward` kept the gradients of states and matrix in `ctx.gradients`."""

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Scale the gradients that were kept. They are gone then."""
        d_hidden, d_weight = ctx.gradients
        del ctx.gradients  # they are scaled in place: a second backward pass must fail, not scale twice
        (scale,) = upstream
        return d_hidden.mul_(scale), d_weight.mul_(scale), None, None


class _ChunkedLoss(GradientsInForward):
    """The gradients are computed in forward, where the exponentials exist, and scaled in backward.

    Products run in `narrow` (bf16 under autocast). The weight is cast here, so that its gradient is summed over the chunks
    and returned in fp32, the type of the weight.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, narrow: torch.dtype) -> Tensor:
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        states, matrix = hidden.to(narrow), weight.to(narrow)
        chunk = chunk_tokens(len(states), len(matrix))
        buffer = states.new_empty(chunk, len(matrix))
        if wanted:
            d_hidden, d_weight = torch.empty_like(states), torch.zeros_like(weight)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(states), chunk):
                part, label = (tensor[start : start + chunk] for tensor in (states, labels))
                logits = torch.mm(part, matrix.T, out=buffer[: len(part)])
                loss, sums = _exponentials(logits, label[:, None])
                total += loss
                if not wanted:
                    continue
                # d loss / d logits = softmax - one_hot(label) = logits / sums, with the logits as they are now
                d_part = torch.mm(logits, matrix, out=d_hidden[start : start + chunk])
                d_part /= sums
                scaled = (part / sums).to(narrow)
                if d_weight.dtype == narrow:
                    d_weight.addmm_(logits.T, scaled)
                    continue
                # A narrow product is cast to fp32 to be added. Tiles avoid a second copy of full size.
                for entry in range(0, len(d_weight), TILE_ENTRIES):
                    tile = slice(entry, entry + TILE_ENTRIES)
                    d_weight[tile] += torch.mm(logits[:, tile].T, scaled)
        if wanted:
            ctx.gradients = d_hidden.to(hidden.dtype), d_weight
        return total


def _exponentials(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Turn logits (n, V) into `e - s one_hot(label)` in place; return the sum of the losses, and `s` (n, 1).

    Sums and exponentials are fp32 for any type of the logits.
    """
    direct = logits.dtype.itemsize >= 4
    rows = max(1, TILE_LOGITS // logits.shape[1]) if logits.device.type == "cpu" else len(logits)
    wide = (
        logits if direct else logits.new_empty(min(rows, len(logits)), logits.shape[1], dtype=torch.float32)
    )
    sums = wide.new_empty(len(logits), 1)
    total = wide.new_zeros(())
    for start in range(0, len(logits), rows):
        narrow, label, s = (tensor[start : start + rows] for tensor in (logits, labels, sums))
        tile = narrow if direct else wide[: len(narrow)].copy_(narrow)
        top = tile.amax(1, keepdim=True)
        total += (top - tile.gather(1, label)).sum()
        torch.sum(tile.sub_(top).exp_(), 1, keepdim=True, out=s)
        tile.scatter_add_(1, label, -s)
        if not direct:
            narrow.copy_(tile)
    return total + sums.log().sum(), sums
