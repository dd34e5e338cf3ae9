"""Read and write importance matrices in llama.cpp's GGUF format: the sum of the squared inputs of each tensor."""

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
    """Rename mean squares of inputs from our parameters to the tensors of a GGUF file.

    Args:
        c: Shape of the model.
        squares: Mean squares (in,) by name of our parameter, see `mean_squares`.

    Returns:
        Mean squares (in,) fp32 by name of the tensor in the file.
    """
    found = {}
    for piece in pieces(c):
        if piece.matrix:
            values = squares[piece.ours]
            if piece.dim == 1:  # the tensor is some columns of our matrix, so it reads only these inputs
                values = values[piece.start : piece.start + piece.size]
            found[piece.name] = values.float().numpy()
    return found


def write_imatrix(path: Path, importance: Importance, origin: dict[str, Any]) -> None:
    """Write an importance matrix that llama.cpp's tools can read.

    Args:
        path: The file.
        importance: Mean squares of the inputs by name of the tensor.
        origin: What was read, see `Calibration.origin`.
    """
    tensors = []
    for name, values in importance.items():
        # A reader divides the sum by the count. The mean with a count of 1 gives the same quotient.
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
    """Read an importance matrix, in the GGUF format or the older binary format.

    Raises:
        RotrainError: The file has neither format, or it cannot be read.
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


# llama-imatrix collects the inputs of matrix products. The embedding is looked up, so it never has a row of its own, even
# where the last layer shares its matrix; llama-quantize then gives all its inputs the same weight.
NEVER_COLLECTED = "token_embd.weight"


def check_importance(importance: Importance, shapes: dict[str, tuple[int, ...]], place: object) -> None:
    """Check that an importance matrix belongs to a model, and that an encoder can use its numbers as weights.

    Args:
        importance: Mean squares of the inputs by name of the tensor.
        shapes: Shapes (rows, inputs) of the matrices of the model.
        place: Where the importance matrix comes from, for the error.

    Raises:
        RotrainError: A matrix is missing or has another size, or a number is negative or not finite.
    """
    for name, shape in shapes.items():
        values = importance.get(name)
        if values is None and name == NEVER_COLLECTED:
            continue
        if values is None or values.shape != (shape[-1],):
            what = "nothing" if values is None else f"{values.size:,} numbers"
            raise RotrainError(
                f"the importance matrix has {what} for {name}, which has {shape[-1]:,} inputs",
                place=place,
                hint="make one for this model: rotrain quantize RUN --calibrate PACK",
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise RotrainError(f"the importance of {name} has a negative or non-finite number", place=place)
