"""A corpus whose files are large and whose texts are small, in each form that can be cut into units."""

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rotools_program import texts

RECORDS = 5_500
NOISE_BYTES = 6_000
"""Of a record, incompressible: a field that is not read. So the files have several units of 8 MiB, and a run is short."""


def records(named: bool = True) -> list[dict[str, str]]:
    """Records with copies among them. Without names their ids are places."""
    rng = random.Random(7)
    documents = texts(RECORDS - 500, 3)
    documents += rng.choices(documents, k=500)
    rng.shuffle(documents)
    noise = [base64.b64encode(rng.randbytes(NOISE_BYTES)).decode() for _ in documents]
    found = [{"text": text, "noise": mess} for text, mess in zip(documents, noise, strict=True)]
    return [{"id": f"d{i}", **record} for i, record in enumerate(found)] if named else found


def lines(named: bool = True) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records(named)).encode()


def _blocks(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def zstd(content: bytes) -> bytes:
    """One frame."""
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def pzstd(content: bytes) -> bytes:
    """Frames with marks, as `pzstd` writes them."""
    frames = [zstd(block) for block in _blocks(content, 1_000_000)]
    return b"".join(struct.pack("<III", 0x184D2A50, 4, len(frame)) + frame for frame in frames)


def bgzip(content: bytes) -> bytes:
    """Members with their length in the header, as `bgzip` writes them."""
    members = []
    for block in [*_blocks(content, 60_000), b""]:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = packer.compress(block) + packer.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
        members.append(head + packed + struct.pack("<II", zlib.crc32(block), len(block)))
    return b"".join(members)


def parquet(path: Path) -> Path:
    """Many row groups."""
    table = pa.Table.from_pylist(records())
    pq.write_table(table, path, row_group_size=200, compression="snappy")
    return path


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "web.jsonl": bytes,
    "web.jsonl.zst": pzstd,
    "web.jsonl.gz": bgzip,
}
