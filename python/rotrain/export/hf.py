"""A Hugging Face folder: safetensors, config and tokenizer that stock `transformers` loads.

Both architectures are `LlamaForCausalLM` there. Our fused matrices are cut into the ones it
expects; the numbers are the same fp32, so the logits differ only by the order of sums, and
`check` proves it on the written folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.files import sync_directory, write_atomic, write_json
from rotrain.models.decoder import Decoder
from rotrain.train.checkpoint import write_tensors
from rotrain.train.load import Trained

TOLERANCE = 1e-4


def hf_config(c: ModelConfig, eos_id: int) -> dict[str, Any]:
    """config.json for `LlamaConfig`. Every field that has a default elsewhere is written out."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": c.hidden,
        "intermediate_size": c.ffn,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_dim,
        "vocab_size": c.vocab_size,
        "max_position_embeddings": c.context,
        "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
        "rope_theta": c.rope_theta,
        "rms_norm_eps": c.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "initializer_range": (2 / (5 * c.hidden)) ** 0.5,
        "use_cache": True,
        "bos_token_id": eos_id,
        "eos_token_id": eos_id,
        "dtype": "float32",
    }


def to_hf(c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our parameters under `LlamaForCausalLM`'s names."""
    out = {"model.embed_tokens.weight": weights["embed.weight"], "model.norm.weight": weights["norm.weight"]}
    queries, keys = c.heads * c.head_dim, c.kv_heads * c.head_dim
    for i in range(c.layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        q, k, v = weights[ours + "mixer.qkv.weight"].split((queries, keys, keys))
        gate, up = weights[ours + "mlp.gate_up.weight"].chunk(2)
        parts = {
            "input_layernorm": weights[ours + "mixer_norm.weight"],
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": weights[ours + "mixer.out.weight"],
            "post_attention_layernorm": weights[ours + "mlp_norm.weight"],
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": weights[ours + "mlp.down.weight"],
        }
        out |= {f"{theirs}{name}.weight": tensor for name, tensor in parts.items()}
    # A slice shares its matrix's memory, which safetensors refuses: each gets its own.
    return {name: tensor.detach().clone().contiguous() for name, tensor in out.items()}


def from_hf(c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The way back: `LlamaForCausalLM`'s parameters under our names."""
    out = {"embed.weight": weights["model.embed_tokens.weight"], "norm.weight": weights["model.norm.weight"]}
    for i in range(c.layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."

        def get(name: str, prefix: str = theirs) -> Tensor:
            return weights[f"{prefix}{name}.weight"]

        out[ours + "mixer_norm.weight"] = get("input_layernorm")
        out[ours + "mixer.qkv.weight"] = torch.cat([get(f"self_attn.{part}_proj") for part in "qkv"])
        out[ours + "mixer.out.weight"] = get("self_attn.o_proj")
        out[ours + "mlp_norm.weight"] = get("post_attention_layernorm")
        out[ours + "mlp.gate_up.weight"] = torch.cat((get("mlp.gate_proj"), get("mlp.up_proj")))
        out[ours + "mlp.down.weight"] = get("mlp.down_proj")
    return out


def export_hf(trained: Trained, out: Path) -> dict[str, Any]:
    """Write the folder `out`, whole or not at all, and check it; returns what was found."""
    if out.exists():
        raise RotrainError("this exists already", place=out, hint="take another --out, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    config = trained.model.config
    weights = to_hf(config, dict(trained.model.named_parameters()))
    write_tensors(temporary / "model.safetensors", weights, {"format": "pt"})
    write_json(temporary / "config.json", hf_config(config, trained.eos_id))
    write_json(
        temporary / "generation_config.json", {"bos_token_id": trained.eos_id, "eos_token_id": trained.eos_id}
    )
    write_atomic(temporary / "tokenizer.json", trained.run.tokenizer.read_bytes())
    write_json(
        temporary / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.context,
            "eos_token": trained.tokenizer.token(trained.eos_id),
            "clean_up_tokenization_spaces": False,
        },
    )
    try:
        difference = check(trained, temporary)
    except RotrainError:
        shutil.rmtree(temporary)
        raise
    os.rename(temporary, out)
    sync_directory(out.parent)
    return {
        "out": str(out),
        "step": trained.step,
        "bytes": sum(file.stat().st_size for file in out.iterdir()),
        "max_logit_difference": difference,
        "tolerance": TOLERANCE,
    }


def check(trained: Trained, folder: Path) -> float | None:
    """Load the folder with stock `transformers` and compare: the largest difference of logits.

    None where `transformers` is not installed. A difference above `TOLERANCE`, or other ids
    from its tokenizer, is a `RotrainError`.
    """
    if importlib.util.find_spec("transformers") is None:
        return None
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "Într-o zi, fata-mpăratului și-a zis: „Țara-i mare!” 2026 😀"
    if tokenizer.encode(text, add_special_tokens=False) != trained.tokenizer.encode(text):
        raise RotrainError("transformers' tokenizer gives other ids than ours", place=folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(0)
    shape = (1, min(trained.model.config.context, 256))
    tokens = torch.randint(trained.model.config.vocab_size, shape, generator=generator)
    difference = largest_difference(trained.model, theirs, tokens)
    if not difference < TOLERANCE:
        raise RotrainError(
            f"transformers' logits differ from ours by {difference:.2e} (limit {TOLERANCE:g})", place=folder
        )
    return difference


@torch.inference_mode()
def largest_difference(ours: Decoder, theirs: Any, tokens: Tensor) -> float:
    """The largest difference of logits over a batch of tokens."""
    return float((ours.logits(ours(tokens)) - theirs(tokens).logits).abs().max())
