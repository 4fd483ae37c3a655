"""Verified tokens are remembered, but never beyond what they stand for."""

from __future__ import annotations

import json

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.auth.authenticator import Authenticator
from autorest.auth.cache import TokenCache
from autorest.auth.identity import Identity
from autorest.errors import Refused
from tests.support.tokens import NOW, OTHER_SECRET, Settings, bearer, private_key, public_jwk


def code(authenticator: Authenticator, header: bytes, now: float = NOW) -> str:
    with pytest.raises(Refused) as caught:
        authenticator.authenticate(header, now)
    return caught.value.error.code


def test_a_token_is_verified_once() -> None:
    authenticator = Authenticator(Settings())
    header = bearer({"role": "author"})
    first = authenticator.authenticate(header, NOW)
    assert authenticator.authenticate(header, NOW) is first
    assert authenticator.authenticate(header.replace(b"Bearer", b"bearer"), NOW) is first
    assert (authenticator.cache.lookups, authenticator.cache.hits, len(authenticator.cache)) == (3, 2, 1)


def test_it_is_forgotten_when_it_expires() -> None:
    authenticator = Authenticator(Settings())
    header = bearer({"role": "author", "exp": NOW + 10})
    assert authenticator.authenticate(header, NOW + 40.9).role == "author"
    assert code(authenticator, header, NOW + 41) == "PGRST303"
    assert len(authenticator.cache) == 0


def test_only_accepted_tokens_are_remembered() -> None:
    authenticator = Authenticator(Settings())
    for header in (bearer({}, OTHER_SECRET), bearer({"exp": NOW - 99}), bearer({"aud": 5}), b"Bearer a.b.c"):
        code(authenticator, header)
    assert len(authenticator.cache) == 0


def test_without_a_cache_every_token_is_verified() -> None:
    authenticator = Authenticator(Settings(jwt_cache_max_entries=0))
    header = bearer({"role": "author"})
    assert authenticator.authenticate(header, NOW) == authenticator.authenticate(header, NOW)
    assert (len(authenticator.cache), authenticator.cache.hits) == (0, 0)


def test_anonymous_requests_do_not_ask_the_cache() -> None:
    authenticator = Authenticator(Settings())
    authenticator.authenticate(None, NOW)
    assert authenticator.cache.lookups == 0


@pytest.mark.parametrize(
    "changed",
    [
        Settings(jwt_secret=OTHER_SECRET),
        Settings(jwt_aud="mine"),
        Settings(jwt_role_claim_key="$.sub"),
        Settings(db_anon_role="other_anon"),
        Settings(jwt_default_role="api_user"),
        Settings(jwt_secret=None),
    ],
)
def test_changed_settings_empty_it(changed: Settings) -> None:
    authenticator = Authenticator(Settings())
    authenticator.authenticate(bearer({"role": "author"}), NOW)
    anyio.run(authenticator.reconfigure, changed)
    assert len(authenticator.cache) == 0


def test_a_changed_secret_decides_at_once() -> None:
    authenticator = Authenticator(Settings())
    old, new = bearer({"role": "author"}), bearer({"role": "author"}, private_key("ES256"), "ES256")
    authenticator.authenticate(old, NOW)
    anyio.run(authenticator.reconfigure, Settings(jwt_secret=json.dumps(public_jwk("ES256"))))
    assert code(authenticator, old) == "PGRST301"
    assert authenticator.authenticate(new, NOW).role == "author"


def test_a_changed_size_keeps_what_fits() -> None:
    authenticator = Authenticator(Settings())
    headers = [bearer({"role": "author", "n": number}) for number in range(5)]
    for header in headers:
        authenticator.authenticate(header, NOW)
    anyio.run(authenticator.reconfigure, Settings(jwt_cache_max_entries=2))
    assert len(authenticator.cache) == 2
    hits = authenticator.cache.hits
    for header in headers[3:]:
        authenticator.authenticate(header, NOW)
    assert authenticator.cache.hits == hits + 2


def test_settings_that_cannot_be_used_change_nothing() -> None:
    authenticator = Authenticator(Settings())
    header = bearer({"role": "author"})
    authenticator.authenticate(header, NOW)
    with pytest.raises(ValueError, match="has 5"):
        anyio.run(authenticator.reconfigure, Settings(jwt_secret="short", db_anon_role="other"))
    assert authenticator.authenticate(header, NOW).role == "author"
    assert authenticator.authenticate(None, NOW).role == "api_anon"
    assert authenticator.cache.hits == 1


@given(capacity=st.integers(0, 4), tokens=st.lists(st.binary(min_size=1, max_size=1), max_size=40))
def test_it_holds_the_most_recently_used(capacity: int, tokens: list[bytes]) -> None:
    cache, recent = TokenCache(capacity), list[bytes]()
    for token in tokens:
        known = token in recent
        assert (cache.find(token, NOW) is not None) == known
        if not known:
            cache.keep(token, Identity("r", b"{}", b"r", True), NOW + 1)
        recent = [kept for kept in recent if kept != token] + [token]
        recent = recent[len(recent) - min(len(recent), capacity) :]
        assert len(cache) == len(recent)
    assert cache.lookups == len(tokens)
    assert cache.evictions == (cache.lookups - cache.hits - len(cache) if capacity else 0)
