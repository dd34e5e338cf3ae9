"""Importance matrices in llama.cpp's file format: sums of squared inputs by tensor, in a GGUF."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.exporters.gguf.layout import pieces
from rotrain.exporters.gguf.write import StoredTensor, require_gguf, write_gguf

Importance = dict[str, NDArray[np.float32]]


def importance_of(c: ModelConfig, squares: dict[str, Tensor]) -> Importance:
    """Return the mean squares of the inputs of our matrices, under the names of the tensors in a GGUF file."""
    found = {}
    for piece in pieces(c):
        if piece.matrix:
            values = squares[piece.ours]
            if piece.dim == 1:  # columns of one of our matrices: it reads these inputs
                values = values[piece.start : piece.start + piece.size]
            found[piece.name] = values.float().numpy()
    return found


def write_imatrix(path: Path, importance: Importance, origin: dict[str, Any]) -> None:
    """Write a file that llama.cpp's tools read too."""
    tensors = []
    for name, values in importance.items():
        # One "chunk" with the mean: a reader divides sums by counts.
        tensors.append(
            StoredTensor(f"{name}.in_sum2", "F32", (1, values.size), partial(np.expand_dims, values, 0))
        )
        tensors.append(StoredTensor(f"{name}.counts", "F32", (1, 1), lambda: np.ones((1, 1), np.float32)))
    fields = {
        "general.type": "imatrix",
        "imatrix.datasets": [f"{origin['pack']} {origin['tokens_sha256']}"],
        "imatrix.chunk_count": origin["sequences"],
        "imatrix.chunk_size": origin["context"],
    }
    write_gguf(path, "imatrix", fields, tensors)


def read_imatrix(path: Path) -> Importance:
    """Read an importance matrix, in the GGUF or the older binary format.

    Raises:
        RotrainError: The file is neither.
    """
    require_gguf()
    import libgguf

    try:
        found: Importance = libgguf.load_imatrix(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise RotrainError(
            f"this is not an importance matrix: {error}",
            place=path,
            hint="make one: rotrain quantize RUN --calibrate PACK --save-imatrix FILE",
        ) from None
    return found


def check_importance(importance: Importance, shapes: dict[str, tuple[int, ...]], place: object) -> None:
    """Refuse the importance matrix of another model, and numbers that an encoder cannot use as weights.

    Raises:
        RotrainError: A matrix is missing, has another size, or is not finite.
    """
    for name, shape in shapes.items():
        values = importance.get(name)
        if values is None or values.shape != (shape[-1],):
            what = "nothing" if values is None else f"{values.size:,} numbers"
            raise RotrainError(
                f"the importance matrix has {what} for {name}, which has {shape[-1]:,} inputs",
                place=place,
                hint="make one for this model: rotrain quantize RUN --calibrate PACK",
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise RotrainError(f"the importance of {name} is not finite", place=place)
