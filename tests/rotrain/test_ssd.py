"""Mamba-2's scan and convolution: the readable definition, the chunks, the cache."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models import fresh, tokens
from torch import Tensor

from conftest import shape
from rotrain.models import conv as conv_module
from rotrain.models.conv import conv_fused, conv_reference, conv_rows, conv_torch
from rotrain.models.decoder import Decoder
from rotrain.models.mamba2 import Mamba2, RecurrentCache
from rotrain.models.ssd import scan_chunked, scan_reference


def draw(
    batch: int,
    length: int,
    heads: int,
    groups: int,
    *,
    width: int = 4,
    state: int = 6,
    dtype: Any = torch.float64,
) -> list[Tensor]:
    g = torch.Generator().manual_seed(length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64).to(dtype)

    return [
        normal(batch, length, heads, width),
        torch.nn.functional.softplus(normal(batch, length, heads) - 2),
        -torch.rand(heads, generator=g, dtype=torch.float64).mul(15).add(1).to(dtype),
        normal(batch, length, groups, state),
        normal(batch, length, groups, state),
        normal(batch, heads, state, width),
    ]


@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(1, 50),
    heads=st.sampled_from([(4, 1), (4, 2), (4, 4), (1, 1)]),
    chunk=st.sampled_from([1, 2, 7, 16, 128]),
    documents=st.booleans(),
    carried=st.booleans(),
)
def test_chunks_equal_the_recurrence(
    length: int, heads: tuple[int, int], chunk: int, documents: bool, carried: bool
) -> None:
    *inputs, state = draw(2, length, *heads)
    g = torch.Generator().manual_seed(chunk)
    numbers = (torch.rand(2, length + 1, generator=g) < 0.15).long().cumsum(1) if documents else None
    words = (state if carried else None, numbers, chunk)
    found, truth = scan_chunked(*inputs, *words), scan_reference(*inputs, *words)
    for a, b in zip(found, truth, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


# At forty times the pace the state fades within a chunk to what is left out (`FAINT`).
@pytest.mark.parametrize(("groups", "pace"), [(1, 1), (2, 1), (1, 40)])
def test_gradients_of_the_chunks_equal_those_of_the_recurrence(groups: int, pace: int) -> None:
    x, dt, *others = draw(2, 37, 4, groups)
    inputs = [leaf.requires_grad_() for leaf in (x, dt * pace, *others)]
    grads = []
    for scan in (scan_chunked, scan_reference):
        y, state = scan(*inputs, None, 8)
        grads.append(torch.autograd.grad(y.square().sum() + state.square().sum(), inputs))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("chunk", [16, 128])
def test_fp32_chunks_are_near_the_fp64_recurrence(chunk: int) -> None:
    *inputs, _ = draw(1, 256, 4, 1, width=16, state=32)
    truth, _ = scan_reference(*inputs, None)
    found, _ = scan_chunked(*(x.float() for x in inputs), None, None, chunk)
    assert found.dtype == torch.float32
    # 4e-6 was measured for chunks of 64 of the same form (the GPU kernels' too).
    assert ((found.double() - truth).abs().max() / truth.abs().max()).item() < 2e-5


def test_fading_and_state_stay_fp32_under_autocast() -> None:
    *inputs, _ = draw(1, 64, 4, 1, width=16, state=32, dtype=torch.float32)
    truth, last = scan_reference(*inputs, None)
    with torch.autocast("cpu", torch.bfloat16):
        found, state = scan_chunked(*inputs, None, None, 16)
    assert found.dtype == state.dtype == torch.float32
    assert ((found - truth).abs().max() / truth.abs().max()).item() < 0.02
    assert ((state - last).abs().max() / last.abs().max()).item() < 0.02


@pytest.mark.parametrize("documents", [False, True])
def test_the_convolution_is_causal_and_the_sum_it_says(documents: bool) -> None:
    g = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(s, generator=g) for s in ((2, 3 + 9, 5), (5, 1, 4), (5,)))
    numbers = torch.tensor([[0] * 6 + [1] * 6, [0] * 4 + [1] * 2 + [2] * 6]) if documents else None
    truth = torch.zeros(2, 9, 5)
    for b in range(2):
        for t in range(9):
            taken = [k for k in range(4) if numbers is None or numbers[b, t + k] == numbers[b, t + 3]]
            truth[b, t] = bias + sum(weight[:, 0, k] * x[b, t + k] for k in taken)
    compiled = torch.compile(conv_fused, backend="eager", fullgraph=True)
    for conv in (conv_reference, conv_torch, conv_rows, conv_fused, compiled):
        torch.testing.assert_close(conv(x, weight, bias, numbers), truth, rtol=0, atol=1e-5)


def test_the_convolution_by_blocks_leaves_16_bits_to_pytorch() -> None:
    x, weight, bias = (torch.randn(s, dtype=torch.bfloat16) for s in ((1, 12, 5), (5, 1, 4), (5,)))
    assert (conv_rows(x, weight, bias) == conv_torch(x, weight, bias)).all()
    with torch.autocast("cpu", torch.bfloat16):  # of a run: the weights are fp32
        found = conv_rows(x, weight.float(), bias.float())
    assert found.dtype == torch.bfloat16


def test_the_compiled_sum_rounds_once_and_keeps_16_bits() -> None:
    g = torch.Generator().manual_seed(2)
    x, weight, bias = (torch.randn(s, generator=g) for s in ((1, 40, 5), (5, 1, 4), (5,)))
    x = x.bfloat16()
    graphs: list[Any] = []

    def backend(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append([node.target for node in graph.graph.nodes])
        return graph.forward

    found = torch.compile(conv_fused, backend=backend, fullgraph=True)(x, weight, bias)
    assert torch.equal(found, conv_reference(x.float(), weight, bias).bfloat16())
    assert len(graphs) == 1 and torch.conv1d not in graphs[0]


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(2, 20), st.integers(1, 6), st.integers(1, 4), st.integers(1, 40))
def test_the_convolution_by_blocks_has_the_sum_s_gradients(
    batch: int, length: int, channels: int, taps: int, block: int
) -> None:
    g = torch.Generator().manual_seed(length)
    shapes = (batch, taps - 1 + length, channels), (channels, 1, taps), (channels,)
    inputs = [torch.randn(s, generator=g, dtype=torch.float64).requires_grad_() for s in shapes]
    upstream = torch.randn(batch, length, channels, generator=g, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv_module, "BLOCK", block)
        found, truth = conv_rows(*inputs), conv_reference(*inputs)
        torch.testing.assert_close(found, truth, rtol=0, atol=1e-12)
        for ours, theirs in zip(
            torch.autograd.grad(found, inputs, upstream),
            torch.autograd.grad(truth, inputs, upstream),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arch", ["mamba2", "mamba2-hybrid"])
def test_a_model_in_fp64_decodes_to_the_last_digits(arch: str) -> None:
    config = shape(arch)
    model, inputs = fresh(config).double(), tokens(config, 2, 48)
    with torch.inference_mode():
        full = model(inputs)
        cache = model.new_cache(batch=2)
        pieces = [inputs[:, :2], inputs[:, 2:35], *inputs[:, 35:].split(1, dim=1)]
        cached = torch.cat([model(piece, cache) for piece in pieces], 1)
    torch.testing.assert_close(cached, full, rtol=0, atol=1e-11)
    assert any(isinstance(layer, RecurrentCache) for layer in cache.layers)


def test_the_state_s_size_does_not_depend_on_the_context() -> None:
    model = Decoder(shape("mamba2"))
    assert (
        model.new_cache(context=2).bytes() == model.new_cache(context=48).bytes() == model.cache_bytes(9, 4)
    )
    # bf16 halves the convolution's tail and leaves the state alone.
    assert model.new_cache(dtype=torch.bfloat16).bytes() == model.cache_bytes(9, 2)


def test_weights_start_as_mamba_ssm_s() -> None:
    model = Decoder(shape("mamba2", ssm={"heads": 256, "head_dim": 4, "state": 8}))
    model.init_weights(3)
    mixers = [block.mixer for block in model.blocks]  # type: ignore[union-attr]
    for mixer in mixers:
        assert isinstance(mixer, Mamba2)
        a, step = mixer.A_log.exp(), torch.nn.functional.softplus(mixer.dt_bias)
        assert a.min() >= 1 and a.max() <= 16 and a.mean().item() == pytest.approx(8.5, abs=1)
        assert step.min() >= 1e-3 * 0.999 and step.max() <= 0.1 * 1.001
        # Even in the logarithm: the median is the geometric mean of the ends.
        assert step.log().median().item() == pytest.approx(math.log(1e-2), abs=0.4)
        assert (mixer.D == 1).all() and (mixer.gain == 1).all()
        assert mixer.conv_weight.abs().max() <= 0.5 and mixer.conv_weight.std() > 0.2
