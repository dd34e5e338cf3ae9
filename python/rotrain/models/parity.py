"""How far the fast kernels are from the written-out references, on this machine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rotrain.models import kernels
from rotrain.models.rope import rope_table


def kernel_errors(vocab_size: int, device: torch.device) -> dict[str, float]:
    """For each operation: the largest error of the fast fp32 kernel's output and gradients.

    The truth is the written-out reference in fp32 on the CPU. Errors are relative to
    its largest value.
    """
    fast, slow = kernels.choose(vocab_size), kernels.REFERENCE
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    cos, sin = rope_table(96, 64, 10_000.0)
    labels = torch.randint(vocab_size, (700,), generator=generator)
    q, k, v = draw(2, 4, 96, 64), draw(2, 2, 96, 64), draw(2, 2, 96, 64)
    return {
        "attention": _error(
            lambda a, b, c: fast.attention(a, b, c, 0),
            lambda a, b, c: slow.attention(a, b, c, 0),
            (q, k, v),
            device,
        ),
        "rms_norm": _error(
            lambda x, w: fast.rms_norm(x, w, 1e-5),
            lambda x, w: slow.rms_norm(x, w, 1e-5),
            (draw(96, 256), draw(256)),
            device,
        ),
        "rope": _error(
            lambda x: fast.rope(x, cos.to(x.device), sin.to(x.device)),
            lambda x: slow.rope(x, cos, sin),
            (draw(2, 96, 4, 64),),
            device,
        ),
        "loss": _error(
            lambda h, w: fast.loss(h, w, labels.to(h.device)),
            lambda h, w: slow.loss(h, w, labels),
            (draw(700, 64), 0.1 * draw(vocab_size, 64)),
            device,
        ),
    }


def _error(
    fast: Callable[..., Tensor], slow: Callable[..., Tensor], inputs: tuple[Tensor, ...], device: torch.device
) -> float:
    found = _run(fast, tuple(x.to(device) for x in inputs))
    truth = _run(slow, inputs)
    return max(float((a.cpu() - b).abs().max() / b.abs().max()) for a, b in zip(found, truth, strict=True))


def _run(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = function(*leaves)
    # A weighted sum gives every output element its own gradient.
    weight = torch.linspace(0.5, 1.5, out.numel(), device=out.device).view(out.shape)
    (out * weight).sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]
