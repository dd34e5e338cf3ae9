"""What each token of attention sees, in every implementation, and the caches that hold it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models import fresh, tokens
from torch import Tensor

from conftest import shape
from rotrain.errors import UsageError
from rotrain.models.attention_kernels import (
    attention_reference,
    attention_sdpa,
    document_attention_masked,
    window_attention_banded,
)
from rotrain.models.cache import KeyValueCache, RingCache
from rotrain.models.presets import model_config
from rotrain.models.short_attention import SHORT, attention_short, window_attention_short


def plain(q: Tensor, k: Tensor, v: Tensor, window: int | None, documents: Tensor | None) -> Tensor:
    """The definition, a query at a time, in fp64."""
    share, first = q.shape[1] // k.shape[1], k.shape[2] - q.shape[2]
    out = torch.zeros_like(q, dtype=torch.float64)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for t in range(q.shape[2]):
                p = first + t
                low = 0 if window is None else max(0, p - window + 1)
                seen = [
                    i for i in range(low, p + 1) if documents is None or documents[b, i] == documents[b, p]
                ]
                keys, values = k[b, h // share, seen].double(), v[b, h // share, seen].double()
                weights = (keys @ q[b, h, t].double() * q.shape[-1] ** -0.5).softmax(0)
                out[b, h, t] = weights @ values
    return out


def draw(
    batch: int, heads: int, kv_heads: int, queries: int, keys: int, width: int = 8
) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(queries * 31 + keys)
    return (
        torch.randn(batch, heads, queries, width, generator=g),
        torch.randn(batch, kv_heads, keys, width, generator=g),
        torch.randn(batch, kv_heads, keys, width, generator=g),
    )


def window_sdpa_masked(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    return document_attention_masked(q, k, v, torch.zeros(q.shape[0], k.shape[2]), window)


def window_short_in_training(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Without gradients to take it is the band."""
    return window_attention_short(q.clone().requires_grad_(), k, v, window).detach()


WINDOWED: list[Callable[[Tensor, Tensor, Tensor, int], Tensor]] = [
    attention_reference,
    window_attention_banded,
    window_sdpa_masked,
    window_short_in_training,
]


@settings(deadline=None, max_examples=40)
@given(
    heads=st.sampled_from([(4, 4), (4, 2), (4, 1)]),
    keys=st.integers(1, 70),
    window=st.integers(1, 80),
    decoding=st.integers(0, 3),
    block=st.sampled_from([1, 7, 16, 64]),
)
def test_a_window_is_w_keys_with_the_token_s_own(
    heads: tuple[int, int], keys: int, window: int, decoding: int, block: int
) -> None:
    queries = keys if decoding == 0 else min(decoding, keys)
    q, k, v = draw(2, *heads, queries, keys)
    truth = plain(q, k, v, window, None)
    for kernel in (*WINDOWED, partial(window_attention_banded, block=block)):
        torch.testing.assert_close(kernel(q, k, v, window).double(), truth, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kernel", WINDOWED)
@pytest.mark.parametrize("distance", [-1, 0, 1])
def test_the_window_s_edge_is_sharp(
    kernel: Callable[[Tensor, Tensor, Tensor, int], Tensor], distance: int
) -> None:
    """A key W - 1 positions back counts; one W back, or one ahead, does not."""
    window, length, at = 20, 64, 25
    q, k, v = draw(1, 2, 1, length, length)
    changed = v.clone()
    changed[:, :, at] += 1
    moved = (kernel(q, k, v, window) - kernel(q, k, changed, window)).abs().amax((0, 1, 3)) > 1e-6
    seen = {"first": at, "last": at + window - 1}
    assert bool(moved[seen["first"] + distance]) is (distance >= 0)
    assert bool(moved[seen["last"] + distance]) is (distance <= 0)


@settings(deadline=None, max_examples=20)
@given(
    keys=st.integers(1, 40),
    window=st.none() | st.integers(1, 40),
    chunk=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_documents_are_kept_apart(keys: int, window: int | None, chunk: int, seed: int) -> None:
    queries = min(chunk, keys)
    q, k, v = draw(2, 4, 2, queries, keys)
    g = torch.Generator().manual_seed(seed)
    documents = (torch.rand(2, keys, generator=g) < 0.2).long().cumsum(1)
    truth = plain(q, k, v, window, documents)
    for kernel in (attention_reference, lambda a, b, c, w, d: document_attention_masked(a, b, c, d, w)):
        torch.testing.assert_close(kernel(q, k, v, window, documents).double(), truth, rtol=0, atol=1e-5)


@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("queries", [1, 5, 33])
def test_full_attention_equals_the_definition(heads: tuple[int, int], queries: int) -> None:
    q, k, v = draw(2, *heads, queries, 33)
    truth = plain(q, k, v, None, None)
    for kernel in (attention_reference, attention_sdpa, attention_short):
        torch.testing.assert_close(kernel(q, k, v).double(), truth, rtol=0, atol=1e-5)


def test_gradients_of_the_band_equal_those_of_the_definition() -> None:
    inputs = [x.requires_grad_() for x in draw(2, 4, 2, 75, 75)]
    found = torch.autograd.grad(window_attention_banded(*inputs, 20).square().sum(), inputs)
    truth = torch.autograd.grad(plain(*inputs, 20, None).square().sum(), inputs)
    for a, b in zip(found, truth, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("window", [None, 1, 20, 64, 65])
@pytest.mark.parametrize("length", [1, 64, 150])
def test_short_attention_and_its_gradients_equal_the_definition(
    heads: tuple[int, int], window: int | None, length: int
) -> None:
    # As the mixer hands them over: heads after positions in memory.
    inputs = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in draw(2, *heads, length, length)]
    inputs = [x.double().requires_grad_() for x in inputs]
    found = attention_short(*inputs) if window is None else window_attention_short(*inputs, window)
    assert type(found.grad_fn).__name__.startswith("_ShortAttention")
    truth = attention_reference(*inputs, window)
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-12)
    weight = torch.linspace(0.5, 1.5, found.numel(), dtype=torch.float64).view(found.shape)
    for a, b in zip(
        torch.autograd.grad((found * weight).sum(), inputs),
        torch.autograd.grad((truth * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_what_is_long_or_16_bit_or_not_trained_is_not_kept() -> None:
    def kept(q: Tensor, k: Tensor, v: Tensor) -> bool:
        outputs = (attention_short(q, k, v), window_attention_short(q, k, v, 40))
        names = {type(out.grad_fn).__name__ for out in outputs}
        return any(name.startswith("_ShortAttention") for name in names)

    q, k, v = draw(1, 2, 1, SHORT + 1, SHORT + 1)
    assert not kept(q.requires_grad_(), k, v)
    assert kept(q[:, :, 1:], k[:, :, 1:], v[:, :, 1:])
    assert not kept(q[:, :, -1:], k[:, :, -40:], v[:, :, -40:])
    assert not kept(*(x[:, :, 1:].bfloat16() for x in (q, k, v)))
    with torch.no_grad():
        assert not kept(q[:, :, 1:], k[:, :, 1:], v[:, :, 1:])


def test_the_band_s_cost_grows_with_the_window_not_the_square() -> None:
    """Twice the positions beyond the window cost twice as much."""
    from torch.utils.flop_counter import FlopCounterMode

    def flops(length: int) -> int:
        inputs = draw(1, 2, 2, length, length)
        counter = FlopCounterMode(display=False)
        # The math kernel is made of products that the counter knows.
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), counter:
            window_attention_banded(*inputs, 64)
        return int(counter.get_total_flops())

    one, two, four = flops(1024), flops(2048), flops(4096)
    assert four - two == 2 * (two - one) > 0


@pytest.mark.parametrize(("window", "length"), [(20, 75), (64, 256), (512, 1100)])
def test_the_band_in_bf16_is_as_near_as_bf16_can_be(window: int, length: int) -> None:
    """Small blocks compute in fp32 on a CPU, large ones do not; both give gradients of the inputs' type."""
    inputs = [x.bfloat16().requires_grad_() for x in draw(2, 4, 2, length, length, width=16)]
    found = window_attention_banded(*inputs, window)
    truth = attention_reference(*(x.float() for x in inputs), window)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), truth, rtol=0, atol=0.02)
    for a, b in zip(
        torch.autograd.grad(found.float().square().sum(), inputs),
        torch.autograd.grad(truth.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.05)


@settings(deadline=None, max_examples=40)
@given(
    window=st.integers(1, 12),
    steps=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    ordered=st.booleans(),
)
def test_the_ring_gives_what_the_full_cache_gives(window: int, steps: list[int], ordered: bool) -> None:
    total = sum(steps)
    q, k, v = draw(1, 2, 1, total, total)
    full = KeyValueCache(1, 1, total, 8, torch.float32, torch.device("cpu"))
    ring = RingCache(1, 1, window, 8, torch.float32, torch.device("cpu"))
    start = 0
    for new in steps:
        part = slice(start, start + new)
        outputs = []
        for cache in (full, ring):
            keys, values = cache.extend(start, k[:, :, part], v[:, :, part], ordered=ordered)
            outputs.append(window_attention_banded(q[:, :, part], keys, values, window))
            if ordered:
                held = keys.shape[2]
                torch.testing.assert_close(keys, k[:, :, start + new - held : start + new], rtol=0, atol=0)
        torch.testing.assert_close(outputs[1], outputs[0], rtol=0, atol=1e-5)
        start += new
    assert ring.bytes() == 2 * window * 8 * 4


@pytest.mark.parametrize("prompt", [11, 12, 13, 30])
def test_decoding_with_a_prompt_around_and_beyond_the_window(prompt: int) -> None:
    config = shape("mistral-swa")
    assert config.window == 12
    model, inputs = fresh(config), tokens(config, 2, 48)
    with torch.inference_mode():
        full = model(inputs)
        cache = model.new_cache(batch=2)
        pieces = [inputs[:, :prompt], *inputs[:, prompt:].split(1, dim=1)]
        cached = torch.cat([model(piece, cache) for piece in pieces], 1)
    assert any(isinstance(layer, RingCache) for layer in cache.layers)
    torch.testing.assert_close(cached, full, rtol=0, atol=2e-5)


def test_a_window_that_masks_nothing_is_refused() -> None:
    assert model_config("mistral-swa", "300m").window == 512
    assert model_config("mistral-swa", "nano", context=128).window == 32
    for window in (256, 4096):
        with pytest.raises(UsageError, match="masks nothing in a context of 256"):
            model_config("mistral-swa", "nano", window=window)
    with pytest.raises(UsageError, match="llama-gqa has no window"):
        model_config("llama-gqa", "nano", window=64)
