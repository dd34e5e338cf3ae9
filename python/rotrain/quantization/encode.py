"""Encode matrices into ggml blocks, and decode them. Encoding uses all processors."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.errors import RotrainError, install
from rotrain.exporters.gguf.write import float_rows, require_gguf

# Values that a thread encodes in one call: so many that the cost of the call does not matter, and so few that several
# threads share one matrix.
PART = 1 << 17


def require_libgguf() -> Any:
    """Import the package `libgguf`, which contains the block encoders of ggml.

    Raises:
        RotrainError: The package is not installed.
    """
    require_gguf()
    try:
        import libgguf
    except ImportError:
        raise RotrainError("the package libgguf is not installed", hint=install("gguf")) from None
    return libgguf


def encode(
    values: NDArray[np.float32], kind: str, importance: NDArray[np.float32] | None = None
) -> NDArray[Any]:
    """Encode a matrix in a ggml type. The bytes do not depend on the number of threads, because rows are independent.

    Args:
        values: The matrix (rows, inputs), fp32.
        kind: The ggml type, such as `Q4_K` or `BF16`.
        importance: Weight of the squared error of each column (inputs,), fp32. None: all columns have the same weight.

    Returns:
        Blocks (rows, bytes of a row) uint8. For F32 and F16, values (rows, inputs).
    """
    if kind in ("F32", "F16", "BF16"):
        return float_rows(values, kind)
    libgguf = require_libgguf()
    number = libgguf.GGMLQuantizationType[kind]
    step = max(1, PART // values.shape[-1])
    parts = [values[start : start + step] for start in range(0, len(values), step)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        blocks = list(threads.map(lambda part: libgguf.quantize_rows(part, number, importance), parts))
    return np.concatenate(blocks)


def decode(data: NDArray[Any], kind: str, inputs: int) -> NDArray[np.float32]:
    """Decode the data of a GGUF tensor.

    Args:
        data: Blocks (rows, bytes of a row) uint8, or values fp32 or fp16.
        kind: The ggml type.
        inputs: Values of a row.

    Returns:
        Values (rows, inputs), fp32.
    """
    if data.dtype in (np.float32, np.float16):
        return np.asarray(data, np.float32)
    if kind == "BF16":
        bits = np.ascontiguousarray(data).view(np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32)
    libgguf = require_libgguf()
    values: NDArray[np.float32] = libgguf.dequantize_rows(data, libgguf.GGMLQuantizationType[kind], inputs)
    return values
