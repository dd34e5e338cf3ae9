"""Tests of RTN, HQQ and GPTQ: codes, errors, folders, distillation and target sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from program import rotrain
from safetensors.torch import load_file
from test_models import fresh, tokens

from conftest import shape
from rotrain.errors import RotrainError
from rotrain.files import sha256_file
from rotrain.models.presets import ARCHS
from rotrain.models.quantized import cache_dequantized, pack_codes, quantized_matrices, unpack_codes
from rotrain.quantization.calibration import matrices
from rotrain.quantization.distillation import distill_scales, divergence
from rotrain.quantization.rounding import gptq, hqq, rtn
from rotrain.quantization.torch import BITS, quantize_matrices, target_bits
from rotrain.run.checkpoint import write_tensors
from rotrain.run.load import load_run


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Matrices here are too small to share out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(rows: int = 24, inputs: int = 128, seed: int = 0) -> torch.Tensor:
    """Return a matrix whose rows have different scales and a few outliers."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(rows, inputs, generator=generator) * torch.rand(rows, 1, generator=generator)
    w[:, 5] *= 6
    return w


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 70), st.sampled_from(BITS))
def test_codes_round_trip(seed: int, rows: int, inputs: int, bits: int) -> None:
    codes = torch.randint(2**bits, (rows, inputs), generator=torch.Generator().manual_seed(seed)).to(
        torch.uint8
    )
    packed = pack_codes(codes, bits)
    assert packed.shape == (rows, -(-inputs * bits // 8))
    assert (unpack_codes(packed, bits, inputs) == codes).all()


@pytest.mark.parametrize("bits", BITS)
def test_rtn_takes_the_nearest_code(bits: int) -> None:
    w = weights()
    w[3] = 0
    w[4] = 0.25
    w[5] *= 1e-9
    grid = rtn(w, bits, 32)
    back = grid.weight()
    steps = (torch.arange(2**bits)[:, None, None, None] - grid.zero[None, :, :, None]) * grid.scale[
        None, :, :, None
    ]
    nearest = (w.unflatten(1, (-1, 32))[None] - steps).abs().amin(0).flatten(1)
    assert ((w - back).abs() <= nearest + 1e-6).all()
    assert (back[3] == 0).all()
    assert ((w - back).abs() <= 0.51 * grid.scale.repeat_interleave(32, 1) + 1e-4 * w.abs()).all()


def test_hqq_has_a_smaller_norm_of_the_error_than_rtn() -> None:
    w = weights()
    for bits in (3, 4):
        losses = [(w - grid.weight()).abs().pow(0.7).sum() for grid in (hqq(w, bits, 64), rtn(w, bits, 64))]
        assert losses[0] < losses[1]


def test_gptq_has_a_smaller_output_error_than_rtn() -> None:
    w = weights(16, 96)
    mixed = torch.randn(96, 96, generator=torch.Generator().manual_seed(1))
    x = torch.randn(800, 96, generator=torch.Generator().manual_seed(2)) @ mixed
    x[:, 7] = 0  # an input that is always zero
    moment = x.T @ x / len(x)
    for bits in (3, 4, 8):
        ours, plain = (
            (x @ (w - grid.weight()).T).square().sum()
            for grid in (gptq(w, bits, 32, moment), rtn(w, bits, 32))
        )
        assert ours < 0.8 * plain
    # With uncorrelated inputs there is nothing to correct in later columns.
    alone = gptq(w, 4, 32, torch.eye(96))
    assert (w - alone.weight()).square().sum() <= (w - rtn(w, 4, 32).weight()).square().sum() * 1.0001


@pytest.mark.parametrize("arch", sorted(ARCHS))
@pytest.mark.parametrize("method", ["rtn", "hqq", "gptq"])
def test_every_method_on_every_architecture(arch: str, method: str) -> None:
    model = fresh(shape(arch))
    text = tokens(model.config, 6, 48)
    kls = []
    for bits in (8, 3):
        found = quantize_matrices(model, method, dict.fromkeys(matrices(model), bits), 32, text)
        assert quantized_matrices(found).keys() == matrices(model).keys()
        kls.append(divergence(model, found, text))
    assert kls[0] < 1e-3 < 5e-3 < kls[1]
    # The result is the same with a cache and without one.
    cache = found.new_cache()
    whole = found(text[:1])
    pieces = torch.cat([found(part, cache) for part in text[:1].split([20, 1, 27], 1)], 1)
    torch.testing.assert_close(pieces, whole, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_cached_dequantization_does_not_change_the_logits(arch: str) -> None:
    model = fresh(shape(arch))
    found = quantize_matrices(model, "hqq", dict.fromkeys(matrices(model), 4), 32, None)
    x, before = tokens(model.config, 2, 24), quantized_matrices(found)
    with torch.inference_mode():
        truth = found.logits(found(x))
        for free in (None, 1000):
            assert cache_dequantized(found, free).startswith("dequantized in every product")
            assert all(module.cached is None for module in found.modules() if hasattr(module, "cached"))
        assert cache_dequantized(found, 1 << 30).startswith("dequantized once and cached")
        assert (found.logits(found(x)) == truth).all()
    for name, grid in quantized_matrices(found).items():
        assert (grid.codes == before[name].codes).all() and (grid.scale == before[name].scale).all()
    assert not any("cached" in name for name in found.state_dict())


def test_distillation_reduces_the_divergence() -> None:
    model = fresh(shape("llama-gqa"))
    text = tokens(model.config, 16, 48)
    found = quantize_matrices(model, "rtn", dict.fromkeys(matrices(model), 3), 32, None)
    codes = {name: grid.codes.clone() for name, grid in quantized_matrices(found).items()}
    before, after = distill_scales(model, found, text, 30)
    assert after < 0.9 * before
    validation = text[torch.arange(16) % 8 == 7]
    assert divergence(model, found, validation) == pytest.approx(after, rel=1e-3)
    for name, grid in quantized_matrices(found).items():
        assert (grid.codes == codes[name]).all()
        assert (grid.scale == grid.scale.half().float()).all()


def test_distillation_that_diverges_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    from rotrain.quantization import distillation as module

    for rate in ("SCALE_RATE", "ZERO_RATE", "GAIN_RATE"):
        monkeypatch.setattr(module, rate, 1e30)
    model = fresh(shape("llama-gqa"))
    text = tokens(model.config, 8, 48)
    found = quantize_matrices(model, "rtn", dict.fromkeys(matrices(model), 4), 32, None)
    held = {name: value.clone() for name, value in found.state_dict().items()}
    before, after = distill_scales(model, found, text, 3)
    assert after == before > 0
    for name, value in found.state_dict().items():
        assert (value == held[name]).all()


@pytest.mark.parametrize("arch", ["llama-mha", "mamba2"])
def test_target_bits_are_met(arch: str) -> None:
    model = fresh(shape(arch, layers=4))
    text = tokens(model.config, 6, 48)
    for bpw in (5.5, 7.0):
        bits = target_bits(model, text, 32, bpw)
        found = quantize_matrices(model, "rtn", bits, 32, None)
        held = quantized_matrices(found)
        plain = sum(p.numel() for name, p in model.named_parameters() if name not in held)
        real = 8 * (sum(grid.bytes for grid in held.values()) + 4 * plain) / model.param_count()
        assert 0.99 * bpw <= real <= bpw


def with_old_names(folder: Path) -> None:
    """Rewrite a quantized folder with the parameter names of versions before `in_proj` and `out_proj`."""

    def old(name: str) -> str:
        return name.replace(".in_proj.", ".into.").replace(".out_proj.", ".out.")

    file, record = folder / "model.safetensors", folder / "quantization.json"
    tensors = {old(name): tensor for name, tensor in load_file(file).items()}
    assert any(".mixer.into." in name for name in tensors)
    write_tensors(file, tensors)
    value = json.loads(record.read_bytes())
    del value["seal"]  # those versions had none
    value |= {"sha256": sha256_file(file)}
    value["tensors"] = [tensor | {"name": old(tensor["name"])} for tensor in value["tensors"]]
    record.write_text(json.dumps(value))


def test_command_writes_a_folder_that_loads(tmp_path: Path, pack: Path, tiny_nano: None) -> None:
    run, out = tmp_path / "run", tmp_path / "q"
    args = ["--arch", "mamba2", "--size", "nano", "--data", pack, "--out", run, "--steps", 2, "--quiet"]
    assert rotrain("fit", *args, "--set", "context=32").returncode == 0
    text = ["--calibrate", pack, "--calibration-tokens", 1024]
    ended = rotrain(
        "quantize", run, "--method", "gptq", "--group", 32, *text, "--polish", 3, "--out", out, "--json"
    )
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["kl"] <= result["kl_before_polish"]
    assert result["tensor_bytes"] == sum(t["bytes"] for t in result["tensors"]) < result["file_bytes"]
    trained, back = load_run(run), load_run(out)
    assert back.step == trained.step == 2 and back.eos_id == trained.eos_id
    assert 0 < divergence(trained.model, back.model, tokens(trained.model.config, 4, 32)) < 0.05
    ended = rotrain("generate", out, "--max-tokens", 4, "--json")
    assert ended.returncode == 0 and json.loads(ended.stdout)["tokens"], ended.stderr
    again = rotrain(
        "quantize", run, "--method", "gptq", "--group", 32, *text, "--polish", 3, "--out", tmp_path / "r"
    )
    assert again.returncode == 0, again.stderr
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "r" / "model.safetensors").read_bytes()
    with_old_names(out)
    old = load_run(out).model.state_dict()
    assert all(torch.equal(old[name], tensor) for name, tensor in back.model.state_dict().items())
    for wrong, sentence in (
        (["--method", "gptq"], "needs training text"),
        (["--method", "rtn", "--polish", 2], "needs training text"),
        (["--method", "rtn", "--bits", 7], "are not supported"),
        (["--method", "rtn", "--imatrix", out], "does not use an importance matrix"),
    ):
        ended = rotrain("quantize", run, *wrong, "--out", tmp_path / "n")
        assert ended.returncode == 2 and sentence in ended.stderr, ended.stderr
    for verb in (
        ["export", out, "--to", "gguf"],
        ["export", out, "--to", "hf"],
        ["quantize", out, "--method", "rtn"],
    ):
        ended = rotrain(*verb, "--out", tmp_path / "n")
        assert ended.returncode == 1 and "already quantized" in ended.stderr, ended.stderr
    file = out / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(RotrainError, match="cut off or from another model"):
        load_run(out)
    (out / "quantization.json").write_text("{}")
    with pytest.raises(RotrainError, match="not the record of a quantized model"):
        load_run(out)


def test_diverged_model_is_reported() -> None:
    model = fresh(shape("llama-mha"))
    with torch.no_grad():
        model.embed.weight[3, 3] = float("nan")
    with pytest.raises(RotrainError, match=r"embed\.weight holds values that are not finite"):
        quantize_matrices(model, "rtn", dict.fromkeys(matrices(model), 4), 32, None)
