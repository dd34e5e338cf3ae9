"""Which kernel is chosen where, and the wrappers of CUDA kernels, without a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import flex_attention, varlen

from rotrain.models import cuda_kernels, kernels
from rotrain.models.attention_kernels import attention_reference
from rotrain.models.kernels import PACKAGES, Platform, choose, chosen, reasons
from rotrain.models.parity import kernel_errors

ALL = frozenset(PACKAGES)
H100 = Platform("cuda", (9, 0), True, ALL)


@pytest.mark.parametrize(
    ("platform", "window", "documents", "scan"),
    [
        (Platform(), "short blocks", "masked sdpa", "grouped chunks"),
        (Platform("cpu", half=True, packages=ALL), "banded sdpa", "masked sdpa", "grouped chunks"),
        (Platform("mps", packages=ALL), "banded sdpa", "masked sdpa", "grouped chunks"),
        (H100, "flash-attn", "torch varlen", "mamba-ssm"),
        (Platform("cuda", (9, 0), True, ALL - {"flash_attn"}), "torch varlen", "torch varlen", "mamba-ssm"),
        (Platform("cuda", (8, 0), False, ALL), "flex", "masked sdpa", "mamba-ssm"),
        (Platform("cuda", (8, 0), True), "banded sdpa", "masked sdpa", "grouped chunks"),
        (Platform("cuda", (7, 0), False, ALL), "banded sdpa", "masked sdpa", "grouped chunks"),
    ],
)
def test_choices(platform: Platform, window: str, documents: str, scan: str) -> None:
    picked = chosen(40_000, platform)
    assert picked["window_attention"].name == window
    assert picked["document_attention"].name == documents
    assert picked["scan"].name == scan
    assert {name: row[0] for name, row in reasons(40_000, platform).items()} == {
        name: candidate.name for name, candidate in picked.items()
    }


def test_full_attention_keeps_probabilities_on_a_cpu_in_fp32_alone() -> None:
    assert chosen(300, Platform())["attention"].name == "short blocks"
    for platform in (Platform(half=True), Platform("mps"), Platform("cuda", (9, 0), False)):
        assert chosen(300, platform)["attention"].name == "sdpa"


def test_a_reason_names_what_was_passed_over() -> None:
    assert "flash-attn, torch varlen, flex: no CUDA device" in reasons(40_000)["window_attention"][1]
    bare = Platform("cuda", (9, 0), True, ALL - {"mamba_ssm"})
    assert "mamba-ssm: mamba_ssm is not installed" in reasons(40_000, bare)["scan"][1]
    single = Platform("cuda", (9, 0), False, ALL)
    assert "16 bits only" in reasons(40_000, single)["window_attention"][1]


def test_every_operation_ends_in_one_that_runs_anywhere() -> None:
    for vocab_size in (300, 40_000):
        for row in kernels.candidates(vocab_size).values():
            assert row[-1].lacks(Platform()) == ""
    assert choose(300).loss is not choose(40_000).loss


def draw(dtype: torch.dtype, queries: int = 40) -> list[Tensor]:
    g = torch.Generator().manual_seed(4)
    shapes = [(2, 4, queries, 16), (2, 2, 40, 16), (2, 2, 40, 16)]
    return [torch.randn(shape, generator=g).to(dtype) for shape in shapes]


def documents() -> Tensor:
    return torch.tensor([[0] * 7 + [1] * 33, [0] * 39 + [1]])


def documented_flash(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool, window_size: tuple[int, int], deterministic: bool
) -> Tensor:
    """flash_attn_func as its documentation has it: (B, T, heads, d), keys in [i - left, i + right]."""
    left, right = window_size
    assert causal and right == 0 and not deterministic
    out = attention_reference(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), left + 1)
    return out.transpose(1, 2)


def documented_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    starts: Tensor,
    starts_k: Tensor,
    longest: int,
    longest_k: int,
    **words: Any,
) -> Tensor:
    """varlen_attn as its documentation has it: packed sequences, causal with a left window."""
    left, right = words["window_size"]
    assert right == 0 and words["enable_gqa"] and starts.dtype == torch.int32
    out = torch.empty_like(q)
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        parts = [x[first:last].transpose(0, 1)[None] for x in (q, k, v)]
        window = None if left < 0 else left + 1
        out[first:last] = attention_reference(*parts, window)[0].transpose(0, 1)
    assert starts[-1] == len(q)
    return out


@pytest.fixture
def cuda_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages as they are documented, and flex_attention uncompiled: both run on a CPU."""
    flash = ModuleType("flash_attn")
    flash.flash_attn_func = documented_flash  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flash_attn", flash)
    monkeypatch.setattr(varlen, "varlen_attn", documented_varlen)
    monkeypatch.setattr(cuda_kernels, "_flex", lambda: flex_attention.flex_attention)


WINDOWED: list[Callable[[Tensor, Tensor, Tensor, int], Tensor]] = [
    cuda_kernels.window_attention_flash,
    cuda_kernels.window_attention_varlen,
    cuda_kernels.window_attention_flex,
]


@pytest.mark.usefixtures("cuda_packages")
@pytest.mark.parametrize("kernel", WINDOWED)
@pytest.mark.parametrize("window", [1, 11, 12, 13, 40])
def test_windows_of_cuda_kernels_mean_the_same(kernel: Callable[..., Tensor], window: int) -> None:
    for dtype, limit in ((torch.bfloat16, 0.02), (torch.float32, 1e-5)):
        for queries in (40, 3, 1):
            q, k, v = draw(dtype, queries)
            truth = attention_reference(q.float(), k.float(), v.float(), window)
            torch.testing.assert_close(kernel(q, k, v, window).float(), truth, rtol=0, atol=limit)


@pytest.mark.usefixtures("cuda_packages")
@pytest.mark.parametrize("window", [None, 5])
def test_documents_of_varlen_mean_the_same(window: int | None) -> None:
    assert cuda_kernels.document_starts(documents()).tolist() == [0, 7, 40, 79, 80]
    for dtype, limit in ((torch.bfloat16, 0.02), (torch.float32, 1e-5)):
        q, k, v = draw(dtype)
        truth = attention_reference(q.float(), k.float(), v.float(), window, documents())
        found = cuda_kernels.document_attention_varlen(q, k, v, documents(), window)
        torch.testing.assert_close(found.float(), truth, rtol=0, atol=limit)


def test_errors_here_are_small() -> None:
    errors = kernel_errors(3000, torch.device("cpu"))
    assert errors.keys() == kernels.candidates(3000).keys()
    assert max(errors.values()) < 1e-5
