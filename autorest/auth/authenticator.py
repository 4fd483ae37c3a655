"""From the Authorization header to the role and claims of a request."""

from __future__ import annotations

import logging
from typing import NamedTuple

import orjson

from autorest.auth import refusals
from autorest.auth.cache import TokenCache
from autorest.auth.claims import Claims, check_claims, claims_text, parse_claims
from autorest.auth.identity import Identity, TokenSettings
from autorest.auth.jwks import ProviderKeys
from autorest.auth.keys import KeySet, is_url, parse_keys, secret_bytes, url_of
from autorest.auth.refusals import UnknownKey
from autorest.auth.role_path import MISSING, parse_role_path
from autorest.auth.token import bearer, verified_payload

logger = logging.getLogger("autorest.auth")


class _Policy(NamedTuple):
    """The settings that decide about a token: when any of them changes, nothing cached holds."""

    secret: bytes | None
    signing_key: bytes | None
    audience: str | None
    role_claim_key: str
    anonymous_role: str | None
    default_role: str | None


class Authenticator:
    """Tells who a request is made by, from its Authorization header.

    ValueError, in one line, when the settings cannot be used: a secret that is too short, a key that is none,
    a `jwt-role-claim-key` that is no JSONPath. When `jwt-secret` is a URL, `open` fetches the keys and keeps
    them fresh until `close`; otherwise the two do nothing.

    Two settings are read when the settings object has them: `jwt_default_role`, the role of a valid token that
    names none (the anonymous role, when it is None), and `auth_signing_key`, the key that our own login signs
    with, accepted beside those of `jwt_secret`.
    """

    def __init__(self, settings: TokenSettings) -> None:
        self.cache = TokenCache(settings.jwt_cache_max_entries)
        self.provider: ProviderKeys | None = None
        self._adopt(_policy(settings))

    async def open(self) -> None:
        """Fetch the provider's keys; a provider that is down is asked again in the background."""
        if self.provider is not None:
            await self.provider.open()

    async def close(self) -> None:
        """Stop asking the provider."""
        if self.provider is not None:
            await self.provider.close()

    async def reconfigure(self, settings: TokenSettings) -> None:
        """Follow changed settings; cached tokens are forgotten unless only the size of the cache changed.

        ValueError, and nothing is changed, when the new settings cannot be used.
        """
        policy = _policy(settings)
        self.cache.resize(settings.jwt_cache_max_entries)
        if policy == self._policy:
            return
        provider = self.provider
        self._adopt(policy)
        if self.provider is not provider:
            if provider is not None:
                await provider.close()
            await self.open()

    def authenticate(self, authorization: bytes | None, now: float) -> Identity:
        """Return whom a request is made by; `now` is in seconds since the epoch.

        Raises Refused: PGRST300 without a `jwt-secret`, PGRST301 for a token that is malformed or signed with
        another key (its subclass UnknownKey where fetching the provider's keys may help), PGRST302 without a
        token or a role in it while there is no anonymous role, PGRST303 for its claims.
        """
        token = None if authorization is None else bearer(authorization)
        if token is None:
            if self._anonymous is None:
                raise refusals.token_required()
            return self._anonymous
        return self.cache.find(token, now) or self._verify(token, now)

    def recognize(self, authorization: bytes | None, now: float) -> Identity | None:
        """Return whom a request is made by, None where that takes verifying a token or is refused."""
        token = None if authorization is None else bearer(authorization)
        return self._anonymous if token is None else self.cache.find(token, now)

    async def authenticate_patiently(self, authorization: bytes | None, now: float) -> Identity:
        """Do as `authenticate`, fetching the provider's keys once when the token's key is not known yet."""
        try:
            return self.authenticate(authorization, now)
        except UnknownKey:
            if self.provider is None or not await self.provider.fetch_for_unknown_key():
                raise
        return self.authenticate(authorization, now)

    def _verify(self, token: bytes, now: float) -> Identity:
        if self.provider is None and not self._keys.keys:
            raise refusals.no_secret()
        try:
            payload = verified_payload(token, self._keys)
        except UnknownKey:
            if self.provider is not None and self.provider.current is None:
                raise refusals.keys_not_loaded() from None
            raise
        claims = parse_claims(payload)
        end = check_claims(claims, now, self._policy.audience)
        role = self._role(claims)
        identity = Identity(role, claims_text(payload, claims, role), role.encode(), True)
        self.cache.keep(token, identity, end)
        return identity

    def _role(self, claims: Claims) -> str:
        found = self._role_path.find(claims)
        if found is MISSING:
            role = self._policy.default_role or self._policy.anonymous_role
            if role is None:
                raise refusals.token_required()
            return role
        role = found if isinstance(found, str) else orjson.dumps(found).decode()
        if role == "none" or "\0" in role:
            # SET ROLE none would let the request run as the role the gateway connects as.
            raise refusals.unknown_role(role.replace("\0", ""))
        return role

    def _adopt(self, policy: _Policy) -> None:
        role_path = parse_role_path(policy.role_claim_key)
        own = KeySet(()) if policy.signing_key is None else parse_keys(policy.signing_key)
        provider = None
        if policy.secret is not None and is_url(policy.secret):
            url = url_of(policy.secret)
            provider = self.provider if self.provider is not None and self.provider.url == url else None
            provider = provider or ProviderKeys(url, self._combine_keys)
        elif policy.secret is not None:
            own = parse_keys(policy.secret) + own
        self._policy, self._role_path, self._own_keys, self.provider = policy, role_path, own, provider
        self._anonymous = None if policy.anonymous_role is None else _anonymous(policy.anonymous_role)
        self._combine_keys()
        for reason in own.ignored:
            logger.warning("of the keys in jwt-secret one is ignored: %s", reason)

    def _combine_keys(self) -> None:
        fetched = None if self.provider is None else self.provider.current
        self._keys = self._own_keys if fetched is None else fetched + self._own_keys
        self.cache.clear()


def _policy(settings: TokenSettings) -> _Policy:
    signing_key = getattr(settings, "auth_signing_key", None)
    return _Policy(
        secret_bytes(settings.jwt_secret, settings.jwt_secret_is_base64) if settings.jwt_secret else None,
        secret_bytes(signing_key, False) if signing_key else None,
        settings.jwt_aud or None,
        settings.jwt_role_claim_key,
        settings.db_anon_role or None,
        getattr(settings, "jwt_default_role", None) or None,
    )


def _anonymous(role: str) -> Identity:
    return Identity(role, orjson.dumps({"role": role}), role.encode(), False)
