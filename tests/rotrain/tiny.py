"""Architectures small enough to train in a test: `python tiny.py WORDS` is `rotrain WORDS`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rotrain.models import presets

HIDDEN, FFN, CONTEXT, LAYERS, HEAD_DIM = 64, 96, 32, 2, 16


def shrink() -> None:
    """Make the `nano` of this process tiny: 4 heads of 16, two layers, or those that show every mixer."""
    presets.HEAD_DIM = HEAD_DIM
    presets.WIDTHS["nano"] = presets.Width(HIDDEN, FFN, CONTEXT)
    for arch in presets.ARCHS.values():
        # At least one layer of each kind of mixer.
        kinds = [arch.pattern.index(kind) + 1 for kind in set(arch.pattern)]
        arch.layers["nano"] = max(LAYERS, *kinds)


@contextmanager
def shrunk() -> Iterator[None]:
    """`shrink` for a while."""
    head_dim, width = presets.HEAD_DIM, presets.WIDTHS["nano"]
    layers = {name: arch.layers["nano"] for name, arch in presets.ARCHS.items()}
    shrink()
    try:
        yield
    finally:
        presets.HEAD_DIM = head_dim
        presets.WIDTHS["nano"] = width
        for name, arch in presets.ARCHS.items():
            arch.layers["nano"] = layers[name]


if __name__ == "__main__":
    from rotrain.cli import main

    shrink()
    main()
