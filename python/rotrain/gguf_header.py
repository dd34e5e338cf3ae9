"""Check the header of a GGUF file before llama.cpp reads it.

llama.cpp trusts the figures of a header: a file with 2^32 layers, or with an epsilon that is no number, ends the process. So
the figures are read here first, each against the size of the file or a limit of llama.cpp.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

from rotrain.errors import RotrainError, reason, system_hint

__all__ = ["check_header", "record_of"]

# LLAMA_MAX_LAYERS of llama.cpp.
MOST_LAYERS = 512
MOST_KEYS, MOST_TENSORS = 1 << 16, 1 << 18
# From far below the smallest to far above the largest model that exists.
_LIMITS = {
    "block_count": (1, MOST_LAYERS),
    "context_length": (1, 1 << 27),
    "embedding_length": (1, 1 << 20),
    "feed_forward_length": (0, 1 << 22),
    "attention.head_count": (0, 1 << 14),
    "attention.head_count_kv": (0, 1 << 14),
    "attention.key_length": (1, 1 << 16),
    "attention.value_length": (1, 1 << 16),
    "attention.sliding_window": (0, 1 << 27),
    "rope.dimension_count": (0, 1 << 16),
    "ssm.conv_kernel": (0, 1 << 10),
    "ssm.inner_size": (0, 1 << 22),
    "ssm.state_size": (0, 1 << 16),
    "ssm.time_step_rank": (0, 1 << 16),
    "ssm.group_count": (0, 1 << 16),
    "vocab_size": (1, 1 << 22),
}
_POSITIVE = ("layer_norm_rms_epsilon", "layer_norm_epsilon", "rope.freq_base", "rope.scaling.factor")
_TOKENS = ("bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "mask", "cls", "fim_pre", "fim_suf")
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<B",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9

Value = int | float | str | list[int | float]


class _Cursor:
    """Read values of a header, and never beyond the end of the file."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError(f"it names {size:,} bytes at byte {self._at:,}, behind the end of the file")
        self._at += size
        return self._data[self._at - size : self._at]

    def scalar(self, form: str) -> int | float:
        value: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def count(self, most: int, what: str) -> int:
        value = int(self.scalar("<Q"))
        if value > most:
            raise ValueError(f"it names {value:,} {what}, and {most:,} are the most")
        return value

    def text(self) -> str:
        return self.take(int(self.scalar("<Q"))).decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise ValueError(f"a value has the type {kind}, which GGUF lacks")
        inner, length = int(self.scalar("<I")), int(self.scalar("<Q"))
        if inner in _SCALARS:
            data = self.take(length * struct.calcsize(_SCALARS[inner]))
            # Lists by layer are short; the others (scores and types of tokens) are not looked at.
            short = length <= MOST_LAYERS
            return [part[0] for part in struct.iter_unpack(_SCALARS[inner], data)] if short else [length]
        if inner != _STRING:
            raise ValueError(f"a list holds the type {inner}, which is not read")
        for _ in range(length):
            self.take(int(self.scalar("<Q")))
        return [length]


def record_of(path: Path) -> Path:
    """Return where the record of a quantized file is: beside it.

    Examples:
        >>> record_of(Path("a/model.gguf")).name
        'model.gguf.json'
    """
    return path.with_name(f"{path.name}.json")


def check_header(path: Path) -> None:
    """Check every figure of a header that llama.cpp would trust.

    Raises:
        RotrainError: The file cannot be read, is no GGUF file, or has a figure that no model has.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.gguf"
        >>> _ = file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60))
        >>> try:
        ...     check_header(file)
        ... except RotrainError as error:
        ...     print(error.what)
        the header is damaged: it names 1,152,921,504,606,846,976 keys, and 65,536 are the most
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            cursor = _Cursor(data)
            if cursor.take(4) != b"GGUF":
                raise ValueError("it does not start with GGUF")
            version = cursor.scalar("<I")
            if version not in (2, 3):
                raise ValueError(f"it has version {version}, and 2 and 3 are read")
            cursor.count(MOST_TENSORS, "tensors")
            keys: dict[str, Value] = {}
            for _ in range(cursor.count(MOST_KEYS, "keys")):
                key = cursor.text()
                keys[key] = cursor.value(int(cursor.scalar("<I")))
        _check(keys)
    except OSError as error:
        raise RotrainError(
            f"cannot read the file: {reason(error)}", place=path, hint=system_hint(error)
        ) from None
    except (ValueError, struct.error) as error:
        raise RotrainError(
            f"the header is damaged: {reason(error)}", place=path, hint="make or download the file again"
        ) from None


def _check(keys: Mapping[str, Value]) -> None:
    arch = keys.get("general.architecture")
    for name, (least, most) in _LIMITS.items():
        value = keys.get(f"{arch}.{name}", least)
        for number in value if isinstance(value, list) else [value]:
            if not isinstance(number, int) or not least <= number <= most:
                raise ValueError(f"{arch}.{name} is {number!r}, and {least} to {most:,} are allowed")
    for key, value in keys.items():
        if key.endswith(_POSITIVE) and not (isinstance(value, float) and math.isfinite(value) and value > 0):
            raise ValueError(f"{key} is {value!r}, and a number above 0 is needed")
    tokens = keys.get("tokenizer.ggml.tokens")
    if isinstance(tokens, list) and len(tokens) == 1:
        for name in _TOKENS:
            token = keys.get(f"tokenizer.ggml.{name}_token_id", 0)
            # llama.cpp writes "none" as the largest number of 32 bits.
            if not isinstance(token, int) or (token >= int(tokens[0]) and token != 0xFFFFFFFF):
                raise ValueError(
                    f"tokenizer.ggml.{name}_token_id is {token!r}, which is no token of the vocabulary"
                )
