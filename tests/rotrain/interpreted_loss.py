"""The Triton kernel of the loss on a CPU: `python interpreted_loss.py` prints its distance from the plain loss.

Triton's interpreter runs the unmodified kernel in numpy. A separate process runs it, because Triton asks for the
interpreter when the kernel is defined.
"""

from __future__ import annotations

import json
import os

os.environ["TRITON_INTERPRET"] = "1"

import torch
from torch import Tensor

from rotrain.models import loss_cuda
from rotrain.models.loss import token_loss_chunked, token_loss_reference

# Rows, vocabulary, width: the rows of logits of the 300m models, one that is no multiple of a block, and one in a block.
SIZES = {"300m": (20, 40_000, 256), "odd": (33, 4_097, 64), "small": (7, 300, 32)}


def case(size: str) -> tuple[Tensor, Tensor, Tensor]:
    rows, vocab, width = SIZES[size]
    g = torch.Generator().manual_seed(vocab)
    weight = torch.randn(vocab, width, generator=g) * (0.4 / width**0.5)
    hidden = torch.randn(rows, width, generator=g)
    hidden[0] *= 40  # one row with large logits: its softmax is nearly one entry
    labels = torch.randint(vocab, (rows,), generator=g)
    labels[0], labels[1], labels[-1] = 0, vocab - 1, vocab - 1
    return hidden, weight, labels


def gradients(function: object, size: str, half: bool, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    hidden, weight, labels = case(size)
    leaves = [x.to(dtype).requires_grad_() for x in (hidden, weight)]
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = function(*leaves, labels)  # type: ignore[operator]
    (loss / 7).backward()
    return [loss.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def compare(size: str, half: bool) -> dict[str, float]:
    loss_cuda.CHUNK_BYTES = 8 * SIZES[size][1] * (2 if half else 4)  # several chunks
    found = gradients(loss_cuda.token_loss_fused, size, half)
    truth = gradients(token_loss_reference, size, False, torch.float64)
    cpu = gradients(token_loss_chunked, size, half)
    assert all(x.dtype == torch.float32 for x in found)
    out = {}
    for name, a, b, c in zip(("loss", "hidden", "weight"), found, truth, cpu, strict=True):
        out[f"{name} - exact"] = float((a - b).norm() / b.norm())
        out[f"{name} of a CPU - exact"] = float((c - b).norm() / b.norm())
    with torch.no_grad():
        hidden, weight, labels = case(size)
        before = hidden.clone()
        plain = loss_cuda.token_loss_fused(hidden, weight, labels)
        assert torch.equal(hidden, before)
    out["without gradients"] = float((plain - truth[0]).abs() / truth[0])
    return out


if __name__ == "__main__":
    print(
        json.dumps(
            {
                f"{size} {'bf16' if half else 'fp32'}": compare(size, half)
                for size in SIZES
                for half in (False, True)
            }
        )
    )
