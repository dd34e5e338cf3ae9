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
from pathlib import Path

os.environ |= {"TRITON_INTERPRET": "1", "MAMBA_DETERMINISTIC": "1"}

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


def distances(groups: int, with_documents: bool) -> dict[str, float]:
    """Largest differences of output, last state and gradients, relative to the largest value."""
    from rotrain.models.cuda_kernels import scan_mamba_ssm
    from rotrain.models.ssd import scan_chunked, scan_reference

    g = torch.Generator().manual_seed(groups)
    batch, length, heads, width, state = 1, 64, 2, 16, 16

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g)

    inputs = [
        normal(batch, length, heads, width),
        torch.nn.functional.softplus(normal(batch, length, heads) - 2),
        -0.02 - torch.rand(heads, generator=g),  # slow fading: what is before a border would be seen
        normal(batch, length, groups, state),
        normal(batch, length, groups, state),
    ]
    documents = None
    if with_documents:
        # One border inside a chunk of 32, one at its edge.
        documents = torch.zeros(batch, length + 1, dtype=torch.long)
        documents[0, 12:], documents[0, 33:] = 1, 2
    weight = normal(batch, length, heads, width)
    names = ("y", "state", "dx", "ddt", "da", "db", "dc")
    rows = []
    for scan in (scan_mamba_ssm, scan_chunked, scan_reference):
        leaves = [x.clone().requires_grad_() for x in inputs]
        y, last = scan(*leaves, None, documents, 32)
        (y * weight).sum().backward()
        rows.append([y.detach(), last.detach(), *(leaf.grad for leaf in leaves)])
    theirs, chunked, truth = rows
    out = {}
    for name, a, b, c in zip(names, theirs, chunked, truth, strict=True):
        assert a is not None and b is not None and c is not None
        out[f"mamba-ssm - reference {name}"] = float((a - c).abs().max() / c.abs().max())
        out[f"mamba-ssm - chunked {name}"] = float((a - b).abs().max() / b.abs().max())
    if documents is not None:
        together, _ = scan_reference(*inputs, None)
        assert truth[0] is not None and (together - truth[0]).abs().max() > 0.1, "the borders do nothing"
    return out


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    from mamba_ssm.ops.triton import ssd_combined

    called: list[int] = []
    kernel = ssd_combined.mamba_chunk_scan_combined
    ssd_combined.mamba_chunk_scan_combined = lambda *a, **k: (called.append(1), kernel(*a, **k))[1]
    result = {f"{groups} {docs}": distances(groups, docs) for groups, docs in ((1, True), (2, False))}
    print(json.dumps({"calls": len(called), "distances": result}))
