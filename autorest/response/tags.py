"""Entity tags: how an answer gets its own, and when a client has it already (RFC 9110, 8.8.3, 13.1.2 and 15.4.5).

A tag is sixteen hexadecimal digits of what the body says and is labelled as. What follows them tells apart answers of
one body: after a dot the range and the total of the rows, where the answer counts them; after a dash the coding.
"""

from __future__ import annotations

import re
from binascii import hexlify
from hashlib import sha256
from typing import Final

from autorest.request.preconditions import Tags
from autorest.response.model import Headers, Response

#: Bytes of the hash in a tag.
LENGTH: Final = 8
#: Comes with a tag: without it caches may take what has one for fresh (RFC 9111, 5.2.2.4).
REVALIDATED: Final = (b"cache-control", b"no-cache")
_OWN: Final = re.compile(rb'"[0-9a-f]{16}(?:\.(?:\d+-\d+|\*)/(?:\d+|\*))?"')
_TEXT: Final = re.compile(rb'(?:W/)?"(.*)"', re.DOTALL)
#: What of an answer a client that has its body knows already (RFC 9110, 15.4.5).
_KNOWN: Final = frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"content-range", b"content-language", b"content-profile")
)


class Tagger:
    """Makes the tags of bodies of one media type."""

    __slots__ = ("_begun",)

    def __init__(self, content_type: bytes) -> None:
        self._begun = sha256(content_type + b"\n")

    def digits(self, body: bytes) -> bytes:
        """Return what a tag begins with."""
        state = self._begun.copy()
        state.update(body)
        return hexlify(state.digest()[:LENGTH])

    def tag(self, body: bytes, span: bytes = b"") -> bytes:
        """Return the value of `ETag`; `span` is that of `Content-Range` where it says more than the body does."""
        digits = self.digits(body)
        return b'"%b.%b"' % (digits, span) if span else b'"%b"' % digits


def digits_of(opaque: bytes) -> bytes:
    """Return the digits of a tag of ours, whatever follows them."""
    return re.split(rb"[.-]", opaque, maxsplit=1)[0]


def tag_of(headers: Headers) -> bytes | None:
    """Return the value of `ETag`, if there is one."""
    return next((value for name, value in headers if name == b"etag"), None)


def opaque_of(tag: bytes) -> bytes:
    """Return what stands between the quotes of an `ETag`; one that SQL set may lack them."""
    quoted = _TEXT.fullmatch(tag)
    return tag if quoted is None else quoted[1]


def coded(tag: bytes, coding: bytes) -> bytes:
    """Return the tag of an answer in a coding: ours with a mark, one of SQL as a weak one, which it knows again."""
    if _OWN.fullmatch(tag):
        return b'%b-%b"' % (tag[:-1], coding)
    return tag if tag.startswith(b"W/") else b"W/" + tag


def unchanged(response: Response, none_match: Tags) -> Response | None:
    """Return 304 where the client has what it would be answered with, None where it does not."""
    tag = tag_of(response.headers) if response.status in (200, 206) else None
    if tag is None or not none_match.name(opaque_of(tag)):
        return None
    return response._replace(status=304, headers=[one for one in response.headers if one[0] not in _KNOWN], body=b"")
