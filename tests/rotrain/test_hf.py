"""Tests of every architecture against its stock class in `transformers`: export and import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models import fresh, tokens

from conftest import shape
from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.exporters.hf import largest_difference
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.models.hf import from_hf, hf_config, layout_of, model_config_of, to_hf
from rotrain.models.presets import ARCHS, model_config

transformers = pytest.importorskip("transformers")
ARCH_NAMES = sorted(ARCHS)


def stock(config: ModelConfig) -> Any:
    """Return the stock model of a shape, with the initial weights of transformers."""
    words = hf_config(config, 0)
    name = words.pop("architectures")[0]
    # Eager attention and fp64 avoid the rounding of faster kernels.
    theirs_config = transformers.AutoConfig.for_model(
        words.pop("model_type"), **words, attn_implementation="eager"
    )
    torch.manual_seed(3)
    theirs = getattr(transformers, name)(theirs_config).eval()
    with torch.no_grad():  # gains of one and biases of zero would hide a missing norm
        for parameter in theirs.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.rand_like(parameter))
    return theirs


def loaded(ours: Decoder) -> Any:
    """Return the stock model with our weights."""
    theirs = stock(ours.config)
    missing = theirs.load_state_dict(to_hf(ours.config, dict(ours.named_parameters())), strict=False)
    assert set(missing.missing_keys) <= {"lm_head.weight"} and not missing.unexpected_keys
    theirs.tie_weights()
    return theirs


@pytest.mark.parametrize("arch", ARCH_NAMES)
@pytest.mark.parametrize("size", ["nano", "mini", "300m"])
def test_parameters_equal_transformers(arch: str, size: Any) -> None:
    config = model_config(arch, size, vocab_size=5000)
    with torch.device("meta"):
        theirs = stock(config)
    assert theirs.num_parameters() == count.param_count(config)


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_logits_and_gradients_equal_transformers(arch: str) -> None:
    config = shape(arch)
    inputs = tokens(config, 2, 48)
    ours = fresh(config)
    theirs = loaded(ours)
    assert largest_difference(ours, theirs, inputs) < 1e-5
    labels = inputs.roll(-1, 1)
    ours.loss(inputs, labels).backward()
    logits = theirs(inputs).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").backward()
    found = to_hf(config, {name: p.grad for name, p in ours.named_parameters() if p.grad is not None})
    truth = {name: p.grad for name, p in theirs.named_parameters()}
    assert found.keys() == truth.keys()
    for name, gradient in found.items():
        limit = 2e-4 * truth[name].abs().max().item()
        torch.testing.assert_close(
            gradient, truth[name], rtol=0, atol=limit, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_stock_folder_is_imported(arch: str, tmp_path: Path) -> None:
    theirs = stock(shape(arch))
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    c, weights = from_hf(config, load_file(tmp_path / "model.safetensors"))
    # The Hugging Face config does not store these values.
    expected = shape(arch).model_dump() | {"arch": c.arch, "pattern": c.pattern}
    if c.ssm is not None:
        expected["ssm"]["chunk"] = c.ssm.chunk
    if not c.heads:
        expected["head_dim"] = c.head_dim
    assert c.model_dump() == expected
    ours = Decoder(c)
    ours.load_state_dict(weights)
    assert largest_difference(ours.eval(), theirs, tokens(c, 2, 48)) < 1e-5


def test_mamba2_with_groups_equals_transformers() -> None:
    config = shape("mamba2", ssm={"heads": 8, "head_dim": 16, "state": 24, "groups": 4, "chunk": 16})
    ours = fresh(config)
    assert largest_difference(ours, loaded(ours), tokens(config, 2, 40)) < 1e-5


@pytest.mark.parametrize(
    ("arch", "change", "sentence"),
    [
        ("llama-gqa", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("llama-gqa", {"attention_bias": True}, "attention_bias is True"),
        ("llama-gqa", {"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ("llama-gqa", {"model_type": "gpt2"}, "models of type 'gpt2'"),
        ("llama-gqa", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "type 'yarn'"),
        ("llama-gqa", {"vocab_size": 2_000_000}, "less than or equal to 1048576"),
        ("mistral-swa", {"sliding_window": 4096}, "masks nothing"),
        ("falcon-mqa", {"new_decoder_architecture": True}, "new_decoder_architecture is True"),
        ("mamba2", {"time_step_limit": [0.0, 0.1]}, "time_step_limit"),
        ("mamba2-hybrid", {"residual_multiplier": 0.2}, "residual_multiplier is 0.2"),
    ],
)
def test_unsupported_config_is_rejected(arch: str, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RotrainError, match=sentence.replace("[", r"\[")):
        model_config_of(hf_config(shape(arch), 0) | change)


def test_missing_and_extra_tensors_are_named() -> None:
    model = Decoder(shape("llama-gqa"))
    config, weights = hf_config(model.config, 0), to_hf(model.config, dict(model.named_parameters()))
    with pytest.raises(RotrainError, match=r"q_proj.bias' has no place"):
        from_hf(config, weights | {"model.layers.0.self_attn.q_proj.bias": torch.zeros(1)})
    with pytest.raises(RotrainError, match=r"layers.1.mlp.up_proj.weight' is missing"):
        from_hf(
            config, {name: w for name, w in weights.items() if name != "model.layers.1.mlp.up_proj.weight"}
        )


def test_shape_without_a_class_is_rejected() -> None:
    windowed = shape("mamba2-hybrid", window=12)
    with pytest.raises(RotrainError, match="no class of transformers computes"):
        layout_of(windowed)


def test_folder_loads_like_a_run(tmp_path: Path, pack: Path) -> None:
    from rotrain.generation import Sampling, generate_tokens
    from rotrain.run.load import load_run

    model = fresh(shape("mamba2", vocab_size=320))
    save_file(to_hf(model.config, dict(model.named_parameters())), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(hf_config(model.config, 0)))
    (tmp_path / "tokenizer.json").write_bytes((pack / "tokenizer.json").read_bytes())
    trained = load_run(tmp_path)
    assert "Hugging Face folder" in trained.notes[0]
    sampling = Sampling(temperature=0)
    texts = [
        list(generate_tokens(m, [5, 6], max_tokens=9, eos_id=0, sampling=sampling))
        for m in (model, trained.model)
    ]
    assert texts[0] == texts[1] and texts[0]
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(RotrainError, match="cannot read the weights"):
        load_run(tmp_path)
