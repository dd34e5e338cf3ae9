"""`FalconForCausalLM` in the layout of the 7B model: one norm, parallel block, one key/value head."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig
from rotrain.models.hf.layout import Layout, Part, rope, rope_theta


def _config(c: ModelConfig) -> dict[str, Any]:
    return {
        "hidden_size": c.hidden,
        "ffn_hidden_size": c.ffn,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        # Without this field transformers fills in the number of query heads, and converters read that.
        "num_kv_heads": 1,
        "multi_query": True,
        "parallel_attn": True,
        "new_decoder_architecture": False,
        "num_ln_in_parallel_attn": 1,
        "alibi": False,
        "bias": False,
        "activation": "gelu",
        "max_position_embeddings": c.context,
        **rope(c),
        "layer_norm_epsilon": c.norm_eps,
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
    }


def _shape(config: dict[str, Any]) -> dict[str, Any]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    return {
        "hidden": hidden,
        "ffn": config.get("ffn_hidden_size") or 4 * hidden,
        "layers": config["num_hidden_layers"],
        "heads": heads,
        "kv_heads": 1,
        "head_dim": hidden // heads,
        "context": config.get("max_position_embeddings", 2048),
        "rope_theta": rope_theta(config),
        "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "mlp": "gelu",
        "norm": "layer",
        "parallel": True,
    }


def _layer(c: ModelConfig, layer: int) -> list[Part]:
    queries = c.heads * c.head_dim
    return [
        Part("mixer_norm.weight", ("input_layernorm.weight",)),
        Part("mixer_norm.bias", ("input_layernorm.bias",)),
        Part(
            "mixer.in_proj.weight",
            ("self_attention.query_key_value.weight", "mlp.dense_h_to_4h.weight"),
            (queries + 2 * c.head_dim, c.ffn),
        ),
        Part(
            "mixer.out_proj.weight",
            ("self_attention.dense.weight", "mlp.dense_4h_to_h.weight"),
            (queries, c.ffn),
            dim=1,
        ),
    ]


FALCON = Layout(
    architecture="FalconForCausalLM",
    model_type="falcon",
    # Its head_dim is always hidden / heads; no field sets it.
    holds=lambda c: (
        c.parallel
        and c.norm == "layer"
        and c.kv_heads == 1
        and not c.window
        and c.heads * c.head_dim == c.hidden
    ),
    config=_config,
    shape=_shape,
    top=(
        Part("embed.weight", ("transformer.word_embeddings.weight",)),
        Part("norm.weight", ("transformer.ln_f.weight",)),
        Part("norm.bias", ("transformer.ln_f.bias",)),
    ),
    layer=_layer,
    layer_prefix="transformer.h",
    ties_by_default=True,
)
