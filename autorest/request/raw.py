"""A request as it came: the pieces of HTTP that the grammar reads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import orjson

from autorest.request.request import parse_cookies


class Arriving(Protocol):
    """The rest of a body, which is still arriving."""

    async def read(self) -> bytes:
        """Return what comes next, nothing when the body has ended. Raises Refused when it is too large."""


class RawRequest(NamedTuple):
    """Method, path and query string as they were sent, headers with names in lower case, the body.

    It is the whole body, unless there is a `rest`.
    """

    method: str
    path: bytes
    query_string: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""
    rest: Arriving | None = None


class Heeded(NamedTuple):
    """The headers that the gateway goes by: of one sent twice the first, but every `Prefer` and every condition."""

    authorization: bytes | None = None
    accept: bytes | None = None
    prefer: tuple[bytes, ...] = ()
    content_type: bytes | None = None
    accept_profile: bytes | None = None
    content_profile: bytes | None = None
    range: bytes | None = None
    if_match: bytes | None = None
    if_none_match: bytes | None = None


_NAMES = {
    b"authorization": 0,
    b"accept": 1,
    b"prefer": 2,
    b"content-type": 3,
    b"accept-profile": 4,
    b"content-profile": 5,
    b"range": 6,
    b"cookie": 7,
    b"if-match": 8,
    b"if-none-match": 9,
}

#: Bytes of headers that are kept with what was prepared for a request.
MOST_TERMS = 2048


class Head(NamedTuple):
    """What the headers of a request say.

    terms    those that decide what the rest of the request means, but for the body of a write; None where they are
             too long to be kept
    seen     a JSON object of all but `Cookie`, as SQL sees them: of one sent twice the last
    cookies  a JSON object of what `Cookie` says
    """

    heeded: Heeded
    terms: Hashable | None
    seen: bytes
    cookies: bytes


def read_headers(headers: Sequence[tuple[bytes, bytes]]) -> Head:
    """Read headers, those that were sent with one of the last requests too at the cost of looking them up."""
    return _read(tuple(headers))


@lru_cache(maxsize=128)
def _read(headers: tuple[tuple[bytes, bytes], ...]) -> Head:
    found: list[bytes | None] = [None] * len(_NAMES)
    prefer: tuple[bytes, ...] = ()
    seen: dict[str, str] = {}
    for name, value in headers:
        index = _NAMES.get(name)
        if index is not None:
            if index == 2:
                prefer = (*prefer, value)
            elif (first := found[index]) is None:
                found[index] = value
            elif index >= 8:
                found[index] = first + b", " + value
            if index == 7:
                continue
        seen[name.decode("latin-1")] = value.decode("utf-8", "replace")
    authorization, accept, _, content_type, accept_profile, content_profile, range_, cookie, match, none_match = found
    cookies = b"{}" if cookie is None else orjson.dumps(parse_cookies(cookie.decode("utf-8", "replace")))
    terms = (prefer, accept, accept_profile, content_profile, range_)
    return Head(
        Heeded(authorization, accept, prefer, content_type, accept_profile, content_profile, range_, match, none_match),
        terms if sum(map(len, (*prefer, *filter(None, terms[1:])))) <= MOST_TERMS else None,
        orjson.dumps(seen),
        cookies,
    )
