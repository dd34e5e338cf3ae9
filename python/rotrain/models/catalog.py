"""The architectures and their exact sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rotrain.config import DEFAULTS, MOST_ENTRIES
from rotrain.errors import UsageError
from rotrain.models import count
from rotrain.models.presets import ARCHS, DEFAULT_VOCAB, model_config


@dataclass(frozen=True)
class ArchitectureSize:
    """An architecture at a size, by formula; no model is built.

    Attributes:
        arch: Name of the architecture.
        size: `nano`, `mini` or `300m`.
        parameters: All parameters, the tied embedding once.
        layers: Layers.
        hidden: Width of the residual stream.
        heads: Query heads; 0 without attention.
        kv_heads: Key/value heads.
        window: Tokens that a token sees; None for all before it.
        ssm_heads: Heads of a Mamba-2 mixer; 0 without one.
        ffn: Width of the feed-forward.
        context: Tokens of a sequence.
        vocab_size: Entries of the vocabulary.
        flops_per_token: Operations of one training token, forward and backward.
        cache_bytes: Bytes of the cache of one sequence, in 16-bit values; a state of Mamba-2 is fp32.
        summary: One line about the architecture.
    """

    arch: str
    size: str
    parameters: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    window: int | None
    ssm_heads: int
    ffn: int
    context: int
    vocab_size: int
    flops_per_token: float
    cache_bytes: int
    summary: str

    def to_dict(self) -> dict[str, Any]:
        """Return the row, as `rotrain archs --json` prints it."""
        return asdict(self)


def list_architectures(vocab_size: int = DEFAULT_VOCAB) -> list[ArchitectureSize]:
    """Return every architecture at every size.

    Args:
        vocab_size: Entries of the vocabulary, from 2 to 1,048,576.

    Raises:
        UsageError: The vocabulary is out of range.

    Examples:
        >>> rows = {(row.arch, row.size): row for row in list_architectures()}
        >>> f"{rows['llama-mha', '300m'].parameters:,}"
        '310,750,208'
    """
    if not 2 <= vocab_size <= MOST_ENTRIES:
        raise UsageError(f"a vocabulary has 2 to {MOST_ENTRIES:,} entries, not {vocab_size}")
    rows = []
    for arch in ARCHS.values():
        for size in DEFAULTS:
            shape = model_config(arch.name, size, vocab_size=vocab_size)  # type: ignore[arg-type]
            rows.append(
                ArchitectureSize(
                    arch=arch.name,
                    size=size,
                    parameters=count.param_count(shape),
                    layers=shape.layers,
                    hidden=shape.hidden,
                    heads=shape.heads,
                    kv_heads=shape.kv_heads,
                    window=shape.window,
                    ssm_heads=shape.ssm.heads if shape.ssm else 0,
                    ffn=shape.ffn,
                    context=shape.context,
                    vocab_size=vocab_size,
                    flops_per_token=count.flops_per_token(shape),
                    cache_bytes=count.cache_bytes(shape),
                    summary=arch.summary,
                )
            )
    return rows
