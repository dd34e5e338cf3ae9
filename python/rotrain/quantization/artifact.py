"""Build the record of a quantized model (JSON). docs/reference/quantized-models.md describes its keys."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig

FORMAT, VERSION = "rotrain-quantized", 1

_GGUF_PARTS = {
    "embedding": ("token_embd", "output"),
    "attention": ("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "attn_sinks"),
    "mlp": ("ffn_gate", "ffn_up", "ffn_down"),
    "state_space": ("ssm_in", "ssm_out", "ssm_conv1d", "ssm_dt", "ssm_a", "ssm_d", "ssm_norm"),
}


def tensor_class(name: str, config: ModelConfig | None = None) -> str:
    """Return the class of a tensor: embedding, attention, mlp, state_space, norms or parallel.

    `parallel` is a matrix of Falcon that holds weights of both attention and feed-forward. A GGUF file stores them as
    separate tensors.

    Args:
        name: Name of a tensor in a GGUF file. With `config`: name of a parameter of our model.
        config: Shape of our model, or None for a GGUF file.

    Example:
        >>> tensor_class("blk.3.attn_v.weight")
        'attention'
    """
    return _gguf_class(name) if config is None else _parameter_class(name, config)


def _gguf_class(name: str) -> str:
    parts = name.split(".")
    for kind, known in _GGUF_PARTS.items():
        if any(part in known for part in parts):
            return kind
    return "norms"


def _parameter_class(name: str, config: ModelConfig) -> str:
    if name == "embed.weight":
        return "embedding"
    if "norm" in name:
        return "norms"
    if ".mlp." in name:
        return "mlp"
    if config.parallel:
        return "parallel"
    return "attention" if config.mixer(int(name.split(".")[1])) == "attention" else "state_space"


def artifact(
    *,
    engine: str,
    method: str,
    arch: str,
    parameters: int,
    tensors: list[dict[str, Any]],
    file_bytes: int,
    **more: Any,
) -> dict[str, Any]:
    """Return the record of a quantized model, with its sizes summed by class and by type.

    Args:
        engine: `gguf` or `torch`.
        method: The method, such as `q4_k_m` or `gptq`.
        arch: Name of the architecture.
        parameters: Parameters of the model.
        tensors: For each tensor `name`, `class`, `type`, `shape` and `bytes`.
        file_bytes: Size of the file.
        **more: More fields, which depend on the engine.
    """
    by_class: dict[str, int] = {}
    by_type: dict[str, dict[str, int]] = {}
    for tensor in tensors:
        by_class[tensor["class"]] = by_class.get(tensor["class"], 0) + tensor["bytes"]
        row = by_type.setdefault(tensor["type"], {"tensors": 0, "bytes": 0})
        row["tensors"], row["bytes"] = row["tensors"] + 1, row["bytes"] + tensor["bytes"]
    tensor_bytes = sum(by_class.values())
    return {
        "format": FORMAT,
        "version": VERSION,
        "engine": engine,
        "method": method,
        "arch": arch,
        "parameters": parameters,
        "bits_per_weight": 8 * tensor_bytes / parameters,
        "tensor_bytes": tensor_bytes,
        "file_bytes": file_bytes,
        "bytes_by_class": dict(sorted(by_class.items())),
        "types": dict(sorted(by_type.items())),
        **more,
        "tensors": tensors,
    }
