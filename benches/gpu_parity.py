"""Part A of `gpu_check.py`: every chosen kernel against its definition in fp64, at the widths of 300m."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rotrain.models import kernels
from rotrain.models.documents import document_starts
from rotrain.models.rope import rope_table
from rotrain.models.ssd import scan_chunked

Row = dict[str, Any]
BF16, FP32, SCAN_FP32 = 2e-2, 1e-4, 5e-3


@dataclass(frozen=True)
class Case:
    """An operation on inputs.

    Attributes:
        name: Its name.
        fast: The chosen kernel.
        slow: Its definition.
        inputs: What both get. A tensor in fp64 marks what is fp32 in a model whatever its products are: the gains of
            norms and the steps of a scan.
        fp32_limit: Largest error in fp32.
    """

    name: str
    fast: Callable[..., Tensor]
    slow: Callable[..., Tensor]
    inputs: list[Tensor]
    fp32_limit: float = FP32


def kernel_parity(device: str, tiny: bool) -> Row:
    """Compare output and gradients of every case in bf16 and fp32."""
    where = torch.device(device)
    vocab = 300 if tiny else 40_000
    errors: dict[str, float] = {}
    limits: dict[str, float] = {}
    said: dict[str, str] = {}
    for dtype, kind in ((torch.bfloat16, "bf16"), (torch.float32, "fp32")):
        platform = kernels.detect_platform(where, half=kind == "bf16")
        said |= {f"{op} {kind}": name for op, (name, _) in kernels.reasons(vocab, platform).items()}
        for case in cases(kernels.choose(vocab, platform), where, vocab, tiny):
            key = f"{case.name} {kind}"
            limits[key] = BF16 if kind == "bf16" else case.fp32_limit
            try:
                errors[key] = compare(case, dtype)
            except Exception as error:
                # A kernel that fails must not hide the others.
                errors[key], said[key] = 1e9, f"{type(error).__name__}: {str(error)[:300]}"
    good = all(errors[key] <= limits[key] for key in errors)
    return {"ok": good, "errors": errors, "limits": limits, "kernels": said}


def compare(case: Case, dtype: torch.dtype) -> float:
    """Return the largest error of output and gradients, relative to the largest value of each.

    Both sides see inputs that are rounded to `dtype`, or to fp32 where a case marks them so.
    """
    rounded = [x if x.dtype == torch.float64 else x.to(dtype) for x in case.inputs]
    sides = []
    for function, kind in ((case.fast, None), (case.slow, torch.float64)):
        leaves = []
        for x in rounded:
            own = torch.float32 if x.dtype == torch.float64 else x.dtype
            leaves.append(x.to(own).to(kind or own).clone().requires_grad_())
        out = function(*leaves)
        weight = torch.linspace(0.5, 1.5, out.numel(), device=out.device, dtype=torch.float64)
        (out.double() * weight.view(out.shape)).sum().backward()
        sides.append([out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)])
    errors = [
        float((found.double() - truth.double()).abs().max() / truth.double().abs().max().clamp(min=1e-30))
        for found, truth in zip(*sides, strict=True)
    ]
    # A value that is no number compares as false everywhere: it must not pass.
    return max(error if error == error else 1e9 for error in errors)


def cases(fast: kernels.Kernels, where: torch.device, vocab: int, tiny: bool) -> Iterator[Case]:
    """Yield the operations of the six architectures, one at a time: their inputs are large."""
    generator = torch.Generator(device=where).manual_seed(0)
    length, width, heads, positions = (64, 32, 8, 128) if tiny else (2048, 1024, 16, 8192)
    slow = kernels.REFERENCE

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=where)

    documents = (torch.arange(length, device=where) // (length // 5)).expand(1, -1)
    starts = document_starts(documents)
    for kv in (heads, heads // 4, 1):
        qkv = [draw(1, n, length, 64) for n in (heads, kv, kv)]
        yield Case(f"attention {heads}/{kv}", fast.attention, slow.attention, qkv)
        yield Case(
            f"documents {heads}/{kv}",
            lambda q, k, v: fast.document_attention(q, k, v, documents, None, starts),
            lambda q, k, v: slow.document_attention(q, k, v, documents, None, None),
            qkv,
        )
    for window in (15, 16, 17) if tiny else (511, 512, 513):
        yield Case(
            f"window {window}",
            lambda q, k, v, w=window: fast.window_attention(q, k, v, w),
            lambda q, k, v, w=window: slow.window_attention(q, k, v, w),
            [draw(1, n, length, 64) for n in (heads, heads // 4, heads // 4)],
        )
    yield from scans(fast, where, draw, length, documents, tiny)
    channels = 2 * heads * 64 + 2 * 128
    yield Case(
        "conv",
        lambda x, w, b: fast.conv(x, w, b, None),
        lambda x, w, b: slow.conv(x, w, b, None),
        [draw(1, length + 3, channels), draw(channels, 1, 4), draw(channels)],
    )
    yield Case(
        "rms_norm",
        lambda x, w: fast.rms_norm(x, w, 1e-5),
        lambda x, w: slow.rms_norm(x, w, 1e-5),
        [draw(length, width), draw(width).double()],
    )
    yield Case(
        "layer_norm",
        lambda x, w, b: fast.layer_norm(x, w, b, 1e-5),
        lambda x, w, b: slow.layer_norm(x, w, b, 1e-5),
        [draw(length, width), draw(width).double(), draw(width).double()],
    )
    cos, sin = (table.to(where) for table in rope_table(length, 64, 10_000.0))
    yield Case(
        "rope",
        lambda x: fast.rope(x, cos.to(x.dtype), sin.to(x.dtype)),
        lambda x: slow.rope(x, cos.to(x.dtype), sin.to(x.dtype)),
        [draw(1, length, heads, 64)],
    )
    labels = torch.randint(vocab, (positions,), generator=generator, device=where)
    yield Case(
        "loss",
        lambda h, w: fast.loss(h, w, labels),
        lambda h, w: slow.loss(h, w, labels),
        [draw(positions, width), draw(vocab, width) * width**-0.5],
    )


def scans(
    fast: kernels.Kernels,
    where: torch.device,
    draw: Callable[..., Tensor],
    length: int,
    documents: Tensor,
    tiny: bool,
) -> Iterator[Case]:
    """Yield scans with chunks of two sizes, of whole sequences and of documents.

    The definition walks through the positions one by one; at this length the chunks in fp64 replace it, which the tests
    compare with the definition.
    """
    heads, state = (8, 16) if tiny else (32, 128)
    rates = -torch.linspace(1, 16, heads, device=where)
    marks = torch.cat((documents[:, :1], documents), 1)
    inputs = [
        draw(1, length, heads, 64),
        nn.functional.softplus(draw(1, length, heads) - 3).double(),
        draw(1, length, 1, state) * state**-0.5,
        draw(1, length, 1, state),
    ]
    for chunk in (16, 32) if tiny else (128, 256):
        for name, separate in (("scan", None), ("scan of documents", marks)):

            def scan(
                function: kernels.Scan, q: int, separate: Tensor | None = separate
            ) -> Callable[..., Tensor]:
                return lambda x, dt, b, c: function(x, dt, rates.to(dt.dtype), b, c, None, separate, q)[0]

            yield Case(
                f"{name}, chunks of {chunk}",
                scan(fast.scan, chunk),
                scan(scan_chunked, 64),
                inputs,
                SCAN_FP32,
            )
