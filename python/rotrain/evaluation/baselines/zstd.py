"""A file compressor that knows a text: zstd with the text as its dictionary.

The library is the one that compresses files everywhere, so its bits are exact: they are the size of a frame that it decompresses.
A frame has no magic number, size, checksum and name of a dictionary. What is left beside the text, the head of the frame and three
bytes for each block of 128 KB, counts: about five bytes of a short document.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rotrain.errors import RotrainError, install

LEVEL = 12
"""Level 19 needs 7 % fewer bits and 27 times as long: it reads its dictionary again for each document (docs/log/evaluation.md)."""


class ZstdModel:
    """A compressor with a dictionary.

    Args:
        documents: The texts that it knows.

    Raises:
        RotrainError: The package zstandard is missing.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        zstd = _zstandard()
        self.dictionary = "\n".join(documents).encode()
        known = zstd.ZstdCompressionDict(self.dictionary, dict_type=zstd.DICT_TYPE_RAWCONTENT)
        parameters = zstd.ZstdCompressionParameters.from_level(
            LEVEL,
            window_log=24,  # 16 MiB: the whole dictionary
            format=zstd.FORMAT_ZSTD1_MAGICLESS,
            write_content_size=False,
            write_checksum=False,
            write_dict_id=False,
        )
        known.precompute_compress(compression_params=parameters)
        self._compressor = zstd.ZstdCompressor(dict_data=known, compression_params=parameters)

    def compress(self, text: str) -> bytes:
        """Return the frame of a text."""
        frame: bytes = self._compressor.compress(text.encode())
        return frame

    def nats(self, text: str) -> float:
        """Return the size of the frame of a text, in nats."""
        return 8 * math.log(2) * len(self.compress(text))


def version() -> str:
    """Return the name and the version of the library."""
    return "zstd " + ".".join(map(str, _zstandard().ZSTD_VERSION))


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise RotrainError("the baseline zstd needs the package zstandard", hint=install("train")) from None
    return zstandard
