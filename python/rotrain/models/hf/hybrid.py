"""`GraniteMoeHybridForCausalLM` without experts: Mamba-2 and attention layers, each with SwiGLU."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig
from rotrain.models.hf import llama, mamba2
from rotrain.models.hf.layout import Layout, Part, rope

# The names that transformers 4.57, vLLM, mlx-lm and llama.cpp's converter read. Newer versions of transformers rename them
# when they load a folder, and write the other two.
TYPES = {"mamba2": "mamba", "attention": "attention"}
READ = {
    "linear_attention": "mamba2",
    "mamba": "mamba2",
    "full_attention": "attention",
    "attention": "attention",
}


def _config(c: ModelConfig) -> dict[str, Any]:
    assert c.ssm is not None
    return {
        "hidden_size": c.hidden,
        "intermediate_size": c.ffn,
        "shared_intermediate_size": c.ffn,
        "num_hidden_layers": c.layers,
        "layer_types": [TYPES[c.mixer(layer)] for layer in range(c.layers)],
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "attention_bias": False,
        "attention_multiplier": c.head_dim**-0.5,
        "embedding_multiplier": 1.0,
        "residual_multiplier": 1.0,
        "logits_scaling": 1.0,
        "num_local_experts": 0,
        "num_experts_per_tok": 0,
        "position_embedding_type": "rope",
        "max_position_embeddings": c.context,
        **rope(c),
        "rms_norm_eps": c.norm_eps,
        "hidden_act": "silu",
        "mamba_n_heads": c.ssm.heads,
        "mamba_d_head": c.ssm.head_dim,
        "mamba_d_state": c.ssm.state,
        "mamba_n_groups": c.ssm.groups,
        "mamba_d_conv": c.ssm.conv,
        "mamba_expand": c.ssm.inner // c.hidden,
        "mamba_chunk_size": c.ssm.chunk,
        "mamba_conv_bias": True,
        "mamba_proj_bias": False,
    }


def _shape(config: dict[str, Any]) -> dict[str, Any]:
    mamba2.check_no_limit(config)
    return {
        **llama.shape({**config, "intermediate_size": config["shared_intermediate_size"]}),
        "pattern": tuple(READ[kind] for kind in config["layer_types"]),
        "ssm": {
            "heads": config["mamba_n_heads"],
            "head_dim": config["mamba_d_head"],
            "state": config["mamba_d_state"],
            "groups": config["mamba_n_groups"],
            "conv": config["mamba_d_conv"],
        },
    }


def _layer(c: ModelConfig, layer: int) -> list[Part]:
    return [
        *llama.norms(),
        *(llama.attention(c) if c.mixer(layer) == "attention" else mamba2.mixer("mamba")),
        Part("mlp.gate_up.weight", ("shared_mlp.input_linear.weight",)),
        Part("mlp.down.weight", ("shared_mlp.output_linear.weight",)),
    ]


HYBRID = Layout(
    architecture="GraniteMoeHybridForCausalLM",
    model_type="granitemoehybrid",
    holds=lambda c: (
        c.ssm is not None
        and "attention" in c.pattern
        and c.mlp == "swiglu"
        and c.norm == "rms"
        and not c.window
        and c.ssm.inner % c.hidden == 0
        and c.heads * c.head_dim == c.hidden
    ),
    config=_config,
    shape=_shape,
    top=llama.TOP,
    layer=_layer,
    layer_prefix="model.layers",
)
