"""Tokens of our own."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from autorest.auth.authenticator import Authenticator
from autorest.auth.signer import Signer
from tests.support.tokens import NOW, OTHER_SECRET, SECRET, Settings, jwk, private_key, public_jwk


def issued(settings: Settings, role: str | None = "author", **claims: Any) -> tuple[str, dict[str, Any]]:
    token = Signer(settings).sign(role, claims, NOW, 60)
    identity = Authenticator(settings).authenticate(b"Bearer " + token.encode(), NOW)
    return identity.role, json.loads(identity.claims)


@pytest.mark.parametrize(
    ("algorithm", "secret"),
    [
        ("HS256", SECRET),
        ("HS512", json.dumps(jwk("HS512", SECRET.encode() * 2, alg="HS512"))),
        *[(name, json.dumps(jwk(name, private_key(name), kid="a"))) for name in ("RS256", "ES256", "ES512", "EdDSA")],
        ("PS256", json.dumps({"keys": [public_jwk("RS256", 1), jwk("RS256", private_key("RS256"), alg="PS256")]})),
    ],
)
def test_any_key_with_a_private_part_signs(algorithm: str, secret: str) -> None:
    settings = Settings(jwt_secret=secret)
    token = Signer(settings).sign("author", {}, NOW, 60)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert issued(settings, sub="7") == ("author", {"sub": "7", "iat": NOW, "exp": NOW + 60, "role": "author"})


def test_base64_secrets_sign_too() -> None:
    secret = base64.b64encode(b"\xff" * 32).decode()
    assert issued(Settings(jwt_secret=secret, jwt_secret_is_base64=True))[0] == "author"


def test_a_key_of_its_own_signs_where_the_secret_cannot() -> None:
    for secret in (json.dumps(public_jwk("RS256")), "https://idp.example.org/keys", None, ""):
        settings = Settings(jwt_secret=secret, auth_signing_key=OTHER_SECRET)
        assert issued(settings)[0] == "author"
        with pytest.raises(ValueError, match="no key to sign"):
            Signer(Settings(jwt_secret=secret))


def test_the_role_stands_where_the_path_looks_for_it() -> None:
    role, claims = issued(Settings(jwt_role_claim_key="$.app.meta.role"), app={"name": "x", "meta": 5})
    assert (role, claims["app"]) == ("author", {"name": "x", "meta": {"role": "author"}})
    for path in ("$.roles[0]", "$..role", ".roles[0]"):
        with pytest.raises(ValueError, match="path of names"):
            Signer(Settings(jwt_role_claim_key=path))


def test_the_audience_is_ours_unless_it_is_given() -> None:
    settings = Settings(jwt_aud="mine")
    assert issued(settings)[1]["aud"] == "mine"
    assert issued(settings, aud=["mine", "other"])[1]["aud"] == ["mine", "other"]


def test_without_a_role_or_a_lifetime_neither_is_claimed() -> None:
    token = Signer(Settings()).sign(None, {"sub": "7"}, NOW, None)
    assert jwt.decode(token, SECRET, ["HS256"]) == {"sub": "7", "iat": NOW}
