"""Percent-encoding (RFC 3986, section 2.1)."""

from __future__ import annotations

from string import hexdigits
from typing import Final

_BYTES: Final = {(high + low).encode(): bytes.fromhex(high + low) for high in hexdigits for low in hexdigits}
#: So much is decoded at a time: of a long text many pieces are made.
_SLICE: Final = 1 << 16


def percent_decoded(text: bytes) -> bytes:
    """Return the bytes that a text stands for; a percent sign that no two hexadecimal digits follow is itself.

    However many of those there are, it takes no longer than as many that are right.
    """
    if b"%" not in text:
        return text
    slices: list[bytes] = []
    start = 0
    while start < len(text):
        end = start + _SLICE
        # What a percent sign and two digits stand for is not cut apart.
        cut = text.find(b"%", end - 2, end)
        if cut >= 0 and end < len(text):
            end = cut
        slices.append(_decoded(text[start:end]))
        start = end
    return b"".join(slices)


def _decoded(text: bytes) -> bytes:
    first, *rest = text.split(b"%")
    decoded = [first]
    for part in rest:
        byte = _BYTES.get(part[:2])
        decoded.append(b"%" + part if byte is None else byte + part[2:])
    return b"".join(decoded)
