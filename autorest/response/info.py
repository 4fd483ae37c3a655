"""The answer to OPTIONS, and cross-origin resource sharing (Fetch standard, 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from autorest.response.headers import VARY
from autorest.response.model import Headers, Response

METHODS = (b"GET", b"POST", b"PATCH", b"PUT", b"DELETE", b"OPTIONS", b"HEAD")
ALWAYS_ALLOWED = (b"Accept", b"Accept-Language", b"Content-Language")
EXPOSED = (
    b"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding,"
    b" Range-Unit, ETag"
)
ONE_DAY = b"86400"


def info_response(allow: str) -> Response:
    headers = [(b"allow", allow.encode()), (b"access-control-allow-origin", b"*"), (b"content-length", b"0"), VARY]
    return Response(200, headers)


def cors_headers(origin: bytes, allowed: Sequence[bytes]) -> Headers:
    """Return what a page of `origin` needs to read the answer; nothing when it may not. No `allowed` allows all."""
    if not allowed:
        return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
    if origin not in allowed:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", EXPOSED),
    ]


def preflight_response(origin: bytes, requested: bytes | None, allowed: Sequence[bytes]) -> Response:
    """Return the answer to a preflight request; without headers when `origin` may not send the real one.

    `requested` are the headers it would have; None where it asks for none.
    """
    shared = [header for header in cors_headers(origin, allowed) if header[0] != b"access-control-expose-headers"]
    if not shared:
        return Response(200, [(b"content-length", b"0")])
    headers = [*shared, (b"access-control-allow-methods", b", ".join(METHODS))]
    if requested is not None:
        names = [*filter(None, map(bytes.strip, requested.split(b",")))]
        asked = {name.lower() for name in names}
        others = [name for name in ALWAYS_ALLOWED if name.lower() not in asked]
        headers.append((b"access-control-allow-headers", b", ".join((b"Authorization", *names, *others))))
    headers += [(b"access-control-max-age", ONE_DAY), (b"content-length", b"0")]
    return Response(200, headers)
