"""Read Mobipocket and Kindle books (.mobi, .prc, .azw, .azw3) that are not encrypted.

Written here because the package `mobi` is GPL. The text is HTML in compressed records.

Source:
    https://wiki.mobileread.com/wiki/MOBI, https://wiki.mobileread.com/wiki/PDB, https://wiki.mobileread.com/wiki/PalmDOC
"""

import re
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rotools.books.formats.html import html_events, paragraphs
from rotools.books.texts import MOST, Text, decode, limited

__all__ = ["read"]

_NONE, _PALMDOC, _HUFF = 1, 2, 17480
_UTF8 = 65001
_ABSENT = 0xFFFFFFFF

Record = Callable[[int], bytes]
"""Returns a record of the file by its number."""


def read(path: Path) -> Text:
    """Read a book.

    Raises:
        ValueError: The file is no such book, is damaged, or is encrypted.
    """
    data = limited(path)
    try:
        return _read(data)
    except (struct.error, IndexError):
        raise ValueError("the file is cut off or damaged") from None


def _read(data: bytes) -> Text:
    if data[60:68] not in (b"BOOKMOBI", b"TEXtREAd"):
        raise ValueError("the file is no Mobipocket or Kindle book, or it is damaged")
    count = struct.unpack_from(">H", data, 76)[0]
    starts = [struct.unpack_from(">L", data, 78 + 8 * at)[0] for at in range(count)] + [len(data)]

    def record(at: int) -> bytes:
        return data[starts[at] : starts[at + 1]]

    head = record(0)
    compression, _, length, records, _, encryption = struct.unpack_from(">HHLHHH", head)
    if encryption:
        raise ValueError("the book is encrypted (DRM)")
    if length > MOST:
        raise ValueError(f"the book has more than {MOST >> 20} MB of text")
    flags, encoding, version = 0, 1252, 0
    if head[16:20] == b"MOBI":
        header_length, _, encoding, _, version = struct.unpack_from(">5L", head, 20)
        if header_length >= 0xE4 and len(head) >= 0xF4:
            flags = struct.unpack_from(">H", head, 0xF2)[0]
    if compression not in (_NONE, _PALMDOC, _HUFF):
        raise ValueError(f"the compression {compression} is not known")
    unpack: Callable[[bytes], bytes] = _unpack if compression == _PALMDOC else bytes
    if compression == _HUFF:
        unpack = _Huffman(record, *struct.unpack_from(">LL", head, 0x70)).unpack
    pieces: list[bytes] = []
    size = 0
    for at in range(1, records + 1):
        packed = _without_trailers(record(at), flags)
        piece = unpack(packed)
        pieces.append(piece)
        size += len(piece)
        if size > MOST:
            raise ValueError(f"the book unpacks to more than {MOST >> 20} MB of text")
    raw = b"".join(pieces)
    if version >= 8:
        raw = _first_flow(raw, head, record)
    text = Text()
    source = raw.decode("utf-8", errors="replace") if encoding == _UTF8 else raw.decode("cp1252", "replace")
    if encoding != _UTF8 and head[16:20] != b"MOBI":
        source = decode(raw)
    text.note("flag", "bad-bytes", source.count("\ufffd") - raw.count(b"\xef\xbf\xbd"))
    aside: Counter[str] = Counter()
    if head[16:20] != b"MOBI":
        # PalmDOC is plain text.
        text.text = "\n".join(line.strip() for line in source.split("\n") if line.strip())
        return text
    lines: list[str] = []
    # A Kindle book is one page after the other: each a frame, then the paragraphs that belong into it.
    for page in re.split(r"(?=<html[\s>])", source, flags=re.IGNORECASE):
        lines += paragraphs(html_events(page), aside)
    for tag, number in sorted(aside.items()):
        text.leave_out(tag, number)
    text.text = "\n".join(lines)
    return text


def _without_trailers(record: bytes, flags: int) -> bytes:
    """Cut off what follows the text of a record: indexes, and bytes of a letter that continues in the next record."""
    end = len(record)
    for bit in range(15, 0, -1):
        if flags >> bit & 1:
            size, shift = 0, 0
            for byte in reversed(record[max(end - 4, 0) : end]):
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte & 0x80:
                    break
            end = max(end - size, 0)
    if flags & 1 and end:
        end = max(end - (record[end - 1] & 3) - 1, 0)
    return record[:end]


def _unpack(data: bytes) -> bytes:
    """Unpack a record of PalmDOC: LZ77 with a window of 2047 bytes."""
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        byte = data[at]
        at += 1
        if 1 <= byte <= 8:
            out += data[at : at + byte]
            at += byte
        elif byte < 0x80:
            out.append(byte)
        elif byte >= 0xC0:
            out += bytes((0x20, byte ^ 0x80))
        elif at < end:
            pair = (byte << 8 | data[at]) & 0x3FFF
            at += 1
            distance, length = pair >> 3, (pair & 7) + 3
            if distance == 0 or distance > len(out):
                raise ValueError("a text record is damaged")
            for _ in range(length):
                out.append(out[-distance])
    return bytes(out)


def _first_flow(raw: bytes, head: bytes, record: Record) -> bytes:
    """Return the pages of a Kindle book of version 8. Style sheets and pictures are further flows of the same bytes."""
    number, count = struct.unpack_from(">LL", head, 0xC0)
    if number == _ABSENT or count < 2:
        return raw
    table = record(number)
    if table[:4] != b"FDST":
        return raw
    start, end = struct.unpack_from(">LL", table, 12)
    return bytes(raw[start:end])


class _Huffman:
    """The dictionary of the compression HUFF/CDIC: bit codes for phrases, which may hold codes themselves."""

    DEEPEST = 20

    def __init__(self, record: Record, first: int, count: int) -> None:
        huff = record(first)
        if huff[:4] != b"HUFF":
            raise ValueError("the dictionary of the text is damaged")
        short, long = struct.unpack_from(">LL", huff, 8)
        self.short = []
        for value in struct.unpack_from(">256L", huff, short):
            length = value & 0x1F
            if not 0 < length <= 32:
                raise ValueError("the dictionary of the text is damaged")
            self.short.append((length, value & 0x80, ((value >> 8) + 1 << 32 - length) - 1))
        bounds = struct.unpack_from(">64L", huff, long)
        self.least = [0] + [bounds[2 * at] << 31 - at for at in range(32)]
        self.most = [0] + [(bounds[2 * at + 1] + 1 << 31 - at) - 1 for at in range(32)]
        self.phrases: list[tuple[bytes, bool]] = []
        for at in range(first + 1, first + count):
            cdic = record(at)
            if cdic[:4] != b"CDIC":
                raise ValueError("the dictionary of the text is damaged")
            total, bits = struct.unpack_from(">LL", cdic, 8)
            here = min(1 << min(bits, 24), total - len(self.phrases))
            for offset in struct.unpack_from(f">{max(here, 0)}H", cdic, 16):
                size = struct.unpack_from(">H", cdic, 16 + offset)[0]
                phrase = cdic[18 + offset : 18 + offset + (size & 0x7FFF)]
                self.phrases.append((phrase, bool(size & 0x8000)))

    def unpack(self, data: bytes, depth: int = 0) -> bytes:
        if depth > self.DEEPEST:
            raise ValueError("the dictionary of the text is damaged")
        out = bytearray()
        bits, left = int.from_bytes(data + bytes(8)), len(data) * 8
        total = left + 64
        place = 0
        while left > 0:
            code = bits >> total - place - 32 & 0xFFFFFFFF
            length, known, most = self.short[code >> 24]
            if not known:
                while length < 33 and code < self.least[length]:
                    length += 1
                if length > 32:
                    raise ValueError("a text record is damaged")
                most = self.most[length]
            place += length
            left -= length
            if left < 0:
                break
            number = most - code >> 32 - length
            phrase, plain = self.phrases[number]
            if not plain:
                phrase = self.unpack(phrase, depth + 1)
                self.phrases[number] = (phrase, True)
            out += phrase
            if len(out) > 1 << 20:
                raise ValueError("a text record is damaged")
        return bytes(out)
