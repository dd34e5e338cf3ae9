"""Write a GGUF file from metadata and tensors, complete or not at all, and open GGUF files."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.errors import RotrainError, install, reason, system_hint
from rotrain.files import sync_directory, sync_file


def require_gguf() -> Any:
    """Import the package `gguf`.

    Raises:
        RotrainError: The package is not installed.
    """
    if importlib.util.find_spec("gguf") is None:
        raise RotrainError("the package gguf is not installed", hint=install("gguf"))
    import gguf

    return gguf


@dataclass(frozen=True)
class StoredTensor:
    """A tensor to write into a file.

    Attributes:
        name: Name of the tensor.
        type: ggml type, such as `F32` or `Q4_K`.
        shape: Shape of the tensor.
        data: Returns the values for F32 and F16, else blocks (rows, bytes of a row) uint8. It is called when the tensor is
            written, and its result is released then. So writing needs the memory of the largest tensor, not of the file.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    data: Callable[[], NDArray[Any]]

    @property
    def bytes(self) -> int:
        """Bytes of the tensor in the file, without padding."""
        gguf = require_gguf()
        values, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[self.type]]
        return math.prod(self.shape) // int(values) * int(size)


@dataclass(frozen=True)
class CopiedField:
    """A metadata field that is copied from another file, with its GGUF types.

    Attributes:
        field: A `gguf.ReaderField`.
    """

    field: Any


def write_gguf(
    path: Path, architecture: str, fields: dict[str, Any], tensors: Iterable[StoredTensor]
) -> None:
    """Write a GGUF file, tensor by tensor. The same input gives the same bytes.

    Args:
        path: The file.
        architecture: llama.cpp's name of the architecture.
        fields: Metadata. A key that starts with a dot gets the architecture as its prefix.
        tensors: The tensors.

    Raises:
        RotrainError: The file cannot be written.
    """
    gguf = require_gguf()
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(temporary, architecture)
    try:
        for key, value in fields.items():
            _add(gguf, writer, f"{architecture}{key}" if key.startswith(".") else key, value)
        stored = list(tensors)
        for tensor in stored:
            # Names, types and offsets of all tensors come first in the file. The data is computed and written later.
            kind = gguf.GGMLQuantizationType[tensor.type]
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), tensor.bytes, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in stored:
            writer.write_tensor_data(np.ascontiguousarray(tensor.data()))
        writer.close()
        sync_file(temporary)
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        raise RotrainError(
            f"cannot write the file: {reason(error)}", place=path, hint=system_hint(error)
        ) from None
    finally:
        # What is in the buffers is lost with the file; a full disk refuses it again.
        with suppress(OSError):
            writer.close()
        with suppress(OSError):
            temporary.unlink()


def _add(gguf: Any, writer: Any, key: str, value: Any) -> None:
    if isinstance(value, CopiedField):
        kinds = value.field.types
        writer.add_key_value(key, value.field.contents(), kinds[0], kinds[-1] if len(kinds) > 1 else None)
    elif isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def read_gguf(path: Path) -> Any:
    """Open a file as a `gguf.GGUFReader`.

    Raises:
        RotrainError: The file is cut off, or it is not a GGUF file.
    """
    gguf = require_gguf()
    if not path.is_file():
        raise RotrainError("there is no GGUF file here", place=path)
    try:
        reader = gguf.GGUFReader(path)
        size = path.stat().st_size
        for tensor in reader.tensors:
            if tensor.data_offset + tensor.n_bytes > size:
                raise ValueError(
                    f"{tensor.name} ends at byte {tensor.data_offset + tensor.n_bytes:,} of {size:,}"
                )
        return reader
    except Exception as error:  # gguf raises ValueError, IndexError, KeyError, and errors of struct and numpy
        raise RotrainError(
            f"this is not a complete GGUF file: {error}", place=path, hint="copy it again, or export it again"
        ) from None


def float_rows(values: NDArray[np.float32], kind: str) -> NDArray[Any]:
    """Convert fp32 values (rows, inputs) to F32, F16 or BF16 data. Ties round to the even value."""
    if kind == "F32":
        return values
    if kind == "F16":
        return values.astype(np.float16)
    gguf = require_gguf()
    rows: NDArray[Any] = gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16)
    return rows
