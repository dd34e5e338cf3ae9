"""The scan of `ssd` by mamba-ssm's Triton kernels, as an operator that a compiler does not look into.

mamba-ssm's own function cannot be traced: its backward pass reads what the autotuner chose. Inside a compiled model it cut
the graph in every layer. Here the forward and the backward pass are two operators of PyTorch (`torch.ops.rotrain.ssd` and
`ssd_backward`) with a description of their results, so a model is one graph. The kernels are called below the functions that
mamba-ssm makes public, because those are autograd functions. `models/trials.py` runs them once before they are chosen.

The operators save their inputs only. mamba-ssm computes the states again in its backward pass, and so needs no more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from rotrain.models.ssd import scan_chunked

Passes = tuple[Callable[..., Any], Callable[..., Any]]


@cache
def passes() -> Passes:
    """Return mamba-ssm's forward and backward pass. They are imported when they are first needed."""
    from mamba_ssm.ops.triton import ssd_combined

    return ssd_combined._mamba_chunk_scan_combined_fwd, ssd_combined._mamba_chunk_scan_combined_bwd


def scan_mamba_ssm(
    x: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor | None,
    documents: Tensor | None = None,
    chunk: int = 128,
) -> tuple[Tensor, Tensor]:
    """Compute the scan of whole sequences; decoding and fp64 take `scan_chunked`.

    The arguments and results are those of `ssd.scan_reference`, but y has the type of x. `chunk` is a power of two.
    """
    if x.shape[1] == 1 or state is not None or x.dtype == torch.float64:
        return scan_chunked(x, dt, a, b, c, state, documents, chunk)
    # The kernels take any strides between positions, so parts of one tensor are not copied. `seq_idx` is int32.
    numbers = None if documents is None else documents[:, 1:].to(torch.int32)
    y, last = _forward(x, dt, a, b.to(x.dtype), c.to(x.dtype), numbers, chunk)
    return y, last.mT  # theirs is (B, H, P, N)


@torch.library.custom_op("rotrain::ssd", mutates_args=())
def _forward(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, documents: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    with torch.autocast(x.device.type, enabled=False):
        y, *_, last = passes()[0](x, dt, a, b, c, chunk, seq_idx=documents)
    return y, last


@_forward.register_fake
def _(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, documents: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    batch, _, heads, width = x.shape
    return x.new_empty(x.shape), x.new_empty((batch, heads, width, b.shape[-1]), dtype=torch.float32)


@torch.library.custom_op("rotrain::ssd_backward", mutates_args=())
def _backward(
    dy: Tensor,
    d_last: Tensor | None,
    x: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    documents: Tensor | None,
    chunk: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    # Results are allocated here: theirs would inherit the strides of parts of a larger tensor.
    into = {"dx": x, "ddt": dt, "dB": b, "dC": c}
    given = {name: like.new_empty(like.shape) for name, like in into.items()}
    # The output takes part in a gate only, which is not used here, so any tensor of its shape is valid.
    dx, ddt, da, db, dc, *_ = passes()[1](
        dy, x, dt, a, b, c, x, chunk, dfinal_states=d_last, seq_idx=documents, **given
    )
    return dx, ddt, da, db, dc


@_backward.register_fake
def _(
    dy: Tensor,
    d_last: Tensor | None,
    x: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    documents: Tensor | None,
    chunk: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    dx, ddt, da, db, dc = (like.new_empty(like.shape) for like in (x, dt, a, b, c))
    return dx, ddt, da, db, dc


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, chunk = inputs
    ctx.save_for_backward(*tensors)
    ctx.chunk = chunk
    # Training does not use the last state. Without this its gradient would be a tensor of zeros.
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, dy: Tensor | None, d_last: Tensor | None) -> tuple[Tensor | None, ...]:
    x, dt, a, b, c, documents = ctx.saved_tensors
    if dy is None:
        dy = torch.zeros_like(x)
    return *_backward(dy, d_last, x, dt, a, b, c, documents, ctx.chunk), None, None


_forward.register_autograd(_differentiate, setup_context=_save)

# Its output is kept where other results are computed again, see `activations`.
OPERATOR = torch.ops.rotrain.ssd.default
