"""`LlamaForCausalLM`, and `MistralForCausalLM`, which is the same with a window."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig
from rotrain.models.hf.layout import Layout, Part, attention_sizes, rope, rope_theta


def _sequential_attention(c: ModelConfig) -> bool:
    return c.pattern == ("attention",) and c.mlp == "swiglu" and c.norm == "rms" and not c.parallel


def config(c: ModelConfig) -> dict[str, Any]:
    """Return the fields that both classes have in common."""
    return {
        "hidden_size": c.hidden,
        "intermediate_size": c.ffn,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_dim,
        "max_position_embeddings": c.context,
        **rope(c),
        "rms_norm_eps": c.norm_eps,
        "hidden_act": "silu",
    }


def shape(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `ModelConfig`, given a config.json of either class."""
    heads = config["num_attention_heads"]
    return {
        "hidden": config["hidden_size"],
        "ffn": config["intermediate_size"],
        "layers": config["num_hidden_layers"],
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "head_dim": config.get("head_dim") or config["hidden_size"] // heads,
        "context": config.get("max_position_embeddings", 2048),
        "rope_theta": rope_theta(config),
        "norm_eps": config.get("rms_norm_eps", 1e-6),
    }


def attention(c: ModelConfig) -> list[Part]:
    """Return the matrices of an attention mixer."""
    names = tuple(f"self_attn.{letter}_proj.weight" for letter in "qkv")
    return [
        Part("mixer.qkv.weight", names, attention_sizes(c)),
        Part("mixer.out_proj.weight", ("self_attn.o_proj.weight",)),
    ]


def norms() -> list[Part]:
    """Return the two norms of a layer."""
    return [
        Part("mixer_norm.weight", ("input_layernorm.weight",)),
        Part("mlp_norm.weight", ("post_attention_layernorm.weight",)),
    ]


def _layer(c: ModelConfig, layer: int) -> list[Part]:
    return [
        *norms(),
        *attention(c),
        Part("mlp.gate_up.weight", ("mlp.gate_proj.weight", "mlp.up_proj.weight"), (c.ffn, c.ffn)),
        Part("mlp.down.weight", ("mlp.down_proj.weight",)),
    ]


TOP = (
    Part("embed.weight", ("model.embed_tokens.weight",)),
    Part("norm.weight", ("model.norm.weight",)),
)

LLAMA = Layout(
    architecture="LlamaForCausalLM",
    model_type="llama",
    holds=lambda c: _sequential_attention(c) and c.window is None,
    config=lambda c: {**config(c), "attention_bias": False, "mlp_bias": False},
    shape=shape,
    top=TOP,
    layer=_layer,
    layer_prefix="model.layers",
)

MISTRAL = Layout(
    architecture="MistralForCausalLM",
    model_type="mistral",
    holds=lambda c: _sequential_attention(c) and c.window is not None,
    # The window of transformers has our meaning: W positions with the token's own.
    config=lambda c: {**config(c), "sliding_window": c.window},
    shape=lambda config: {**shape(config), "window": config.get("sliding_window", 4096)},
    top=TOP,
    layer=_layer,
    layer_prefix="model.layers",
)
