"""The shape of a model as GGUF metadata, for the architecture of llama.cpp that computes it.

llama          attention over everything, SwiGLU, RMSNorm
granite_swa    the same in a window: `llama` reads no window and would be another model beyond it. Needs a llama.cpp of autumn
               2026. Its scales are left out or one, its attention sinks are e^-1e30
falcon         one norm, attention with one key/value head beside GELU (llama.cpp's is the tanh form)
mamba2         state-space layers alone
granitehybrid  state-space and attention layers, each with SwiGLU
"""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig

# llama.cpp needs a length, and the state of Mamba-2 has none: its own converter writes this one.
UNBOUNDED = 1 << 20


def architecture(c: ModelConfig) -> str:
    """Return llama.cpp's name of the architecture that computes a model."""
    if c.parallel:
        return "falcon"
    if c.ssm is None:
        return "llama" if c.window is None else "granite_swa"
    return "granitehybrid" if "attention" in c.pattern else "mamba2"


def shape_fields(c: ModelConfig) -> dict[str, Any]:
    """Return the metadata of the shape, without the prefix of the architecture. Whole numbers stay int."""
    attends = "attention" in c.pattern
    fields: dict[str, Any] = {
        "block_count": c.layers,
        "context_length": c.context if attends else UNBOUNDED,
        "embedding_length": c.hidden,
        "feed_forward_length": c.ffn,
        "vocab_size": c.vocab_size,
        "attention.head_count": c.heads,
    }
    kind = "layer_norm_epsilon" if c.norm == "layer" else "layer_norm_rms_epsilon"
    fields[f"attention.{kind}"] = c.norm_eps
    if attends:
        per_layer = [c.kv_heads if c.mixer(layer) == "attention" else 0 for layer in range(c.layers)]
        fields |= {
            "attention.head_count_kv": per_layer if c.ssm else c.kv_heads,
            "attention.key_length": c.head_dim,
            "attention.value_length": c.head_dim,
            "rope.dimension_count": c.head_dim,
            "rope.freq_base": c.rope_theta,
        }
    if c.parallel:
        fields["tensor_data_layout"] = "jploski"
    if c.window is not None:
        fields |= {
            "attention.sliding_window": c.window,
            "attention.sliding_window_pattern": [True] * c.layers,
            "logit_scale": 1.0,
        }
    if c.ssm is not None:
        fields |= {
            "ssm.conv_kernel": c.ssm.conv,
            "ssm.inner_size": c.ssm.inner,
            "ssm.state_size": c.ssm.state,
            "ssm.time_step_rank": c.ssm.heads,
            "ssm.group_count": c.ssm.groups,
        }
        if attends:
            # This does not scale: it tells this architecture to rotate queries and keys.
            fields |= {"rope.scaling.finetuned": True, "logit_scale": 1.0}
    return fields
