"""The architectures by name, at three sizes.

At a size all share hidden width, head dimension, context and tied embeddings. The layer counts make up for the parameters
that a mixer or a feed-forward saves. Widths are multiples of 256, the block of llama.cpp's k-quants.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from rotrain.config import MixerName, ModelConfig, Size, Ssm
from rotrain.errors import UsageError

DEFAULT_VOCAB = 40_000
HEAD_DIM = 64


@dataclass(frozen=True)
class Width:
    """What every architecture has in common at a size.

    Attributes:
        hidden: Width of the residual stream.
        ffn: Width of the feed-forward.
        context: Tokens of a sequence.
    """

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
    """An architecture: its layers by size, and where it differs from Llama.

    Attributes:
        name: Its name.
        summary: One line about it.
        layers: Layers by size.
        queries_per_kv: Query heads that share a key/value head; None: all share one.
        pattern: Mixers of the layers, repeated.
        windowed: Attention sees a quarter of the context, unless the run sets `window`.
        mlp: Kind of the feed-forward.
        ffn: Width of the feed-forward, given the width of the size.
        norm: Kind of the norms.
        parallel: Mixer and feed-forward read one norm.
    """

    name: str
    summary: str
    layers: dict[Size, int]
    queries_per_kv: int | None = 4
    pattern: tuple[MixerName, ...] = ("attention",)
    windowed: bool = False
    mlp: Literal["swiglu", "gelu", "none"] = "swiglu"
    ffn: Callable[[Width], int] = lambda width: width.ffn
    norm: Literal["rms", "layer"] = "rms"
    parallel: bool = False


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
        ),
        Arch(
            "mistral-swa",
            "llama-gqa whose tokens see a window of a quarter of the context",
            {"nano": 4, "mini": 9, "300m": 23},
            windowed=True,
        ),
        Arch(
            "falcon-mqa",
            "multi-query attention (one key/value head) beside a GELU feed-forward on one LayerNorm, RoPE",
            {"nano": 5, "mini": 10, "300m": 25},
            queries_per_kv=None,
            mlp="gelu",
            ffn=lambda width: 4 * width.hidden,
            norm="layer",
            parallel=True,
        ),
        Arch(
            "mamba2",
            "state-space layers with a state of fixed size; no attention, no feed-forward, RMSNorm",
            {"nano": 7, "mini": 16, "300m": 40},
            pattern=("mamba2",),
            mlp="none",
            ffn=lambda width: 0,
        ),
        Arch(
            "mamba2-hybrid",
            "Mamba-2 with grouped-query attention in every fifth layer, SwiGLU, RMSNorm",
            {"nano": 4, "mini": 9, "300m": 22},
            pattern=("mamba2", "mamba2", "mamba2", "attention", "mamba2"),
            ffn=lambda width: 2 * width.hidden,
        ),
    )
}


def find_arch(name: str) -> Arch:
    """Return the architecture called `name`.

    Raises:
        UsageError: There is none; the hint names the nearest one.
    """
    if name in ARCHS:
        return ARCHS[name]
    near = difflib.get_close_matches(name, ARCHS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"architectures are: {', '.join(ARCHS)}"
    raise UsageError(f"there is no architecture {name!r}", hint=hint)


def model_config(
    arch: str,
    size: Size,
    *,
    vocab_size: int = DEFAULT_VOCAB,
    context: int | None = None,
    window: int | None = None,
    document_end: int | None = None,
) -> ModelConfig:
    """Return the shape of an architecture at a size.

    Args:
        arch: Name of the architecture.
        size: `nano`, `mini` or `300m`.
        vocab_size: Entries of the vocabulary.
        context: Tokens of a sequence. Default: that of the size.
        window: Tokens that a token sees, in an architecture with a window. Default: a quarter of the context.
        document_end: Id of the token that ends a document, to keep documents apart.

    Raises:
        UsageError: There is no such architecture, it has no window, or the window hides nothing.

    Examples:
        >>> shape = model_config("mistral-swa", "nano")
        >>> shape.context, shape.window
        (256, 64)
    """
    preset, width = find_arch(arch), WIDTHS[size]
    context = context or width.context
    if window is not None and not preset.windowed:
        windowed = ", ".join(name for name, other in ARCHS.items() if other.windowed)
        raise UsageError(f"{arch} has no window", hint=f"remove window, or use --arch {windowed}")
    attends, scans = "attention" in preset.pattern, "mamba2" in preset.pattern
    heads = width.hidden // HEAD_DIM if attends else 0
    try:
        return ModelConfig(
            arch=arch,
            layers=preset.layers[size],
            hidden=width.hidden,
            pattern=preset.pattern,
            heads=heads,
            kv_heads=heads // (preset.queries_per_kv or heads) if attends else 0,
            head_dim=HEAD_DIM,
            window=(window or context // 4) if preset.windowed else None,
            ssm=Ssm(heads=2 * width.hidden // HEAD_DIM, head_dim=HEAD_DIM) if scans else None,
            mlp=preset.mlp,
            ffn=preset.ffn(width),
            norm=preset.norm,
            parallel=preset.parallel,
            vocab_size=vocab_size,
            context=context,
            document_end=document_end,
        )
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(sentence, hint="see `rotrain archs` and docs/reference/architectures.md") from None
