"""A token's form and signature: the compact serialization of RFC 7515, checked against the keys."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

import orjson

from autorest.auth import refusals
from autorest.auth.keys import ALGORITHMS, KeySet

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)")
_PADDING = (b"", None, b"==", b"=")


def bearer(authorization: bytes) -> bytes | None:
    """Return the token in an Authorization header (RFC 6750 section 2.1), None when its scheme is another one."""
    if authorization.startswith((b"Bearer ", b"bearer ")):
        return authorization[7:].lstrip()
    scheme, _, token = authorization.replace(b"\t", b" ").partition(b" ")
    return token.lstrip() if scheme.lower() == b"bearer" else None


def verified_payload(token: bytes, keys: KeySet) -> bytes:
    """Return the bytes a token carries once one of `keys` has verified its signature; raises Refused PGRST301."""
    if not token:
        raise refusals.EMPTY.refusal()
    count = token.count(b".") + 1
    if count != 3:
        raise refusals.parts(count)
    compact = _COMPACT.fullmatch(token)
    if compact is None:
        raise refusals.MALFORMED.refusal()
    header_part, payload_part, signature_part = compact.groups()
    algorithm, kid = _header(_decoded(header_part))
    payload, signature = _decoded(payload_part), _decoded(signature_part)
    candidates = keys.fitting(algorithm, kid)
    if not candidates:
        raise refusals.unknown_key()
    signed = token[: compact.end(2)]
    verify = ALGORITHMS[algorithm].verify
    for key in candidates:
        if verify(signed, key.verifying, signature):
            return payload
    raise refusals.NO_KEY.refusal("The signature is not that of any configured key")


def _decoded(part: bytes) -> bytes:
    padding = _PADDING[len(part) % 4]
    if padding is None:
        raise refusals.MALFORMED.refusal()
    return urlsafe_b64decode(part + padding)


def _header(raw: bytes) -> tuple[str, str | None]:
    try:
        header = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise refusals.MALFORMED.refusal() from None
    if not isinstance(header, dict):
        raise refusals.MALFORMED.refusal()
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm == "none":
        raise refusals.BAD_ALGORITHM.refusal("An unsigned token proves nothing")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refusals.MALFORMED.refusal()
    if "crit" in header:
        raise refusals.MALFORMED.refusal("The token requires extensions (crit) that are not known here")
    if kid is not None and not isinstance(kid, str):
        raise refusals.MALFORMED.refusal()
    return algorithm, kid
