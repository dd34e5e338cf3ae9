"""Sizes, and that every way of computing a model gives the same numbers."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch

from conftest import shape
from rotrain.config import ModelConfig
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.presets import ARCHS, model_config

ARCH_NAMES = sorted(ARCHS)

# parameters, GFLOP a token and MiB of cache at 300m
TABLE = {
    "llama-mha": (310_750_208, 2.129, 168),
    "llama-gqa": (300_268_544, 2.091, 46),
    "mistral-swa": (300_268_544, 1.928, 11.5),
    "falcon-mqa": (306_434_048, 2.153, 12.5),
    "mamba2": (305_003_264, 2.021, 40 + 0.52734375),
}


def fresh(config: ModelConfig, ops: kernels.Kernels | None = None, seed: int = 0) -> Decoder:
    model = Decoder(config, ops)
    model.init_weights(seed)
    # Gains of one and biases of zero would hide a norm that is left out or taken twice.
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1 and (parameter == parameter[0]).all():
                parameter.add_(torch.rand(parameter.shape, generator=generator) - 0.5)
    return model.eval()


def tokens(config: ModelConfig, batch: int, length: int) -> torch.Tensor:
    return torch.randint(config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("arch", TABLE)
def test_size_work_and_cache_of_300m_are_the_table_s(arch: str) -> None:
    config = model_config(arch, "300m")
    parameters, gflops, cache = TABLE[arch]
    assert count.param_count(config) == parameters
    assert count.flops_per_token(config) == pytest.approx(gflops * 1e9, rel=5e-4)
    assert count.cache_bytes(config) == cache * 2**20


@pytest.mark.parametrize("arch", ARCH_NAMES)
@pytest.mark.parametrize("size", ["nano", "mini", "300m"])
def test_the_formula_counts_the_parameters(arch: str, size: Any) -> None:
    config = model_config(arch, size)
    with torch.device("meta"):
        assert Decoder(config).param_count() == count.param_count(config)
    # Widths of k-quants, and sizes near each other.
    assert config.hidden % 256 == config.ffn % 256 == 0
    assert count.param_count(config) == pytest.approx(
        count.param_count(model_config("llama-mha", size)), rel=0.04
    )


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_work_is_what_the_profiler_counts(arch: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = shape(arch)
    # The written-out attention is made of products that the profiler knows; it multiplies the
    # whole square of scores, of which the formula counts the visible part. It counts no gradient of a
    # grouped convolution rightly, so that one is left out on both sides.
    fast, slow = kernels.choose(config.vocab_size), kernels.REFERENCE
    ops = replace(fast, attention=slow.attention, window_attention=slow.window_attention, conv=slow.conv)
    model = Decoder(config, ops)
    model.init_weights(0)
    inputs = tokens(config, 1, config.context)
    with FlopCounterMode(display=False) as counter:
        model.loss(inputs, inputs).backward()
    unseen = config.context - count.visible_keys(config, config.context)
    unseen_work = 3 * 4 * unseen * config.heads * config.head_dim * config.mixers("attention")
    conv = config.mixers("mamba2") * 6 * config.ssm.conv * config.ssm.channels if config.ssm else 0
    assert counter.get_total_flops() / config.context == pytest.approx(
        model.flops_per_token() + unseen_work - conv, rel=1e-9
    )


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_cache_holds_the_bytes_it_says(arch: str) -> None:
    model = Decoder(shape(arch))
    assert model.new_cache().bytes() == model.cache_bytes(bytes_per_value=4)
    assert model.new_cache(context=10).bytes() == model.cache_bytes(10, bytes_per_value=4)


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_fast_kernels_equal_the_reference(arch: str) -> None:
    config = shape(arch, vocab_size=9000)
    fast, slow = fresh(config), fresh(config, kernels.REFERENCE)
    assert fast.ops.loss is not slow.ops.loss
    inputs, labels = tokens(config, 3, 40), tokens(config, 3, 41)[:, 1:]
    losses = [model.loss(inputs, labels) for model in (fast, slow)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=2e-6)
    for (name, a), b in zip(fast.named_parameters(), slow.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5 * b.grad.abs().max().item(), msg=name)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.parametrize(
    ("arch", "narrow"), [("mistral-swa", False), ("mamba2", False), ("mamba2", True)], ids=str
)
def test_the_compiled_loss_equals_the_eager_one(arch: str, narrow: bool) -> None:
    config = shape(arch, layers=1, vocab_size=3000)
    inputs, labels = tokens(config, 2, 24), tokens(config, 2, 25)[:, 1:]
    eager, compiled = fresh(config), fresh(config)
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        losses = [eager.loss(inputs, labels), compiled.compiled_loss()(inputs, labels)]
    for loss in losses:
        loss.backward()
    # A compiled graph rounds to bf16 less often: it is near, not equal.
    loss_rtol, rtol, atol = (1e-3, 2e-2, 2e-2) if narrow else (1e-6, 1e-4, 1e-5)
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=loss_rtol)
    for (name, a), b in zip(compiled.named_parameters(), eager.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(
            a.grad,
            b.grad,
            rtol=rtol,
            atol=atol * b.grad.abs().max().item(),
            msg=lambda m, n=name: f"{n}: {m}",
        )


@pytest.mark.parametrize("arch", ARCH_NAMES)
@pytest.mark.parametrize("ops", [None, kernels.REFERENCE], ids=["fast", "reference"])
def test_cached_decoding_equals_the_full_forward(arch: str, ops: kernels.Kernels | None) -> None:
    config = shape(arch)
    model, inputs = fresh(config, ops), tokens(config, 2, 48)
    with torch.inference_mode():
        full = model.logits(model(inputs))
        cache = model.new_cache(batch=2)
        # Prefill, a second and a third chunk, then token by token.
        pieces = [inputs[:, :17], inputs[:, 17:18], inputs[:, 18:31], *inputs[:, 31:].split(1, dim=1)]
        cached = torch.cat([model.logits(model(piece, cache)) for piece in pieces], 1)
        torch.testing.assert_close(cached, full, rtol=0, atol=1e-5)
        # The same memory for a new sequence: nothing of the old one may shine through.
        cache.reset()
        again = model.logits(model(inputs[:, :9].flip(1), cache))
        torch.testing.assert_close(again, model.logits(model(inputs[:, :9].flip(1))), rtol=0, atol=1e-5)


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_no_token_sees_a_later_one(arch: str) -> None:
    config = shape(arch)
    model, inputs = fresh(config), tokens(config, 1, 32)
    changed = inputs.clone()
    changed[0, 20] = (changed[0, 20] + 1) % config.vocab_size
    with torch.inference_mode():
        before, after = model(inputs), model(changed)
    torch.testing.assert_close(before[:, :20], after[:, :20], rtol=0, atol=1e-6)
    assert (before[:, 20:] - after[:, 20:]).abs().amax(-1).min() > 1e-5


def test_positions_beyond_the_context_are_refused() -> None:
    config = shape("llama-mha")
    with pytest.raises(ValueError, match="49 positions, but the context is 48"):
        Decoder(config)(torch.zeros(1, 49, dtype=torch.long))


@pytest.mark.parametrize("hidden", [64, 256])
def test_a_fresh_model_s_loss_is_ln_v_plus_a_fifth(hidden: int) -> None:
    config = shape("llama-mha", hidden=hidden, vocab_size=4000)
    model = Decoder(config)
    model.init_weights(1)
    labels = torch.randint(4000, (8, 48), generator=torch.Generator().manual_seed(9))
    with torch.inference_mode():
        loss = model.loss(tokens(config, 8, 48), labels) / labels.numel()
    assert loss.item() == pytest.approx(math.log(4000) + 0.2, abs=0.12)


def test_the_seed_makes_the_weights() -> None:
    config = shape("llama-gqa")
    a, b, c = (fresh(config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["embed.weight"], c["embed.weight"])


def test_weight_decay_pulls_on_the_matrices_of_the_blocks_only() -> None:
    for arch in ARCH_NAMES:
        model = Decoder(shape(arch))
        decayed = set(model.decayed())
        for name, parameter in model.named_parameters():
            assert (name in decayed) == (name.startswith("blocks.") and name.endswith(DECAYED)), name
            assert parameter.ndim == 2 or name not in decayed


DECAYED = ("qkv.weight", "in_proj.weight", "out_proj.weight", "gate_up.weight", "down.weight")


@pytest.mark.parametrize("arch", ["llama-gqa", "mistral-swa", "mamba2", "mamba2-hybrid", "falcon-mqa"])
@pytest.mark.parametrize("ops", [None, kernels.REFERENCE], ids=["fast", "reference"])
def test_documents_do_not_see_each_other(arch: str, ops: kernels.Kernels | None) -> None:
    end = 7
    config = shape(arch, document_end=end)
    model, inputs = fresh(config, ops), tokens(config, 2, 40)
    inputs[inputs == end] = end + 1
    inputs[0, 12], inputs[0, 13], inputs[1, 30] = end, end, end
    with torch.inference_mode():
        whole = model(inputs)
        for row, first, last in [(0, 0, 13), (0, 13, 14), (0, 14, 40), (1, 0, 31), (1, 31, 40)]:
            alone = model(inputs[row : row + 1, first:last])
            torch.testing.assert_close(whole[row : row + 1, first:last], alone, rtol=0, atol=2e-5)
        cache = model.new_cache(batch=2)
        pieces = [
            inputs[:, :9],
            *inputs[:, 9:16].split(1, dim=1),
            inputs[:, 16:33],
            *inputs[:, 33:].split(1, 1),
        ]
        cached = torch.cat([model(piece, cache) for piece in pieces], 1)
        torch.testing.assert_close(cached, whole, rtol=0, atol=2e-5)
        apart = Decoder(shape(arch), model.ops)
        apart.load_state_dict(model.state_dict())
        assert (apart.eval()(inputs) - whole)[0, 14:].abs().max() > 1e-3
