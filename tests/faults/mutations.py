"""Changes of a valid file that reach deeper than noise: bits, numbers at their limits, repeated and moved parts, cuts, splices.

The shapes are those of AFL ("havoc" of http://lcamtuf.coredump.cx/afl/technical_details.txt). A zip is changed inside of its
members too, because a changed checksum ends every other change at the door.
"""

from __future__ import annotations

import io
import random
import zipfile

NUMBERS = (0, 1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
WORDS = (
    b"\0", b"\xff" * 8, b"<" * 40, b"[" * 3000, b"{" * 3000, b"(" * 300, b"&" * 30, b"\\" * 30, b"-1", b"1e309", b"NaN", b"null", b"999999999999999999999",
    "ș".encode(), "\u2028".encode(), b"\xed\xa0\x80", b"../../../etc/passwd", b"%s%n", b"]]>", b"-->", b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
)  # fmt: skip


def _once(data: bytearray, seeds: list[bytes], rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    size = min(len(data) - at, rng.choice((1, 2, 4, 8, 30, 300)))
    match rng.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(data):
            data[at] = rng.randrange(256)
        case 2:
            width = rng.choice((1, 2, 4, 8))
            value = rng.choice(NUMBERS) % 256**width
            data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
        case 3:
            data[at:at] = rng.choice(WORDS)
        case 4:
            del data[at : at + size]
        case 5:
            part = data[at : at + size]
            data[at:at] = part * rng.choice((1, 2, 50))
        case 6:
            to = rng.randrange(len(data) + 1)
            data[to:to] = data[at : at + size]
        case 7:
            other = rng.choice(seeds)
            data = data[:at] + bytearray(other[rng.randrange(len(other) + 1) :])
        case _ if rng.random() < 0.2:
            del data[at:]
    return data[: 1 << 20]


def _havoc(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        changed = _once(changed, seeds, rng)
    return bytes(changed)


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """One seed, changed."""
    data = rng.choice(seeds)
    if not data.startswith(b"PK\x03\x04") or rng.random() < 0.3:
        return _havoc(data, seeds, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    chosen = rng.randrange(len(members))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (name, content) in enumerate(members):
            if number == chosen and rng.random() < 0.1:
                continue
            archive.writestr(name, _havoc(content, [content], rng) if number == chosen else content)
    return out.getvalue()
