"""A decoder as a Hugging Face folder: its config.json and the names of its tensors.

A layout is data: which shapes it holds, the fields of its config, and for every tensor of ours the tensors into which it is
cut there. Both directions follow from it.
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
    """A tensor of ours, and the tensors into which it is cut.

    Attributes:
        ours: Name of our parameter.
        theirs: Names of the tensors in transformers.
        sizes: Their sizes along `dim`; empty for the whole tensor.
        dim: Dimension of the cut.
    """

    ours: str
    theirs: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    dim: int = 0


@dataclass(frozen=True)
class Layout:
    """One class of `transformers`.

    Attributes:
        architecture: Name of the class.
        model_type: Its name in config.json.
        holds: Whether the class computes a model of this shape.
        config: The fields of config.json that determine the result.
        shape: The fields of a `ModelConfig`, given such a config.
        top: The tensors outside of the layers.
        layer: The parts of a layer, without their prefixes.
        layer_prefix: Prefix of the layers in transformers.
        ties_by_default: Whether a config without `tie_word_embeddings` ties them.
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
        """Yield all parts of a model."""
        yield from self.top
        for i in range(c.layers):
            for part in self.layer(c, i):
                theirs = tuple(f"{self.layer_prefix}.{i}.{name}" for name in part.theirs)
                yield Part(f"blocks.{i}.{part.ours}", theirs, part.sizes, part.dim)

    def to_hf(self, c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return our parameters under the names of transformers."""
        out = {}
        for part in self.parts(c):
            whole = weights[part.ours]
            pieces = whole.split(part.sizes, part.dim) if part.sizes else (whole,)
            # A slice shares the memory of its matrix, which safetensors refuses: each piece gets its own.
            for name, piece in zip(part.theirs, pieces, strict=True):
                out[name] = piece.detach().clone().contiguous()
        return out

    def from_hf(self, c: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return our parameters, given those of transformers.

        Raises:
            KeyError: A tensor is missing; the argument is its name.
        """
        return {
            part.ours: torch.cat([weights[name] for name in part.theirs], part.dim)
            if part.sizes
            else weights[part.theirs[0]]
            for part in self.parts(c)
        }


def rope(c: ModelConfig) -> dict[str, Any]:
    """Return the fields of rotary positions. Older versions read the second one."""
    return {
        "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
        "rope_theta": c.rope_theta,
    }


def rope_theta(config: dict[str, Any]) -> float:
    """Return the base of the rotary positions in a config."""
    parameters = config.get("rope_parameters") or {}
    return float(parameters.get("rope_theta", config.get("rope_theta", 10_000.0)))


def attention_sizes(c: ModelConfig) -> tuple[int, int, int]:
    """Return the rows of query, key and value."""
    return c.heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim
