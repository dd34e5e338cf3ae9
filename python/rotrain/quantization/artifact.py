"""The record of a quantized model: docs/quantization.md is its contract."""

from __future__ import annotations

from typing import Any

FORMAT, VERSION = "rotrain-quantized", 1

_CLASSES = {
    "embedding": ("token_embd", "output", "embed"),
    "attention": ("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "attn_sinks", "qkv"),
    "mlp": ("ffn_gate", "ffn_up", "ffn_down", "gate_up", "down"),
    "state_space": ("ssm_in", "ssm_out", "ssm_conv1d", "ssm_dt", "ssm_a", "ssm_d", "ssm_norm"),
}


def class_of(tensor: str) -> str:
    """Embedding, attention, mlp, state_space, or norms, by the name of a GGUF tensor."""
    words = tensor.split(".")
    for kind, parts in _CLASSES.items():
        if any(word in parts for word in words):
            return kind
    return "norms"


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
    """The record. Each tensor has `name, class, type, shape, bytes`; `more` is what the engine adds."""
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
