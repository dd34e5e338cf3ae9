"""How far the fast kernels are from the references, on this machine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rotrain.models import kernels
from rotrain.models.attention_backend import attention_cudnn, attention_flash
from rotrain.models.cuda_kernels import (
    document_attention_varlen,
    window_attention_flash,
    window_attention_varlen,
)
from rotrain.models.documents import document_starts
from rotrain.models.platform import Platform
from rotrain.models.rope import rope_table

# These kernels give fp32 to the portable kernels, so an error in fp32 would not be theirs.
HALF_ONLY = (
    attention_cudnn,
    attention_flash,
    window_attention_flash,
    window_attention_varlen,
    document_attention_varlen,
)


def _input_dtype(kernel: Callable[..., Tensor]) -> torch.dtype:
    return torch.bfloat16 if kernel in HALF_ONLY else torch.float32


def kernel_errors(
    vocab_size: int, device: torch.device, platform: Platform | None = None
) -> dict[str, float]:
    """Return the largest error of each fast kernel's output and gradients, by operation.

    The truth is the reference in fp32 on the CPU. Errors are relative to its largest value. Inputs are fp32, and bf16 for a
    kernel that computes in 16 bits only.

    Args:
        vocab_size: Entries of the vocabulary, on which the choice of the loss depends.
        device: Where the fast kernels run.
        platform: What the choice of the kernels depends on. Default: kernels that run anywhere.
    """
    fast, slow = kernels.choose(vocab_size, platform), kernels.REFERENCE
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    cos, sin = rope_table(96, 64, 10_000.0)
    labels = torch.randint(vocab_size, (800,), generator=generator)
    q, k, v = draw(2, 4, 96, 64), draw(2, 2, 96, 64), draw(2, 2, 96, 64)
    documents = (torch.arange(96) // 40).expand(2, -1)
    dt = nn.functional.softplus(draw(2, 96, 4) - 3)
    rates = -torch.linspace(1, 16, 4)
    keys = draw(2, 96, 1, 128) * 128**-0.5

    def scan(ops: kernels.Kernels) -> Callable[..., Tensor]:
        return lambda x, dt, b, c: ops.scan(x, dt, rates.to(x.device), b, c, None, None, 32)[0]

    return {
        "activations": _error(
            lambda x: fast.activations(nn.functional.silu, x),
            lambda x: slow.activations(nn.functional.silu, x),
            (draw(96, 256),),
            device,
        ),
        "attention": _error(fast.attention, slow.attention, (q, k, v), device, _input_dtype(fast.attention)),
        "window_attention": _error(
            lambda a, b, c: fast.window_attention(a, b, c, 33),
            lambda a, b, c: slow.window_attention(a, b, c, 33),
            (q, k, v),
            device,
            _input_dtype(fast.window_attention),
        ),
        "document_attention": _error(
            lambda a, b, c: fast.document_attention(
                a, b, c, documents.to(a.device), None, document_starts(documents).to(a.device)
            ),
            lambda a, b, c: slow.document_attention(a, b, c, documents, None, None),
            (q, k, v),
            device,
            _input_dtype(fast.document_attention),
        ),
        "scan": _error(scan(fast), scan(slow), (draw(2, 96, 4, 64), dt, keys, keys.flip(1)), device),
        "conv": _error(
            lambda x, w, b: fast.conv(x, w, b, None),
            lambda x, w, b: slow.conv(x, w, b, None),
            (draw(2, 99, 64), draw(64, 1, 4), draw(64)),
            device,
        ),
        "layer_norm": _error(
            lambda x, w, b: fast.layer_norm(x, w, b, 1e-5),
            lambda x, w, b: slow.layer_norm(x, w, b, 1e-5),
            (draw(96, 256), draw(256), draw(256)),
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
            (draw(800, 64), 0.1 * draw(vocab_size, 64)),
            device,
        ),
    }


def _error(
    fast: Callable[..., Tensor],
    slow: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> float:
    found = _run(fast, tuple(x.to(device, dtype) for x in inputs))
    truth = _run(slow, inputs)
    return max(
        float((a.cpu().float() - b).abs().max() / b.abs().max()) for a, b in zip(found, truth, strict=True)
    )


def _run(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = function(*leaves)
    # A weighted sum gives every output element its own gradient.
    weight = torch.linspace(0.5, 1.5, out.numel(), device=out.device).view(out.shape)
    (out * weight).sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]
