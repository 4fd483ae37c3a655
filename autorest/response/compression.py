"""Bodies compressed for clients that accept it (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

from autorest.response.model import Headers, Stream
from autorest.response.tags import coded

#: Bodies shorter than this hardly get smaller.
LEAST_BYTES = 1024
#: Enough for JSON: more effort costs several times the time for a few per cent.
GZIP_LEVEL, ZSTD_LEVEL = 3, 1
#: zlib's way of asking for gzip's header and checksum.
GZIP_WINDOW = zlib.MAX_WBITS | 16
#: What is offered, the best first.
CODINGS = (b"zstd", b"gzip")
COMPRESSIBLE = (
    b"text/",
    b"application/json",
    b"application/x-ndjson",
    b"application/xml",
    b"application/javascript",
    b"image/svg+xml",
)
COMPRESSIBLE_SUFFIXES = (b"+json", b"+xml")
ACCEPT_ENCODING = b"Accept-Encoding"


@lru_cache(maxsize=256)
def chosen_coding(accepted: bytes) -> bytes | None:
    """Return the coding that an `Accept-Encoding` prefers among ours, None when it wants the body as it is."""
    weights: dict[bytes, float] = {}
    for element in accepted.lower().split(b","):
        coding, *parameters = (part.strip() for part in element.split(b";"))
        weight = next((part[2:] for part in parameters if part.startswith(b"q=")), b"1")
        try:
            weights[coding] = float(weight)
        except ValueError:
            weights[coding] = 0.0
    if b"x-gzip" in weights:
        weights.setdefault(b"gzip", weights[b"x-gzip"])
    anything = weights.get(b"*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, anything))
    weight_of_best = weights.get(best, anything)
    return best if weight_of_best > 0 and weight_of_best >= weights.get(b"identity", 0.0) else None


def is_compressible(headers: Headers, body: bytes) -> bool:
    """Tell whether an answer can be sent compressed: it is long, of a type that shrinks, and not compressed yet."""
    return len(body) >= LEAST_BYTES and shrinks(headers)


def shrinks(headers: Headers) -> bool:
    """Tell whether a body is of a type that shrinks, and not compressed yet."""
    of_type = b""
    for name, value in headers:
        if name == b"content-encoding":
            return False
        if name == b"content-type":
            of_type = value.partition(b";")[0].strip().lower()
    return of_type.startswith(COMPRESSIBLE) or of_type.endswith(COMPRESSIBLE_SUFFIXES)


def compressed(body: bytes, coding: bytes) -> bytes:
    """Return `body` in one of `CODINGS`."""
    if coding == b"zstd":
        packed: bytes = zstd.compress(body, ZSTD_LEVEL)
        return packed
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


class PackedStream:
    """A body that is compressed while it is sent; what has arrived of it can be read, whatever is still to come."""

    def __init__(self, stream: Stream, coding: bytes) -> None:
        self._stream = stream
        self._more, self._end = zstd_packer() if coding == b"zstd" else gzip_packer()
        self._ended = False

    async def next(self) -> bytes:
        """Return the next piece, nothing after the last. Raises Unfinished when there cannot be another."""
        if self._ended:
            return b""
        if piece := await self._stream.next():
            return self._more(piece)
        self._ended = True
        return self._end()

    def close(self) -> None:
        """Let go of what it is made of."""
        self._stream.close()


Packer = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def zstd_packer() -> Packer:
    """Return what compresses a piece so that it can be read, and what ends it all."""
    packer = zstd.ZstdCompressor(ZSTD_LEVEL)
    return lambda piece: packer.compress(piece, packer.FLUSH_BLOCK), packer.flush


def gzip_packer() -> Packer:
    """Return what compresses a piece so that it can be read, and what ends it all."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return lambda piece: packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH), packer.flush


def as_coded(headers: Headers, coding: bytes | None) -> Headers:
    """Return the headers of an answer that could be sent compressed, and is if there is a `coding`.

    Caches learn what it depends on. What is coded has another tag than what is not (RFC 9110, 8.8.3.3), and a length
    that is not known yet.
    """
    headers = varying(headers)
    if coding is None:
        return headers
    return [
        *(
            (name, coded(value, coding) if name == b"etag" else value)
            for name, value in headers
            if name != b"content-length"
        ),
        (b"content-encoding", coding),
    ]


def varying(headers: Headers) -> Headers:
    """Return `headers` of an answer that depends on `Accept-Encoding` too."""
    for index, (name, value) in enumerate(headers):
        if name == b"vary":
            return [*headers[:index], (name, value + b", " + ACCEPT_ENCODING), *headers[index + 1 :]]
    return [*headers, (b"vary", ACCEPT_ENCODING)]
