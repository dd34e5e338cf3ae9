"""Matrices as blocks of ggml and back, on all cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.exporters.gguf.write import float_rows, require_gguf
from rotrain.llamacpp import quantize_rows
from rotrain.quantization.recipes import row_bytes

# Values a thread takes at once: enough to outweigh the call, few enough to share out one matrix.
PART = 1 << 17


def encode(
    values: NDArray[np.float32], kind: str, importance: NDArray[np.float32] | None = None
) -> NDArray[Any]:
    """The data of a matrix (rows, inputs) in a type of ggml: (rows, bytes a row).

    Rows are independent, so the bytes do not depend on the threads.
    """
    if kind in ("F32", "F16", "BF16"):
        return float_rows(values, kind)
    gguf = require_gguf()
    number, size = int(gguf.GGMLQuantizationType[kind]), row_bytes(kind, values.shape[-1])
    step = max(1, PART // values.shape[-1])
    parts = [values[start : start + step] for start in range(0, len(values), step)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        blocks = list(threads.map(lambda part: quantize_rows(part, number, size, importance), parts))
    return np.concatenate(blocks)


def decode(data: NDArray[Any], kind: str, inputs: int) -> NDArray[np.float32]:
    """The fp32 values (rows, inputs) that the data of a file's tensor stands for."""
    if data.dtype in (np.float32, np.float16):
        return np.asarray(data, np.float32)
    if kind == "BF16":
        bits = np.ascontiguousarray(data).view(np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32)
    import libgguf

    gguf = require_gguf()
    values: NDArray[np.float32] = libgguf.dequantize_rows(data, gguf.GGMLQuantizationType[kind], inputs)
    return values
