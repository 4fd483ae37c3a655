"""Who a request is made by: what the verification of a token results in."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Identity(NamedTuple):
    """The role a request runs as, and the claims that SQL reads in `request.jwt.claims`.

    `claims` is the JSON text (UTF-8) of the token's claims with `role` among them. `role_bytes` is
    `role` in UTF-8, for the wire. `authenticated` tells a request with a valid token from one without.
    """

    role: str
    claims: bytes
    role_bytes: bytes
    authenticated: bool


class ClaimSettings(Protocol):
    """The settings that tokens, whoever signs them, are made and read by."""

    @property
    def jwt_secret(self) -> str | bytes | None: ...
    @property
    def jwt_secret_is_base64(self) -> bool: ...
    @property
    def jwt_aud(self) -> str | None: ...
    @property
    def jwt_role_claim_key(self) -> str: ...


class TokenSettings(ClaimSettings, Protocol):
    """The settings that decide which tokens are accepted, and as whom."""

    @property
    def jwt_cache_max_entries(self) -> int: ...
    @property
    def db_anon_role(self) -> str | None: ...
