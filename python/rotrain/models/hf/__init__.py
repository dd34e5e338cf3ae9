"""Hugging Face's names for our models, both ways. Nothing here imports `transformers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.models.hf.falcon import FALCON
from rotrain.models.hf.hybrid import HYBRID
from rotrain.models.hf.layout import Layout
from rotrain.models.hf.llama import LLAMA, MISTRAL
from rotrain.models.hf.mamba2 import MAMBA2

LAYOUTS = (LLAMA, MISTRAL, FALCON, MAMBA2, HYBRID)

# Fields that change no result: speed, type, start of the weights, names.
FREE = {
    "architectures",
    "bos_token_id",
    "chunk_size",
    "dtype",
    "eos_token_id",
    "hidden_dropout",
    "attention_dropout",
    "initializer_range",
    "intermediate_size",
    "mamba_chunk_size",
    "max_position_embeddings",
    "pad_token_id",
    "layer_types",
    "num_experts_per_tok",
    "num_kv_heads",
    "num_ln_in_parallel_attn",
    "rope_parameters",
    "use_cache",
}


def layout_of(c: ModelConfig) -> Layout:
    """Return the layout of the class of `transformers` that computes a model.

    Raises:
        RotrainError: There is no such class.
    """
    for layout in LAYOUTS:
        if layout.holds(c):
            return layout
    raise RotrainError(
        f"no class of transformers computes what this {c.arch} does",
        hint=f"these layouts are known: {', '.join(layout.architecture for layout in LAYOUTS)}",
    )


def hf_config(
    c: ModelConfig, eos_id: int, bos_id: int | None = None, stop_ids: Sequence[int] = ()
) -> dict[str, Any]:
    """Return the content of config.json. Every field that has a default in transformers is written.

    Args:
        c: Shape of the model.
        eos_id: Id of the token between documents.
        bos_id: Id of the token before a text. None: `eos_id`.
        stop_ids: More tokens that end a text.
    """
    layout = layout_of(c)
    return {
        "architectures": [layout.architecture],
        "model_type": layout.model_type,
        "vocab_size": c.vocab_size,
        **layout.config(c),
        "tie_word_embeddings": True,
        "initializer_range": (2 / (5 * c.hidden)) ** 0.5,
        "use_cache": True,
        "bos_token_id": eos_id if bos_id is None else bos_id,
        "eos_token_id": [eos_id, *stop_ids] if stop_ids else eos_id,
        "pad_token_id": None,
        "dtype": "float32",
    }


def to_hf(c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return our parameters under the names of `layout_of(c)`."""
    return layout_of(c).to_hf(c, weights)


def from_hf(config: dict[str, Any], weights: dict[str, Tensor]) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Return a model of ours, given a config.json and its tensors.

    Args:
        config: Content of config.json.
        weights: Tensors by name.

    Returns:
        The shape, and our parameters by name, fp32.

    Raises:
        RotrainError: We do not compute the model exactly: another class, a field with another value, a tensor too many or
            too few.
    """
    c = model_config_of(config)
    layout = layout_of(c)
    try:
        ours = layout.from_hf(c, weights)
    except KeyError as error:
        raise RotrainError(f"the tensor {error.args[0]!r} is missing") from None
    known = {name for part in layout.parts(c) for name in part.theirs}
    embedding = weights[layout.top[0].theirs[0]]
    for name, tensor in weights.items():
        tied = (
            name == "lm_head.weight" and tensor.shape == embedding.shape and bool((tensor == embedding).all())
        )
        if name not in known and not tied:
            raise RotrainError(f"the tensor {name!r} has no place in a {layout.architecture} of ours")
    return c, {name: tensor.float() for name, tensor in ours.items()}


def model_config_of(config: dict[str, Any]) -> ModelConfig:
    """Return the shape that a config.json describes.

    Raises:
        RotrainError: We do not compute such a model exactly.
    """
    kind = config.get("model_type")
    layout = next((layout for layout in LAYOUTS if layout.model_type == kind), None)
    if layout is None:
        kinds = ", ".join(layout.model_type for layout in LAYOUTS)
        raise RotrainError(f"models of type {kind!r} cannot be read", hint=f"these can: {kinds}")
    try:
        fields = {"arch": kind, "vocab_size": config["vocab_size"], **layout.shape(config)}
        c = ModelConfig.model_validate(fields)
    except KeyError as error:
        raise RotrainError(
            f"config.json has no field {error.args[0]!r}, or another value than ours"
        ) from None
    except ValidationError as error:
        raise RotrainError(f"config.json: {error.errors()[0]['msg']}") from None
    ours = layout.config(c) | {"tie_word_embeddings": True}
    there = {"tie_word_embeddings": layout.ties_by_default} | config
    for key, value in ours.items():
        if key not in FREE and key in there and there[key] != value:
            raise RotrainError(f"{key} is {there[key]!r} in config.json, and ours is {value!r}")
    kind_of_rope = (config.get("rope_parameters") or config.get("rope_scaling") or {}).get(
        "rope_type", "default"
    )
    if kind_of_rope != "default":
        raise RotrainError(f"rotary positions of type {kind_of_rope!r} cannot be read")
    return c
