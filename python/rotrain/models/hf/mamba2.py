"""`Mamba2ForCausalLM`. Every field is written: its defaults are those of one 7B model."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.models.hf.layout import Layout, Part


def _config(c: ModelConfig) -> dict[str, Any]:
    assert c.ssm is not None
    return {
        "hidden_size": c.hidden,
        "num_hidden_layers": c.layers,
        "num_heads": c.ssm.heads,
        "head_dim": c.ssm.head_dim,
        "state_size": c.ssm.state,
        "n_groups": c.ssm.groups,
        "conv_kernel": c.ssm.conv,
        "expand": c.ssm.inner // c.hidden,
        "chunk_size": c.ssm.chunk,
        "use_bias": False,
        "use_conv_bias": True,
        "hidden_act": "silu",
        "layer_norm_epsilon": c.norm_eps,
        "residual_in_fp32": True,
        "max_position_embeddings": c.context,
    }


def _shape(config: dict[str, Any]) -> dict[str, Any]:
    check_no_limit(config)
    return {
        "hidden": config["hidden_size"],
        "ffn": 0,
        "mlp": "none",
        "layers": config["num_hidden_layers"],
        "pattern": ("mamba2",),
        "heads": 0,
        "kv_heads": 0,
        "head_dim": 64,
        # The class has no context: the field is ours, and a folder without it gets 2048.
        "context": config.get("max_position_embeddings", 2048),
        "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "ssm": {
            "heads": config["num_heads"],
            "head_dim": config["head_dim"],
            "state": config["state_size"],
            "groups": config["n_groups"],
            "conv": config.get("conv_kernel", 4),
        },
    }


def check_no_limit(config: dict[str, Any]) -> None:
    """Refuse a model whose steps are clamped: ours are not.

    Raises:
        RotrainError: `time_step_limit` is set.
    """
    low, high = config.get("time_step_limit") or (0.0, float("inf"))
    if isinstance(high, dict):  # as transformers writes infinity in JSON
        high = float(high.get("__float__", "nan"))
    if low > 0 or not high > 1e6:
        raise RotrainError(f"time_step_limit is {[low, high]}, and ours has none")


def mixer(prefix: str) -> list[Part]:
    """Return the tensors of a Mamba-2 mixer, under a prefix of transformers."""
    names = {
        "in_proj.weight": "in_proj.weight",
        "conv_weight": "conv1d.weight",
        "conv_bias": "conv1d.bias",
        "A_log": "A_log",
        "D": "D",
        "dt_bias": "dt_bias",
        "gain": "norm.weight",
        "out_proj.weight": "out_proj.weight",
    }
    return [Part(f"mixer.{ours}", (f"{prefix}.{theirs}",)) for ours, theirs in names.items()]


MAMBA2 = Layout(
    architecture="Mamba2ForCausalLM",
    model_type="mamba2",
    holds=lambda c: (
        c.ssm is not None
        and c.pattern == ("mamba2",)
        and c.mlp == "none"
        and c.norm == "rms"
        and c.ssm.inner % c.hidden == 0
    ),
    config=_config,
    shape=_shape,
    top=(
        Part("embed.weight", ("backbone.embeddings.weight",)),
        Part("norm.weight", ("backbone.norm_f.weight",)),
    ),
    layer=lambda c, layer: [Part("mixer_norm.weight", ("norm.weight",)), *mixer("mixer")],
    layer_prefix="backbone.layers",
)
