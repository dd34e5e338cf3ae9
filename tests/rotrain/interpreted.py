"""mamba-ssm's own Triton kernels on a CPU: `python interpreted.py FOLDER` prints their distance from ours.

Triton's interpreter runs the unmodified kernels in numpy. FOLDER holds the installed package. Its
`__init__` imports everything it has, CUDA extensions too, so the package is entered without it. Two
functions of torch.cuda that the launcher asks are answered here, and MAMBA_DETERMINISTIC picks one
configuration a kernel, for the autotuner would ask for a GPU.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TRITON_INTERPRET", "1")
# rotrain switches the cache of measured choices on, if nobody said anything; with it mamba-ssm keeps several configurations.
os.environ |= {"MAMBA_DETERMINISTIC": "1", "TRITON_CACHE_AUTOTUNING": "0"}

import torch
from torch import Tensor


def enter(folder: Path) -> None:
    """Make `mamba_ssm.ops` importable without running the package's `__init__`."""
    package = types.ModuleType("mamba_ssm")
    package.__path__ = [str(folder / "mamba_ssm")]
    sys.modules["mamba_ssm"] = package
    sys.path.append(str(folder))
    torch.cuda.device = lambda index: contextlib.nullcontext()  # type: ignore[assignment, misc, return-value]
    one = types.SimpleNamespace(multi_processor_count=1)
    torch.cuda.get_device_properties = lambda *words: one  # type: ignore[assignment]
    multiply_bf16()


def multiply_bf16() -> None:
    """Make the interpreter's product read bf16: it would multiply the bits, which it holds as integers."""
    from triton import language as tl
    from triton.runtime.interpreter import InterpreterBuilder

    product = InterpreterBuilder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *others: Any) -> Any:
        wide = (self.cast_impl(x, tl.float32) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b))
        return product(self, *wide, *others)

    InterpreterBuilder.create_dot = create_dot


class Case(NamedTuple):
    """Sizes of a comparison. `cut`: x, B and C are parts of one tensor, as the mixer hands them over."""

    groups: int
    documents: bool
    length: int = 64
    heads: int = 2
    width: int = 16
    state: int = 16
    chunk: int = 32
    dtype: torch.dtype = torch.float32
    cut: bool = False


CASES = {
    "documents": Case(1, True),
    "groups": Case(2, False),
    # The head, state and chunk of the 300m models, and a last chunk that is not full.
    "real widths": Case(1, True, 150, 2, 64, 128, 128, cut=True),
    "bf16": Case(1, True, 150, 2, 64, 128, 128, torch.bfloat16, cut=True),
}


def distances(case: Case) -> dict[str, float]:
    """Largest differences of output, last state and gradients, relative to the largest value."""
    from rotrain.models.scan_mamba_ssm import scan_mamba_ssm
    from rotrain.models.ssd import scan_chunked, scan_reference

    g = torch.Generator().manual_seed(case.groups)
    inner, shared = case.heads * case.width, case.groups * case.state
    scale = case.state**-0.5 if case.cut else 1.0
    rows = torch.randn(1, case.length, inner + 2 * shared, generator=g)
    rows[..., inner:] *= scale
    dt = torch.nn.functional.softplus(torch.randn(1, case.length, case.heads, generator=g) - 2)
    rates = -0.02 - torch.rand(case.heads, generator=g)  # slow fading: what is before a border would be seen
    rows = rows.to(case.dtype).float()  # the same values for all
    documents = None
    if case.documents:
        # One border inside the first chunk, one after an edge.
        documents = torch.zeros(1, case.length + 1, dtype=torch.long)
        documents[0, 12:], documents[0, case.chunk + 1 :] = 1, 2
    weight = torch.randn(1, case.length, case.heads, case.width, generator=g)

    def run(scan: Callable[..., tuple[Tensor, Tensor]], dtype: torch.dtype) -> list[Tensor]:
        leaves = [x.clone().requires_grad_() for x in (rows.to(dtype), dt, rates)]
        x, b, c = leaves[0].split((inner, shared, shared), -1)
        x = x.unflatten(-1, (case.heads, case.width))
        b, c = (part.unflatten(-1, (case.groups, case.state)) for part in (b, c))
        if not case.cut:
            x, b, c = x.contiguous(), b.contiguous(), c.contiguous()
        y, last = scan(x, leaves[1], leaves[2], b, c, None, documents, case.chunk)
        # Both results are used: the gradient of the last state is part of the comparison.
        ((y * weight).sum() + last.square().sum()).backward()
        grads = [leaf.grad.float() for leaf in leaves if leaf.grad is not None]
        return [y.detach().float(), last.detach(), *grads[0].split((inner, shared, shared), -1), *grads[1:]]

    names = ("y", "state", "dx", "db", "dc", "ddt", "da")
    theirs, chunked = run(scan_mamba_ssm, case.dtype), run(scan_chunked, torch.float32)
    truth = run(scan_reference, torch.float32)
    out = {}
    for name, a, b, c in zip(names, theirs, chunked, truth, strict=True):
        out[f"mamba-ssm - reference {name}"] = float((a - c).abs().max() / c.abs().max())
        out[f"mamba-ssm - chunked {name}"] = float((a - b).abs().max() / b.abs().max())
    return out


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    from rotrain.models import scan_mamba_ssm as operators

    called: list[str] = []
    forward, backward = operators.passes()
    counted = (
        lambda *a, **k: (called.append("forward"), forward(*a, **k))[1],
        lambda *a, **k: (called.append("backward"), backward(*a, **k))[1],
    )
    operators.passes = lambda: counted  # type: ignore[assignment]
    result = {name: distances(case) for name, case in CASES.items()}
    print(json.dumps({"calls": called, "distances": result}))
