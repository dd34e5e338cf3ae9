"""How a decoder looks as a Hugging Face folder: its config.json and the names of its tensors.

A layout is data: which shapes it can hold, the fields of its config, and for every tensor of
ours the tensors there that it is cut into. Both ways follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rotrain.config import ModelConfig


@dataclass(frozen=True)
class Part:
    """A tensor of ours and those it is there, cut along `dim` into `sizes` (empty: the whole)."""

    ours: str
    theirs: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    dim: int = 0


@dataclass(frozen=True)
class Layout:
    """One class of `transformers`.

    `config` gives the fields that decide what is computed, `shape` the fields of a
    `ModelConfig` from such a config; `layer` the parts of a layer, whose prefixes are left out.
    """

    architecture: str
    model_type: str
    holds: Callable[[ModelConfig], bool]
    config: Callable[[ModelConfig], dict[str, Any]]
    shape: Callable[[dict[str, Any]], dict[str, Any]]
    top: tuple[Part, ...]
    layer: Callable[[ModelConfig, int], list[Part]]
    layer_prefix: str
    ties_by_default: bool = False

    def parts(self, c: ModelConfig) -> Iterator[Part]:
        """All parts of a model."""
        yield from self.top
        for i in range(c.layers):
            for part in self.layer(c, i):
                theirs = tuple(f"{self.layer_prefix}.{i}.{name}" for name in part.theirs)
                yield Part(f"blocks.{i}.{part.ours}", theirs, part.sizes, part.dim)

    def to_hf(self, c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Our parameters under their names."""
        out = {}
        for part in self.parts(c):
            whole = weights[part.ours]
            pieces = whole.split(part.sizes, part.dim) if part.sizes else (whole,)
            # A slice shares its matrix's memory, which safetensors refuses: each gets its own.
            for name, piece in zip(part.theirs, pieces, strict=True):
                out[name] = piece.detach().clone().contiguous()
        return out

    def from_hf(self, c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The way back. Raises `KeyError` with the name of a tensor that is missing."""
        return {
            part.ours: torch.cat([weights[name] for name in part.theirs], part.dim)
            if part.sizes
            else weights[part.theirs[0]]
            for part in self.parts(c)
        }


def rope(c: ModelConfig) -> dict[str, Any]:
    """The fields of rotary positions; the second is what older versions read."""
    return {
        "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
        "rope_theta": c.rope_theta,
    }


def rope_theta(config: dict[str, Any]) -> float:
    """The base of the rotary positions a config says."""
    parameters = config.get("rope_parameters") or {}
    return float(parameters.get("rope_theta", config.get("rope_theta", 10_000.0)))


def attention_sizes(c: ModelConfig) -> tuple[int, int, int]:
    """Rows of query, key and value."""
    return c.heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim
