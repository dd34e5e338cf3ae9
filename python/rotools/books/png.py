"""Write grey pictures as PNG files."""

import struct
import zlib

__all__ = ["png"]


def png(width: int, height: int, pixels: bytes) -> bytes:
    """Encode an 8-bit grey picture as PNG.

    Args:
        width: Columns.
        height: Rows.
        pixels: `width * height` bytes, row after row.

    Source:
        PNG (third edition), section 11.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 6))
        + chunk(b"IEND", b"")
    )
