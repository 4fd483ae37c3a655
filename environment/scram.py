"""SCRAM-SHA-256 verifiers as PostgreSQL and pgBouncer store them (RFC 5802, RFC 7677, RFC 4013)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata

ITERATIONS = 4096
_SALT_BYTES = 16
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(password: str) -> str:
    """Return `password` prepared by RFC 4013.

    A password that the profile prohibits is returned as it is: PostgreSQL does the same (scram-common),
    on both sides, so that such a password still works.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared or any(table(character) for character in prepared for table in _PROHIBITED):
        return password
    if any(stringprep.in_table_a1(character) for character in prepared):
        return password
    if any(map(stringprep.in_table_d1, prepared)):
        ends_right_to_left = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends_right_to_left or any(map(stringprep.in_table_d2, prepared)):
            return password
    return prepared


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, with a fresh salt unless one is given."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def verifies(stored: str, password: str) -> bool:
    """Tell whether `stored` is a verifier of `password`; anything that is no verifier is not."""
    parts = _VERIFIER.fullmatch(stored)
    if parts is None:
        return False
    try:
        salt = base64.b64decode(parts[2], validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(stored, verifier(password, salt, int(parts[1])))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
