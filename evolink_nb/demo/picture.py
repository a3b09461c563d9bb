"""The picture a simulated task makes: a small colour gradient drawn from its name."""

from __future__ import annotations

import hashlib
import struct
import zlib

SIDE = 64
"""Pixels on each side of a picture."""


def picture(name: str) -> bytes:
    """Give a PNG whose colours follow from the name."""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).digest()
    first, second = digest[:3], digest[3:6]
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)  # each row starts with its filter: none
        for x in range(SIDE):
            share = x + y
            colours = zip(first, second, strict=True)
            rows.extend((a * (2 * SIDE - share) + b * share) // (2 * SIDE) for a, b in colours)
    header = struct.pack(">2I5B", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
