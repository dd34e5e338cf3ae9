"""Which kernel is chosen where, and the wrappers of CUDA kernels, without a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, flex_attention, varlen

from conftest import shape
from rotrain.models import cuda_kernels, kernels
from rotrain.models.attention_backend import attention_backend
from rotrain.models.attention_kernels import attention_reference, attention_sdpa
from rotrain.models.decoder import Decoder
from rotrain.models.documents import MIN_STARTS, document_starts
from rotrain.models.kernels import choose, chosen, find_failures, reasons
from rotrain.models.parity import kernel_errors
from rotrain.models.platform import Platform
from rotrain.models.presets import model_config
from rotrain.models.scan_mamba_ssm import scan_mamba_ssm
from rotrain.models.ssd import scan_chunked
from rotrain.models.trials import try_kernel

H100 = Platform("cuda", (9, 0), True)
GONE = {
    ("attention", "cudnn"): "RuntimeError: no",
    ("window_attention", "torch varlen"): "TypeError: no",
    ("document_attention", "torch varlen"): "TypeError: no",
    ("scan", "mamba-ssm"): "mamba_ssm is not installed",
}


@pytest.mark.parametrize(
    ("platform", "attention", "window", "documents", "scan"),
    [
        (Platform(), "short blocks", "short blocks", "masked sdpa", "grouped chunks"),
        (Platform("cpu", half=True), "sdpa", "banded sdpa", "masked sdpa", "grouped chunks"),
        (Platform("mps"), "sdpa", "banded sdpa", "masked sdpa", "grouped chunks"),
        (H100, "cudnn", "torch varlen", "torch varlen", "mamba-ssm"),
        (replace(H100, deterministic=True), "flash", "torch varlen", "torch varlen", "mamba-ssm"),
        (replace(H100, failures=GONE), "flash", "flash-attn", "masked sdpa", "grouped chunks"),
        (Platform("cuda", (8, 9), True), "flash", "torch varlen", "torch varlen", "mamba-ssm"),
        (Platform("cuda", (8, 0), False), "sdpa", "flex", "masked sdpa", "mamba-ssm"),
        (Platform("cuda", (7, 0), False), "sdpa", "banded sdpa", "masked sdpa", "grouped chunks"),
    ],
)
def test_choices(platform: Platform, attention: str, window: str, documents: str, scan: str) -> None:
    picked = chosen(40_000, platform)
    assert picked["attention"].name == attention
    assert picked["window_attention"].name == window
    assert picked["document_attention"].name == documents
    assert picked["scan"].name == scan
    cuda = platform.device == "cuda" and platform.capability >= (8, 0)
    assert picked["loss"].name == ("fused chunks" if cuda else "chunked")
    assert picked["activations"].name == ("recomputed" if platform.device == "cuda" else "kept")
    assert picked["conv"].name == {"cuda": "fused sum"}.get(
        platform.device, "rows" if platform == Platform() else "torch conv1d"
    )
    assert {name: row[0] for name, row in reasons(40_000, platform).items()} == {
        name: candidate.name for name, candidate in picked.items()
    }


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0)])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
def test_full_attention_of_a_gpu(capability: tuple[int, int], half: bool, deterministic: bool) -> None:
    order, why = attention_backend(capability, half=half, deterministic=deterministic)
    assert why and order[-1] == SDPBackend.MATH and len(set(order)) == len(order)
    new = half and capability[0] in (9, 10)
    assert (SDPBackend.CUDNN_ATTENTION in order) == (new and not deterministic)
    assert (SDPBackend.FLASH_ATTENTION in order) == (half and capability >= (8, 0))


def test_full_attention_keeps_probabilities_on_a_cpu_in_fp32_alone() -> None:
    assert chosen(300, Platform())["attention"].name == "short blocks"
    for platform in (Platform(half=True), Platform("mps"), Platform("cuda", (9, 0), False)):
        assert chosen(300, platform)["attention"].name == "sdpa"


def test_a_reason_names_what_was_passed_over() -> None:
    assert "torch varlen, flash-attn, flex: no CUDA device" in reasons(40_000)["window_attention"][1]
    bare = replace(H100, failures=GONE)
    assert "mamba-ssm: mamba_ssm is not installed" in reasons(40_000, bare)["scan"][1]
    assert "16 bits only" in reasons(40_000, Platform("cuda", (9, 0)))["window_attention"][1]
    exact = replace(H100, deterministic=True)
    assert "cudnn: cuDNN is not deterministic" in reasons(40_000, exact)["attention"][1]


def test_every_operation_ends_in_one_that_runs_anywhere() -> None:
    for vocab_size in (300, 40_000):
        for row in kernels.candidates(vocab_size).values():
            assert row[-1].lacks(Platform()) == "" and not row[-1].tried
    assert choose(300).loss is not choose(40_000).loss


def test_candidates_are_tried_until_one_runs() -> None:
    tried = []

    def attempt(operation: str, function: Callable[..., Any], portable: Callable[..., Any]) -> str:
        tried.append((operation, function))
        return "RuntimeError: no" if function is cuda_kernels.window_attention_varlen else ""

    rows = {name: kernels.REGISTRY[name] for name in ("window_attention", "scan", "rope")}
    failures = find_failures(H100, rows, attempt)
    assert failures == {("window_attention", "torch varlen"): "RuntimeError: no"}
    # flex and the portable kernels come after one that runs; rope has nothing that may fail.
    assert [function for _, function in tried] == [
        cuda_kernels.window_attention_varlen,
        cuda_kernels.window_attention_flash,
        scan_mamba_ssm,
    ]
    assert chosen(300, replace(H100, failures=failures))["window_attention"].name == "flash-attn"
    tried.clear()
    find_failures(Platform(), rows, attempt)
    assert not tried  # a CPU has nothing to try


@pytest.mark.parametrize(
    ("arch", "document_end", "needed"),
    [
        ("llama-gqa", None, {"loss", "attention"}),
        ("mistral-swa", None, {"loss", "window_attention"}),
        ("mistral-swa", 0, {"loss", "document_attention"}),
        ("mamba2", 0, {"loss", "scan"}),
        ("mamba2-hybrid", None, {"loss", "attention", "scan"}),
    ],
)
def test_a_model_tries_what_it_uses(arch: str, document_end: int | None, needed: set[str]) -> None:
    config = model_config(arch, "nano", document_end=document_end)
    if arch == "mamba2-hybrid" and config.window is not None:
        needed = {"loss", "window_attention", "scan"}
    assert kernels.operations(config) == needed


CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("operation", "dtype"),
    [
        *((name, torch.float32) for name in ("attention", "window_attention", "document_attention", "loss")),
        *((name, torch.bfloat16) for name in ("attention", "scan", "loss")),
    ],
)
def test_a_trial_runs_a_kernel_and_compares_it(operation: str, dtype: torch.dtype) -> None:
    portable, reference = (
        kernels.candidates(8192)[operation][-1].function,
        getattr(kernels.REFERENCE, operation),
    )
    better = scan_chunked if operation == "scan" else reference  # the recurrence takes a CPU long
    assert try_kernel(operation, better, portable, CPU, dtype) == ""


def test_a_trial_says_why_a_kernel_is_refused() -> None:
    portable = kernels.REGISTRY["attention"][-1].function

    def trial(kernel: Callable[..., Any]) -> str:
        return try_kernel("attention", kernel, portable, CPU, torch.float32)

    def missing(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        import no_such_package_of_kernels  # type: ignore[import-not-found]

        return no_such_package_of_kernels.attention(q, k, v)  # type: ignore[no-any-return]

    def other_binary(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        raise ImportError("undefined symbol: _ZN3c104cuda\nmore lines")

    def silent(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        raise AssertionError

    assert trial(missing) == "no_such_package_of_kernels is not installed"
    assert trial(other_binary) == "ImportError: undefined symbol: _ZN3c104cuda"
    assert trial(silent) == "AssertionError"
    assert "off by" in trial(lambda q, k, v: 1.1 * portable(q, k, v))
    assert "off by nan" in trial(lambda q, k, v: portable(q, k, v) * float("nan"))
    # The output is right, and a gradient is not.
    assert "off by" in trial(lambda q, k, v: portable(q, k.detach() + 0.9 * (k - k.detach()), v))


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
    *,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> Tensor:
    """varlen_attn as its documentation has it: packed sequences, causal with a left window."""
    left, right = window_size
    assert right == 0 and enable_gqa == (q.shape[1] != k.shape[1]) and starts.dtype == torch.int32
    assert starts is starts_k and longest == longest_k
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
    starts = document_starts(documents())
    assert len(starts) == MIN_STARTS and starts.dtype == torch.int32
    assert starts.tolist() == [0, 7, 40, 79] + 60 * [80]
    for dtype, limit in ((torch.bfloat16, 0.02), (torch.float32, 1e-5)):
        q, k, v = draw(dtype)
        truth = attention_reference(q.float(), k.float(), v.float(), window, documents())
        found = cuda_kernels.document_attention_varlen(q, k, v, documents(), window, starts)
        torch.testing.assert_close(found.float(), truth, rtol=0, atol=limit)


@pytest.mark.usefixtures("cuda_packages")
def test_a_varlen_without_groups_gets_a_head_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch 2.11 has no `enable_gqa`: there it is a TypeError."""
    seen = []

    def older(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seq_q: Tensor,
        cu_seq_k: Tensor,
        max_q: int,
        max_k: int,
        *,
        window_size: tuple[int, int] = (-1, -1),
    ) -> Tensor:
        seen.append(key.shape[1])
        return documented_varlen(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, window_size=window_size)

    monkeypatch.setattr(varlen, "varlen_attn", older)
    monkeypatch.setattr(cuda_kernels, "VARLEN_TAKES_GROUPS", False)
    q, k, v = draw(torch.bfloat16)
    found = cuda_kernels.window_attention_varlen(q, k, v, 12)
    truth = attention_reference(q.float(), k.float(), v.float(), 12)
    torch.testing.assert_close(found.float(), truth, rtol=0, atol=0.02)
    assert seen == [q.shape[1]]


@pytest.mark.usefixtures("cuda_packages")
@pytest.mark.parametrize("count", [1, 63, 64, 200])
def test_a_model_finds_where_documents_start_once_a_batch(count: int) -> None:
    config = shape("llama-gqa", document_end=0, context=256)
    calls = []
    ops = replace(choose(config.vocab_size), document_attention=cuda_kernels.document_attention_varlen)
    model = Decoder(config, ops)
    model.init_weights(0)
    tokens = torch.full((1, 256), 7)
    tokens[0, : count - 1] = 0
    starts = model.document_starts(tokens)
    assert starts is not None and len(starts) in (64, 128, 256)
    assert len(starts.unique()) == count + 1 and starts[-1] == 256
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rotrain.models.decoder.document_starts", lambda x: (calls.append(1), starts)[1])
        found = model.loss(tokens, tokens)
    assert calls == [1]
    plain = Decoder(config)
    plain.load_state_dict(model.state_dict())
    assert plain.document_starts(tokens) is None
    torch.testing.assert_close(found, plain.loss(tokens, tokens), rtol=1e-5, atol=0)


def test_grouped_heads_in_fp32_on_cuda_are_given_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fused kernel for fp32 knows no groups. PyTorch would compute all scores."""
    seen: list[tuple[int, bool]] = []

    def sdpa(q: Tensor, k: Tensor, v: Tensor, *, enable_gqa: bool, **words: Any) -> Tensor:
        seen.append((k.shape[1], enable_gqa))
        return q

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", sdpa)
    with FakeTensorMode():
        for dtype in (torch.float32, torch.bfloat16):
            q = torch.empty(1, 8, 64, 16, device="cuda", dtype=dtype)
            k = torch.empty(1, 2, 64, 16, device="cuda", dtype=dtype)
            attention_sdpa(q, k, k)
    assert seen == [(8, False), (2, True)]


def test_errors_here_are_small() -> None:
    errors = kernel_errors(3000, torch.device("cpu"))
    assert errors.keys() == kernels.candidates(3000).keys()
    assert max(errors.values()) < 1e-5
