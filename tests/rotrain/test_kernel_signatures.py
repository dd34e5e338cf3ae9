"""Our calls of other packages' kernels, bound to the signatures in their sources. Nothing of the packages is run.

`make test-system` puts flash-attn's and mamba-ssm's Python files into target/. PyTorch is always here.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import varlen

from rotrain.models import cuda_kernels, scan_mamba_ssm
from rotrain.models.documents import document_starts

TARGET = Path(__file__).parents[2] / "target"


def signature(file: Path, name: str) -> inspect.Signature:
    """The signature of a function in a source file, without importing the file."""
    if not file.is_file():
        pytest.skip(f"{file.parent.name} is not here: `make test-system` fetches it")
    functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    (found,) = (node for node in functions if node.name == name)
    # The head of the function alone: no decorators, no types, no body.
    for argument in (*found.args.posonlyargs, *found.args.args, *found.args.kwonlyargs):
        argument.annotation = None
    scope: dict[str, Any] = {}
    exec(f"def {name}({ast.unparse(found.args)}): pass", scope)
    return inspect.signature(scope[name])


class Recorder:
    """Stands for a kernel: keeps the call, and ends it."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **words: Any) -> Any:
        self.calls.append((args, words))
        raise InterruptedError

    def record(self, function: Callable[..., Any], *args: Any) -> None:
        with pytest.raises(InterruptedError):
            function(*args)


def heads(count: int) -> Tensor:
    return torch.zeros(2, count, 40, 16, dtype=torch.bfloat16)


def test_flash_attn(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signature(TARGET / "flash-attn/flash_attn/flash_attn_interface.py", "flash_attn_func")
    recorder, package = Recorder(), ModuleType("flash_attn")
    package.flash_attn_func = recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    recorder.record(cuda_kernels.window_attention_flash, heads(4), heads(2), heads(2), 12)
    ((args, words),) = recorder.calls
    bound = real.bind(*args, **words).arguments
    assert bound["causal"] and bound["window_size"] == (11, 0) and not bound["deterministic"]
    assert [bound[name].shape for name in "qkv"] == [(2, 40, 4, 16), (2, 40, 2, 16), (2, 40, 2, 16)]


def test_varlen_of_this_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    real, recorder = inspect.signature(varlen.varlen_attn), Recorder()
    recorder.__signature__ = real  # type: ignore[attr-defined]
    monkeypatch.setattr(varlen, "varlen_attn", recorder)
    documents = torch.zeros(2, 40, dtype=torch.long)
    starts = document_starts(documents)
    recorder.record(cuda_kernels.window_attention_varlen, heads(4), heads(2), heads(2), 12)
    recorder.record(
        cuda_kernels.document_attention_varlen, heads(4), heads(4), heads(4), documents, None, starts
    )
    window, apart = (real.bind(*args, **words).arguments for args, words in recorder.calls)
    assert window["window_size"] == (11, 0) and apart["window_size"] == (-1, 0)
    assert window.get("enable_gqa", False) == ("enable_gqa" in real.parameters)
    assert window["query"].shape == (80, 4, 16) and apart["cu_seq_q"] is apart["cu_seq_k"] is starts


def test_mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> None:
    file = TARGET / "mamba-ssm/mamba_ssm/ops/triton/ssd_combined.py"
    forward = signature(file, "_mamba_chunk_scan_combined_fwd")
    backward = signature(file, "_mamba_chunk_scan_combined_bwd")
    seen: list[dict[str, Any]] = []

    def run_forward(*args: Any, **words: Any) -> tuple[Tensor, ...]:
        bound = forward.bind(*args, **words).arguments
        seen.append(bound)
        x, b = bound["x"], bound["B"]
        return torch.ones_like(x), x, x, x, x, x.new_zeros(*x.shape[:1], *x.shape[2:], b.shape[3])

    def run_backward(*args: Any, **words: Any) -> tuple[Tensor, ...]:
        bound = backward.bind(*args, **words).arguments
        seen.append(bound)
        given = (bound[name] for name in ("dx", "ddt", "dB", "dC"))
        dx, ddt, db, dc = (x.fill_(2) for x in given)
        return dx, ddt, bound["A"].clone(), db, dc, None, None, None, None

    monkeypatch.setattr(scan_mamba_ssm, "passes", lambda: (run_forward, run_backward))
    x, dt, a = torch.ones(1, 40, 2, 8), torch.ones(1, 40, 2), -torch.ones(2)
    b = torch.ones(1, 40, 1, 16)
    leaves = [leaf.requires_grad_() for leaf in (x, dt, a, b, b.clone())]
    documents = torch.zeros(1, 41, dtype=torch.long)
    y, last = scan_mamba_ssm.scan_mamba_ssm(*leaves, None, documents, 32)
    y.sum().backward()
    assert last.shape == (1, 2, 16, 8)
    assert [leaf.grad.flatten()[0].item() for leaf in leaves if leaf.grad is not None] == [2, 2, -1, 2, 2]
    assert seen[0]["chunk_size"] == seen[1]["chunk_size"] == 32
    assert seen[0]["seq_idx"].dtype == seen[1]["seq_idx"].dtype == torch.int32
    assert seen[1]["dfinal_states"] is None
