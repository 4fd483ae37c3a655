"""Tokens of our own: claims signed with the key that stays in the gateway."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from autorest.auth.identity import ClaimSettings
from autorest.auth.keys import ALGORITHMS, KeySet, is_url, parse_keys, secret_bytes
from autorest.auth.role_path import parse_role_path


class SignerSettings(ClaimSettings, Protocol):
    """The settings that decide what our own tokens look like."""

    @property
    def auth_signing_key(self) -> str | bytes | None: ...


class Signer:
    """Signs claims with `auth_signing_key`, or with `jwt_secret` when that is a secret or a private key.

    ValueError, in one line, when there is no key to sign with, or when `jwt_role_claim_key` is more than a
    path of names, so that it does not tell where to put a role.
    """

    def __init__(self, settings: SignerSettings) -> None:
        key = next((key for key in _signing_keys(settings).keys if key.signing is not None), None)
        if key is None:
            raise ValueError(
                "there is no key to sign tokens with: set auth-signing-key, or jwt-secret to a secret or a private key"
            )
        self._names = parse_role_path(settings.jwt_role_claim_key).names
        if not self._names:
            raise ValueError(
                "jwt-role-claim-key must be a path of names such as $.app.role for the gateway to issue tokens"
            )
        self._key, self._algorithm, self._audience = key, ALGORITHMS[key.algorithms[0]], settings.jwt_aud
        header = {"alg": key.algorithms[0], "typ": "JWT"} | ({"kid": key.kid} if key.kid else {})
        self._header = _base64url(orjson.dumps(header))

    def sign(self, role: str | None, claims: Mapping[str, Any], now: float, lifetime: float | None) -> str:
        """Return a token for `role` with more `claims`, valid from `now` for `lifetime` seconds, None for ever."""
        issued = int(now)
        payload: dict[str, Any] = dict(claims) | {"iat": issued}
        if lifetime is not None:
            payload["exp"] = issued + int(lifetime)
        if self._audience:
            payload.setdefault("aud", self._audience)
        if role is not None:
            _put(payload, self._names, role)
        signed = self._header + b"." + _base64url(orjson.dumps(payload))
        return (signed + b"." + _base64url(self._algorithm.sign(signed, self._key.signing))).decode()


def _signing_keys(settings: SignerSettings) -> KeySet:
    if settings.auth_signing_key:
        return parse_keys(secret_bytes(settings.auth_signing_key, False))
    if not settings.jwt_secret:
        return KeySet(())
    secret = secret_bytes(settings.jwt_secret, settings.jwt_secret_is_base64)
    return KeySet(()) if is_url(secret) else parse_keys(secret)


def _put(payload: dict[str, Any], names: tuple[str, ...], role: str) -> None:
    for name in names[:-1]:
        inner = payload.get(name)
        payload[name] = dict(inner) if isinstance(inner, dict) else {}
        payload = payload[name]
    payload[names[-1]] = role


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
