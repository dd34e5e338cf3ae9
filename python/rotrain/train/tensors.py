"""Tensors to a safetensors file and its hash, in one pass.

The format is eight bytes of length, a JSON header, and the tensors' bytes. The library writes it
holding Python's lock, with a copy of every tensor, and leaves the hash to a second reading; the
training step would stand still for the whole of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

PIECE = 1 << 22
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> str:
    """Write a safetensors file, forced to the disk; returns its SHA-256 in hexadecimal.

    The wider types come first, so that every tensor lies at a multiple of its own width.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.dtype.itemsize
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with open(file, "wb", buffering=0) as out:

        def put(data: memoryview) -> None:
            digest.update(data)
            while len(data):
                data = data[out.write(data) :]

        put(memoryview(len(text).to_bytes(8, "little") + text))
        for name in names:
            tensor = tensors[name].detach().to("cpu").contiguous()
            data = memoryview(tensor.reshape(-1).view(torch.uint8).numpy().data)
            for start in range(0, len(data), PIECE):
                put(data[start : start + PIECE])
        os.fsync(out.fileno())
    return digest.hexdigest()
