"""The keys that verify a token, read from `jwt-secret` in any of its forms.

A key's own type decides which algorithms may be used with it; what a token says about its algorithm
only chooses among those, so that a public key is never taken for a shared secret (RFC 8725 section 3.1).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import PyJWTError
from jwt.algorithms import Algorithm, get_default_algorithms

#: RFC 7518 section 3.2: a key for HS256 has at least the 32 bytes of its hash.
MINIMUM_SECRET_BYTES = 32

ALGORITHMS: Mapping[str, Algorithm] = {
    name: algorithm for name, algorithm in get_default_algorithms().items() if name not in ("none", "ES521")
}
HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
BY_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}
BY_JWK_TYPE = {"oct": "HS256", "RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
#: What is meant as a key, and often a public one, in a form that is not read here or with a mistake in it. As a text
#: it would be a shared secret that everybody knows.
_MISTAKEN = re.compile(rb"\s*(?:ssh-|ecdsa-sha2-|---- BEGIN |\{.*\"kty\")", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `algorithms` it may be used with (the first is the one to sign with), and its `kid` if it has one.

    `verifying` is the secret or the public key; `signing` the secret or the private key, None for a public key.
    """

    algorithms: tuple[str, ...]
    verifying: Any
    signing: Any = None
    kid: str | None = None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a `jwt-secret`, and what was left out of it with the reason."""

    keys: tuple[Key, ...]
    ignored: tuple[str, ...] = ()

    def __add__(self, other: KeySet) -> KeySet:
        return KeySet(self.keys + other.keys, self.ignored + other.ignored)

    def fitting(self, algorithm: str, kid: str | None) -> list[Key]:
        """Return the keys that may have signed a token of this algorithm and key id; a token without id fits any."""
        return [key for key in self.keys if algorithm in key.algorithms and (kid is None or kid == key.kid)]


def secret_bytes(secret: str | bytes, is_base64: bool) -> bytes:
    """Return `jwt-secret` decoded; ValueError when it should be base64 (of either alphabet) and is not."""
    raw = secret.encode() if isinstance(secret, str) else secret
    if not is_base64:
        return raw
    try:
        return base64.b64decode(raw.strip().translate(bytes.maketrans(b"-_.", b"+/=")), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64, as jwt-secret-is-base64 says it is") from None


def is_url(secret: bytes) -> bool:
    """Tell whether `jwt-secret` is the address of a provider's key set."""
    return secret.startswith((b"https://", b"http://"))


def url_of(secret: bytes) -> str:
    """Return the address in `jwt-secret`; ValueError when it names no host."""
    try:
        url = secret.decode("ascii").strip()
        if urlsplit(url).hostname:
            return url
    except ValueError:
        pass
    raise ValueError("it is not the URL of a JSON Web Key set")


def parse_keys(secret: bytes) -> KeySet:
    """Read a text secret, a JSON Web Key, a key set (RFC 7517) or a PEM block; ValueError says what is wrong."""
    if secret.lstrip().startswith(b"-----BEGIN "):
        return KeySet((_from_pem(secret),))
    document = _json_object(secret)
    if document is None:
        if _MISTAKEN.match(secret):
            raise ValueError("it is not a text, but neither a PEM block nor the JSON of a key or a key set")
        if len(secret) < MINIMUM_SECRET_BYTES:
            raise ValueError(f"a secret needs at least {MINIMUM_SECRET_BYTES} bytes, this one has {len(secret)}")
        return KeySet((Key(HMAC, secret, secret),))
    if "keys" in document:
        return parse_key_set(document)
    try:
        return KeySet((_from_jwk(document),))
    except ValueError as error:
        raise ValueError(f"the JSON Web Key cannot be used: {error}") from None


def parse_key_set(document: Mapping[str, Any], *, shared_secrets: bool = True) -> KeySet:
    """Read a key set, leaving out keys of kinds not known here (RFC 7517 section 5); ValueError when none remains.

    Without `shared_secrets` symmetric keys are left out too: what is published is no secret.
    """
    members = document.get("keys")
    if not isinstance(members, list):
        raise ValueError("the member keys of the JSON Web Key set is not an array")
    keys, ignored = [], []
    for position, member in enumerate(members):
        try:
            key = _from_jwk(member)
        except ValueError as error:
            ignored.append(f"key {position}: {error}")
            continue
        if isinstance(key.verifying, bytes) and not shared_secrets:
            ignored.append(f"key {position}: a shared secret cannot be published")
        else:
            keys.append(key)
    if not keys:
        raise ValueError("the JSON Web Key set holds no usable key" + "".join(f"; {reason}" for reason in ignored))
    return KeySet(tuple(keys), tuple(ignored))


def _json_object(secret: bytes) -> dict[str, Any] | None:
    if not secret.lstrip().startswith(b"{"):
        return None
    try:
        document = json.loads(secret)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _from_pem(pem: bytes) -> Key:
    try:
        if b"PRIVATE KEY-----" in pem:
            private = load_pem_private_key(pem, None)
            return _asymmetric(private.public_key(), private)
        if b"BEGIN CERTIFICATE-----" in pem:
            from cryptography import x509  # slow to load, and certificates are rare

            return _asymmetric(x509.load_pem_x509_certificate(pem).public_key(), None)
        return _asymmetric(load_pem_public_key(pem), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the PEM block is not an unencrypted RSA, EC, Ed25519 or Ed448 key") from None


def _asymmetric(public: Any, private: Any, kid: str | None = None) -> Key:
    match public:
        case rsa.RSAPublicKey():
            return Key(RSA, public, private, kid)
        case ec.EllipticCurvePublicKey() if public.curve.name in BY_CURVE:
            return Key((BY_CURVE[public.curve.name],), public, private, kid)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return Key(("EdDSA",), public, private, kid)
    raise ValueError("no algorithm is known for this kind of key")


def _from_jwk(member: object) -> Key:
    if not isinstance(member, dict):
        raise ValueError("it is not a JSON object")
    kind, kid, algorithm = member.get("kty"), member.get("kid"), member.get("alg")
    if not isinstance(kind, str) or kind not in BY_JWK_TYPE:
        raise ValueError(f"its type kty is {json.dumps(kind)}, not one of {', '.join(BY_JWK_TYPE)}")
    if kid is not None and not isinstance(kid, str):
        raise ValueError("its kid is not a text")
    if member.get("use", "sig") != "sig":
        raise ValueError("its use is not sig")
    try:
        material = ALGORITHMS[BY_JWK_TYPE[kind]].from_jwk(member)
    except (PyJWTError, ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm):
        raise ValueError(f"its {kind} parameters are incomplete or wrong") from None
    if isinstance(material, bytes):
        key = Key(HMAC, material, material, kid)
    elif hasattr(material, "public_key"):
        key = _asymmetric(material.public_key(), material, kid)
    else:
        key = _asymmetric(material, None, kid)
    if algorithm is None:
        return key
    if algorithm not in key.algorithms:
        raise ValueError(f"its alg {json.dumps(algorithm)} is not one for a key of type {kind}")
    return Key((algorithm,), key.verifying, key.signing, key.kid)
