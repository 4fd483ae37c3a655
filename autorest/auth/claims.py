"""What a verified token claims: its times, its audience (RFC 7519 section 4.1), and the text SQL reads."""

from __future__ import annotations

import math
from typing import Any

import orjson

from autorest.auth import refusals
from autorest.auth.refusals import Flaw

#: Seconds by which the issuer's clock and ours may differ.
LEEWAY = 30
_FAR = 1 << 53

Claims = dict[str, Any]


def parse_claims(payload: bytes) -> Claims:
    """Return the claims in a token's payload; raises Refused PGRST303 when it is no JSON object."""
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise refusals.BAD_CLAIMS.refusal() from None
    if not isinstance(claims, dict):
        raise refusals.BAD_CLAIMS.refusal()
    return claims


def check_claims(claims: Claims, now: float, audience: str | None) -> float:
    """Return the time (seconds since the epoch) from which the token is no longer valid, infinity without `exp`.

    `now` is in seconds since the epoch; `audience` None accepts any. Raises Refused PGRST303.
    """
    expires = _seconds(claims, "exp", refusals.EXP_TYPE)
    end = math.inf if expires is None else math.floor(expires) + LEEWAY + 1
    if now >= end:
        raise refusals.EXPIRED.refusal()
    starts = _seconds(claims, "nbf", refusals.NBF_TYPE)
    if starts is not None and math.floor(now) + LEEWAY < starts:
        raise refusals.NOT_YET_VALID.refusal()
    issued = _seconds(claims, "iat", refusals.IAT_TYPE)
    if issued is not None and math.floor(now) + LEEWAY < issued:
        raise refusals.ISSUED_LATER.refusal()
    _check_audience(claims.get("aud"), audience)
    return end


def claims_text(payload: bytes, claims: Claims, role: str) -> bytes:
    """Return the claims as JSON text with `role` among them, the numbers and order of `payload` kept where possible."""
    if claims.get("role") == role:
        return payload
    if "role" in claims:
        return orjson.dumps(claims | {"role": role})
    body = payload.rstrip()[:-1].rstrip()
    return body + (b"," if claims else b"") + b'"role":' + orjson.dumps(role) + b"}"


def _seconds(claims: Claims, name: str, flaw: Flaw) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise flaw.refusal()
    return max(-_FAR, min(value, _FAR))


def _check_audience(value: object, audience: str | None) -> None:
    match value:
        case None:
            return
        case str():
            named = [value]
        case list() if all(isinstance(item, str) for item in value):
            named = value
        case _:
            raise refusals.AUD_TYPE.refusal()
    if audience is not None and named and audience not in named:
        raise refusals.OTHER_AUDIENCE.refusal()
