"""Write the shape of a model as GGUF metadata, for the architecture of llama.cpp that computes it.

llama          full attention, SwiGLU, RMSNorm
granite_swa    the same with attention in a window. `llama` ignores the window, so its results would differ beyond it. Needs a
               llama.cpp of autumn 2026 or later. Its scales are absent or one, and its attention sinks are -1e30
falcon         one norm, and attention with one key/value head in parallel with a GELU MLP (llama.cpp uses the tanh form)
mamba2         state-space layers alone
granitehybrid  state-space and attention layers, each with SwiGLU
"""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig

# llama.cpp needs a context length, but Mamba-2 has no limit. llama.cpp's own converter writes this value.
UNBOUNDED = 1 << 20


def architecture(c: ModelConfig) -> str:
    """Return the name of the llama.cpp architecture that computes a model."""
    if c.parallel:
        return "falcon"
    if c.ssm is None:
        return "llama" if c.window is None else "granite_swa"
    return "granitehybrid" if "attention" in c.pattern else "mamba2"


def shape_fields(c: ModelConfig) -> dict[str, Any]:
    """Return the metadata of the shape of a model, by key without the prefix of the architecture."""
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
            # "finetuned" does not change the scale. For this architecture it turns on rotary positions.
            fields |= {"rope.scaling.finetuned": True, "logit_scale": 1.0}
    return fields
