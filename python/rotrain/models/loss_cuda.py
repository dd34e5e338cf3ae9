"""The chunked loss of `loss`, as a GPU wants it.

A GPU wants large products and few launches, where a CPU wants what fits into its cache. So a chunk has thousands of tokens,
one Triton kernel turns its logits into their gradient where they are, and the gradient of the output matrix is added up in
fp32 by the product itself. A chunk is five launches: logits, softmax, the sum of the losses, and two products.

Peak memory beside the inputs, with V = 40,000, width 1,024 and bf16 products: at most 537 MB of logits (`CHUNK_BYTES`),
164 MB for the gradient of the matrix (fp32), 82 MB for its bf16 copy, and 4 KB for each token of the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rotrain.models.loss import GradientsInForward
from rotrain.models.precision import product_dtype

CHUNK_BYTES = (
    1 << 29
)  # of logits: 6,710 tokens of 40,000 entries in bf16; products of 4,096 rows fill a large GPU


def chunk_rows(tokens: int, vocab_size: int, itemsize: int) -> int:
    """Return the tokens of a chunk: chunks are equal, and as few as `CHUNK_BYTES` allows.

    Examples:
        >>> chunk_rows(8_192, 40_000, itemsize=2)
        4096
    """
    chunks = -(-tokens // max(1, CHUNK_BYTES // (vocab_size * itemsize)))
    return -(-tokens // chunks) if chunks else 1


def token_loss_fused(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return the sum of the losses in nats, see `loss.token_loss_reference`. It needs Triton."""
    loss: Tensor = _FusedLoss.apply(hidden, weight, labels, product_dtype(hidden))
    return loss


@torch.library.custom_op("rotrain::softmax_gradient", mutates_args=("logits",))
def softmax_gradient(logits: Tensor, labels: Tensor, gradient: bool) -> Tensor:
    """Replace logits (n, V) by softmax - one_hot(label) if `gradient`; return the losses (n,) fp32."""
    from rotrain.models.softmax_kernel import launch_softmax_gradient

    return launch_softmax_gradient(logits, labels, gradient)


@softmax_gradient.register_fake
def _(logits: Tensor, labels: Tensor, gradient: bool) -> Tensor:
    return logits.new_empty(len(logits), dtype=torch.float32)


class _FusedLoss(GradientsInForward):
    """The gradients are computed in forward and scaled in backward, as in `loss._ChunkedLoss`."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, narrow: torch.dtype) -> Tensor:
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            states, matrix = hidden.to(narrow), weight.to(narrow)
            chunk = chunk_rows(len(states), len(matrix), states.element_size())
            buffer = states.new_empty(chunk, len(matrix))
            if wanted:
                d_hidden, d_weight = torch.empty_like(states), torch.zeros_like(weight)
            for start in range(0, len(states), chunk):
                part, label = (tensor[start : start + chunk] for tensor in (states, labels))
                logits = torch.mm(part, matrix.T, out=buffer[: len(part)])
                total += softmax_gradient(logits, label, wanted).sum()
                if wanted:
                    torch.mm(logits, matrix, out=d_hidden[start : start + chunk])
                    _add_product(d_weight, logits.T, part)
        if wanted:
            ctx.gradients = d_hidden.to(hidden.dtype), d_weight
        return total


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a b to `total`, in the type of `total`."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    elif total.device.type == "cuda":
        # The product of bf16 matrices is kept in fp32 and added there. A CPU has no such call.
        torch.addmm(total, a, b, out_dtype=total.dtype, out=total)
    else:
        total.addmm_(a.to(total.dtype), b.to(total.dtype))
