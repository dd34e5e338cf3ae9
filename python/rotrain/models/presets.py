"""The architectures by name, at three sizes.

All share hidden width, feed-forward width, head dimension and tied embeddings at a size, so
that they differ in the mixer alone; the layer counts make up for the parameters a mixer
saves. Widths are multiples of 256, the block of llama.cpp's k-quants.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from rotrain.config import ModelConfig, Size
from rotrain.errors import UsageError

DEFAULT_VOCAB = 40_000
HEAD_DIM = 64


@dataclass(frozen=True)
class Width:
    """What every architecture has in common at a size."""

    hidden: int
    ffn: int
    context: int


WIDTHS: dict[Size, Width] = {
    "nano": Width(hidden=256, ffn=768, context=256),
    "mini": Width(hidden=512, ffn=1536, context=512),
    "300m": Width(hidden=1024, ffn=2816, context=2048),
}


@dataclass(frozen=True)
class Arch:
    """An architecture: its layers by size, and how many query heads share a key/value head."""

    name: str
    summary: str
    layers: dict[Size, int]
    queries_per_kv: int


ARCHS: dict[str, Arch] = {
    arch.name: arch
    for arch in (
        Arch(
            "llama-mha",
            "multi-head attention, RoPE, SwiGLU, RMSNorm",
            {"nano": 4, "mini": 8, "300m": 21},
            queries_per_kv=1,
        ),
        Arch(
            "llama-gqa",
            "grouped-query attention (4 queries a key/value head), RoPE, SwiGLU, RMSNorm",
            {"nano": 4, "mini": 9, "300m": 23},
            queries_per_kv=4,
        ),
    )
}


def find_arch(name: str) -> Arch:
    """The architecture called `name`; an unknown name is a `UsageError` with the nearest one."""
    if name in ARCHS:
        return ARCHS[name]
    near = difflib.get_close_matches(name, ARCHS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"architectures are: {', '.join(ARCHS)}"
    raise UsageError(f"there is no architecture {name!r}", hint=hint)


def model_config(
    arch: str, size: Size, *, vocab_size: int = DEFAULT_VOCAB, context: int | None = None
) -> ModelConfig:
    """The shape of `arch` at `size`, for a vocabulary and a context in tokens."""
    preset, width = find_arch(arch), WIDTHS[size]
    heads = width.hidden // HEAD_DIM
    return ModelConfig(
        arch=arch,
        layers=preset.layers[size],
        hidden=width.hidden,
        heads=heads,
        kv_heads=heads // preset.queries_per_kv,
        head_dim=HEAD_DIM,
        ffn=width.ffn,
        vocab_size=vocab_size,
        context=context or width.context,
    )
