"""Keys, settings and tokens for the tests of authentication."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

SECRET = "a secret for the tests, of more than 32 bytes"
OTHER_SECRET = "another secret for the tests, just as long"
NOW = 1_750_000_000.0


@dataclass(frozen=True)
class Settings:
    """The settings of authentication, as tests need them."""

    jwt_secret: str | bytes | None = SECRET
    jwt_secret_is_base64: bool = False
    jwt_aud: str | None = None
    jwt_role_claim_key: str = "$.role"
    jwt_cache_max_entries: int = 1000
    db_anon_role: str | None = "api_anon"
    jwt_default_role: str | None = None
    auth_signing_key: str | None = None
    auth_registration_enabled: bool = False
    auth_default_role: str = "api_user"
    auth_token_lifetime: int = 900
    auth_refresh_lifetime: int = 3600
    auth_trusted_proxies: tuple[str, ...] = ()
    db_uri: str = ""


def private_key(algorithm: str, number: int = 0) -> Any:
    """Return a private key for an asymmetric algorithm; another one for each `number`."""
    return _generated(algorithm, number)


@cache
def _generated(algorithm: str, number: int) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "ES256K":
            return ec.generate_private_key(ec.SECP256K1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "Ed448":
            return ed448.Ed448PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(algorithm: str, key: Any, **members: Any) -> dict[str, Any]:
    """Return a JSON Web Key of `key`, public or private as it is."""
    made: dict[str, Any] = get_default_algorithms()[algorithm].to_jwk(key, as_dict=True)
    return made | members


def public_jwk(algorithm: str, number: int = 0, **members: Any) -> dict[str, Any]:
    """Return the public JSON Web Key of `private_key(algorithm, number)`."""
    name = "EdDSA" if algorithm == "Ed448" else algorithm
    return jwk(name, private_key(algorithm, number).public_key(), **members)


def signed(claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> bytes:
    """Return a token."""
    return jwt.encode(claims, key, algorithm, headers=headers).encode()


def bearer(claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> bytes:
    """Return an Authorization header with a token."""
    return b"Bearer " + signed(claims, key, algorithm, **headers)


def base64url(raw: bytes) -> bytes:
    """Return `raw` in base64 as tokens have it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed_bytes(header: bytes | dict[str, Any], payload: bytes, key: str = SECRET) -> bytes:
    """Return an HS256 token of any header and payload, however wrong."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = base64url(raw) + b"." + base64url(payload)
    signature = get_default_algorithms()["HS256"].sign(signing_input, key.encode())
    return signing_input + b"." + base64url(signature)
