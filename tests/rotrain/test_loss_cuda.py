"""The loss of a GPU without a GPU: its numbers, its launches and bytes, and the machine code of its kernel."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rotrain.models import loss_cuda
from rotrain.models.loss_cuda import chunk_rows, token_loss_fused

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton has no build for this system"
)


@needs_triton
def test_the_kernel_gives_the_loss_and_gradients_of_the_cpu() -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "interpreted_loss.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cases = json.loads(done.stdout)
    assert len(cases) == 6
    for name, found in cases.items():
        assert found["without gradients"] < 1e-6, name
        for part, limit in (("loss", 1e-6), ("hidden", 2e-6), ("weight", 2e-6)):
            ours, cpu = found[f"{part} - exact"], found[f"{part} of a CPU - exact"]
            # In bf16 both round, at other places; neither may be worse than half as far again, or than bf16 is.
            assert ours < (limit if "fp32" in name else max(1.5 * cpu, 2**-8)), (name, part, ours, cpu)


def test_chunks_have_thousands_of_tokens() -> None:
    assert chunk_rows(8_192, 40_000, 2) == 4_096
    assert chunk_rows(32_768, 40_000, 2) == 6_554
    assert [chunk_rows(n, 40_000, 2) for n in (0, 1, 6_710, 6_711)] == [1, 1, 6_710, 3_356]


class Traffic(TorchDispatchMode):
    """Counts the operators that compute, and the bytes of the tensors that each of them touches."""

    def __init__(self) -> None:
        super().__init__()
        self.launches: list[str] = []
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.namespace == "prim" or "empty" in str(func) or func.is_view:
            return result
        self.launches.append(str(func))
        tensors = {id(x): x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)}
        self.bytes += sum(x.numel() * x.element_size() for x in tensors.values())
        return result


def test_a_batch_of_8192_tokens_is_few_launches_and_bytes() -> None:
    """On fake tensors of CUDA. By this count the chunks of a CPU are 575 and 25 GB."""
    with FakeTensorMode():
        hidden = torch.empty(8_192, 1_024, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        weight = torch.empty(40_000, 1_024, device="cuda", requires_grad=True)
        labels = torch.empty(8_192, dtype=torch.long, device="cuda")
        with Traffic() as traffic:
            loss = token_loss_fused(hidden, weight, labels)
        assert loss.shape == () and loss.dtype == torch.float32
    chunk = [name for name in traffic.launches if "softmax" in name or "mm" in name]
    assert chunk == 2 * [
        "aten.mm.out",
        "rotrain.softmax_gradient.default",
        "aten.mm.out",
        "aten.addmm.dtype_out",
    ]
    assert len(traffic.launches) <= 16
    assert traffic.bytes < 4.0e9


def test_on_a_cpu_the_product_is_added_in_fp32() -> None:
    """The call of a GPU is checked on the device only, before the loss is chosen (`models/trials.py`).

    Ten thousand bf16 products of 2^-9 are lost in a bf16 sum of one, and not in fp32."""
    total = torch.ones(1, 1)
    for _ in range(10):
        a, b = torch.full((1, 1_000), 2.0**-9).bfloat16(), torch.ones(1_000, 1).bfloat16()
        loss_cuda._add_product(total, a, b)
    assert total.item() == pytest.approx(1 + 10_000 * 2.0**-9, rel=1e-6)
