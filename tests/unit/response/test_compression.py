"""Which coding a client gets, and that it can read it."""

from __future__ import annotations

import gzip
import sys
import zlib

import pytest

from autorest.response.compression import (
    LEAST_BYTES,
    PackedStream,
    as_coded,
    chosen_coding,
    compressed,
    is_compressible,
    varying,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

JSON = (b"content-type", b"application/json; charset=utf-8")
LONG = b"x" * LEAST_BYTES


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"zstd", b"zstd"),
        (b"gzip, deflate, br, zstd", b"zstd"),
        (b"gzip;q=1.0, zstd;q=0.5", b"gzip"),
        (b"GZIP", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"*", b"zstd"),
        (b"*;q=0.1, zstd;q=0", b"gzip"),
        (b"gzip;q=0", None),
        (b"gzip;q=0, *", b"zstd"),
        (b"identity", None),
        (b"identity, gzip;q=0.5", None),
        (b"identity;q=0.5, gzip", b"gzip"),
        (b"br", None),
        (b"", None),
        (b"gzip;q=abc", None),
        (b",;,;q", None),
        (b"gzip ; q=0.3 ; x=y", b"gzip"),
    ],
)
def test_the_coding_that_a_client_prefers(accepted: bytes, coding: bytes | None) -> None:
    assert chosen_coding(accepted) == coding


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
def test_a_client_reads_what_was_compressed(coding: bytes) -> None:
    body = b'[{"id":1,"title":"milk"}]' * 1000
    packed = compressed(body, coding)
    assert len(packed) < len(body) / 10
    assert (gzip if coding == b"gzip" else zstd).decompress(packed) == body


@pytest.mark.parametrize(
    ("headers", "body", "worth_it"),
    [
        ([JSON], LONG, True),
        ([JSON], LONG[1:], False),
        ([(b"content-type", b"application/geo+json")], LONG, True),
        ([(b"content-type", b"text/csv")], LONG, True),
        ([(b"content-type", b"Text/XML")], LONG, True),
        ([(b"content-type", b"image/png")], LONG, False),
        ([(b"content-type", b"application/octet-stream")], LONG, False),
        ([JSON, (b"content-encoding", b"br")], LONG, False),
        ([], LONG, False),
    ],
)
def test_what_is_worth_compressing(headers: list[tuple[bytes, bytes]], body: bytes, worth_it: bool) -> None:
    assert is_compressible(headers, body) is worth_it


def test_caches_learn_what_an_answer_depends_on() -> None:
    assert varying([(b"vary", b"Accept, Range"), JSON]) == [(b"vary", b"Accept, Range, Accept-Encoding"), JSON]
    assert varying([JSON]) == [JSON, (b"vary", b"Accept-Encoding")]


def test_the_headers_of_a_compressed_answer_are_its_own() -> None:
    plain = [JSON, (b"content-length", b"1000"), (b"etag", b'"0123456789abcdef"'), (b"vary", b"Accept")]
    varies = (b"vary", b"Accept, Accept-Encoding")
    assert as_coded(plain, b"gzip") == [
        JSON,
        (b"etag", b'"0123456789abcdef-gzip"'),
        varies,
        (b"content-encoding", b"gzip"),
    ]
    assert as_coded(plain, None) == [*plain[:3], varies]


class Pieces:
    """A body in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.closed = False

    async def next(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        self.closed = True


@pytest.mark.anyio
@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
async def test_what_has_arrived_of_a_stream_can_be_read(coding: bytes) -> None:
    pieces = Pieces(b"first", b"second", b"third" * 100_000)
    stream = PackedStream(pieces, coding)
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == b"gzip" else zstd.ZstdDecompressor()
    assert [reader.decompress(await stream.next()) for _ in range(2)] == [b"first", b"second"]
    rest = b""
    while piece := await stream.next():
        rest += reader.decompress(piece)
    assert rest == b"third" * 100_000 and reader.eof
    assert await stream.next() == b""
    stream.close()
    assert pieces.closed
