"""Sizes, and that every way of computing a model gives the same numbers."""

from __future__ import annotations

import math
import shutil
from typing import Any

import pytest
import torch
from conftest import shape

from rotrain.config import ModelConfig
from rotrain.export.hf import from_hf, hf_config, largest_difference, to_hf
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.presets import ARCHS, model_config

ARCH_NAMES = sorted(ARCHS)


def fresh(config: ModelConfig, ops: kernels.Kernels | None = None, seed: int = 0) -> Decoder:
    model = Decoder(config, ops)
    model.init_weights(seed)
    # Gains of one would hide a norm that is left out or taken twice.
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def tokens(config: ModelConfig, batch: int, length: int) -> torch.Tensor:
    return torch.randint(config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(("arch", "expected"), [("llama-mha", 310_750_208), ("llama-gqa", 300_268_544)])
def test_parameters_of_300m_are_the_table_s(arch: str, expected: int) -> None:
    config = model_config(arch, "300m")
    assert count.param_count(config) == expected
    with torch.device("meta"):
        assert Decoder(config).param_count() == expected


@pytest.mark.parametrize("arch", ARCH_NAMES)
@pytest.mark.parametrize("size", ["nano", "mini", "300m"])
def test_parameters_equal_those_of_transformers(arch: str, size: Any) -> None:
    transformers = pytest.importorskip("transformers")
    config = model_config(arch, size, vocab_size=5000)
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**hf_config(config, 0)))
        ours = Decoder(config)
    assert ours.param_count() == theirs.num_parameters() == count.param_count(config)


def test_work_and_cache_equal_the_table_s() -> None:
    mha, gqa = model_config("llama-mha", "300m"), model_config("llama-gqa", "300m")
    assert count.flops_per_token(mha) == pytest.approx(2.129e9, rel=5e-4)
    assert count.flops_per_token(gqa) == pytest.approx(2.091e9, rel=5e-4)
    assert count.cache_bytes(mha) == 168 * 2**20
    assert count.cache_bytes(gqa) == 46 * 2**20


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_forward_work_is_what_the_profiler_counts(arch: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = shape(arch)
    model = Decoder(config, kernels.REFERENCE)
    inputs = tokens(config, 1, config.context)
    with FlopCounterMode(display=False) as counter:
        model.loss(inputs, inputs).backward()
    # The reference multiplies the whole square of scores, the formula counts its visible half.
    width, layers, context = config.heads * config.head_dim, config.layers, config.context
    hidden_half = 3 * 4 * ((context - 1) / 2) * width * layers
    assert counter.get_total_flops() / context == pytest.approx(
        model.flops_per_token() + hidden_half, rel=1e-9
    )


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_cache_holds_the_bytes_it_says(arch: str) -> None:
    model = Decoder(shape(arch))
    assert model.new_cache().bytes() == model.cache_bytes(bytes_per_value=4)


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_fast_kernels_equal_the_reference(arch: str) -> None:
    config = shape(arch, vocab_size=9000)
    fast, slow = fresh(config), fresh(config, kernels.REFERENCE)
    assert fast.ops.loss is not slow.ops.loss
    inputs, labels = tokens(config, 3, 40), tokens(config, 3, 41)[:, 1:]
    losses = [model.loss(inputs, labels) for model in (fast, slow)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    for (name, a), b in zip(fast.named_parameters(), slow.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5 * b.grad.abs().max().item(), msg=name)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_the_compiled_loss_equals_the_eager_one() -> None:
    config = shape("llama-gqa", layers=1, vocab_size=3000)
    inputs, labels = tokens(config, 2, 24), tokens(config, 2, 25)[:, 1:]
    eager, compiled = fresh(config), fresh(config)
    losses = [eager.loss(inputs, labels), compiled.compiled_loss()(inputs, labels)]
    for loss in losses:
        loss.backward()
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-6)
    for (name, a), b in zip(compiled.named_parameters(), eager.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5 * b.grad.abs().max().item(), msg=name)


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


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_logits_equal_those_of_transformers_both_ways(arch: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = shape(arch)
    theirs_config = transformers.LlamaConfig(**hf_config(config, 0))
    inputs = tokens(config, 2, 48)
    ours = fresh(config)
    theirs = transformers.LlamaForCausalLM(theirs_config).eval()
    missing = theirs.load_state_dict(to_hf(config, dict(ours.named_parameters())), strict=False)
    assert set(missing.missing_keys) <= {"lm_head.weight"} and not missing.unexpected_keys
    theirs.tie_weights()
    assert largest_difference(ours, theirs, inputs) < 1e-5
    torch.manual_seed(3)
    theirs = transformers.LlamaForCausalLM(theirs_config).eval()
    ours.load_state_dict(from_hf(config, theirs.state_dict()))
    assert largest_difference(ours, theirs, inputs) < 1e-5


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
