"""Which tokens are accepted, and how the others are refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import CertificateBuilder, Name, random_serial_number
from hypothesis import given
from hypothesis import strategies as st

from autorest.auth.authenticator import Authenticator
from autorest.errors import Refused
from tests.support.tokens import (
    NOW,
    OTHER_SECRET,
    SECRET,
    Settings,
    base64url,
    bearer,
    jwk,
    private_key,
    public_jwk,
    signed,
    signed_bytes,
)

ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA"]
AUTHOR = {"role": "author", "sub": "7"}


def challenge(description: str) -> tuple[tuple[str, str], ...]:
    return (("WWW-Authenticate", f'Bearer error="invalid_token", error_description="{description}"'),)


def refused(authorization: bytes | None, now: float = NOW, **settings: Any) -> tuple[int, str, Any]:
    with pytest.raises(Refused) as caught:
        Authenticator(Settings(**settings)).authenticate(authorization, now)
    error = caught.value.error
    assert error.message and set(error.body()) == {"code", "message", "details", "hint"}
    return error.status, error.code, error.headers


def accepted(authorization: bytes | None, now: float = NOW, **settings: Any) -> tuple[str, dict[str, Any]]:
    identity = Authenticator(Settings(**settings)).authenticate(authorization, now)
    claims = json.loads(identity.claims)
    assert claims["role"] == identity.role == identity.role_bytes.decode()
    return identity.role, claims


@pytest.mark.parametrize("header", [None, b"Basic dXNlcjpwYXNz", b"", b"Bearertoken"])
def test_without_a_bearer_token_the_request_is_anonymous(header: bytes | None) -> None:
    identity = Authenticator(Settings()).authenticate(header, NOW)
    assert identity == ("api_anon", b'{"role":"api_anon"}', b"api_anon", False)


def test_without_an_anonymous_role_a_token_is_required() -> None:
    required = (401, "PGRST302", (("WWW-Authenticate", "Bearer"),))
    assert refused(None, db_anon_role=None) == required
    assert refused(bearer({"sub": "7"}), db_anon_role=None) == required


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   ", b"Bearer\t"])
def test_the_scheme_is_matched_in_any_case(scheme: bytes) -> None:
    assert accepted(scheme + signed(AUTHOR)) == ("author", AUTHOR)


@pytest.mark.parametrize("header", [b"Bearer ", b"Bearer", b"bearer   "])
def test_an_empty_token(header: bytes) -> None:
    assert refused(header) == (401, "PGRST301", challenge("Empty JWT is sent in Authorization header"))


@pytest.mark.parametrize(("token", "count"), [(b"x", 1), (b"a.b", 2), (b"a.b.c.d", 4), (b"a.b.c.d.e", 5), (b"...", 4)])
def test_a_token_that_has_not_three_parts(token: bytes, count: int) -> None:
    assert refused(b"Bearer " + token) == (401, "PGRST301", challenge(f"Expected 3 parts in JWT; got {count}"))


@pytest.mark.parametrize(
    "token",
    [
        b"..",
        b"a.b.c",
        b"!!.!!.!!",
        signed(AUTHOR) + b"=",
        signed(AUTHOR) + b" ",
        b"\xff" + signed(AUTHOR),
        signed_bytes(b"not json", b"{}"),
        signed_bytes(b"[]", b"{}"),
        signed_bytes(b'"HS256"', b"{}"),
        signed_bytes({}, b"{}"),
        signed_bytes({"alg": None}, b"{}"),
        signed_bytes({"alg": 5}, b"{}"),
        signed_bytes({"alg": "hs256"}, b"{}"),
        signed_bytes({"alg": "NONE"}, b"{}"),
        signed_bytes({"alg": "HS256", "kid": 5}, b"{}"),
        signed_bytes({"alg": "HS256", "crit": ["b64"], "b64": False}, b'{"role":"author"}'),
        signed_bytes(b"[" * 100_000, b"{}"),
    ],
)
def test_a_malformed_token(token: bytes) -> None:
    assert refused(b"Bearer " + token) == (401, "PGRST301", challenge("JWT cryptographic operation failed"))


def test_an_unsigned_token() -> None:
    unsigned = base64url(b'{"typ":"JWT","alg":"none"}') + b"." + base64url(b'{"role":"author"}') + b"."
    wanted = (401, "PGRST301", challenge("Wrong or unsupported encoding algorithm"))
    assert refused(b"Bearer " + unsigned) == wanted
    assert refused(b"Bearer " + signed_bytes({"alg": "none"}, b'{"role":"author"}')) == wanted


def test_another_signature() -> None:
    wanted = (401, "PGRST301", challenge("No suitable key or wrong key type"))
    token = signed(AUTHOR)
    assert refused(bearer(AUTHOR, OTHER_SECRET)) == wanted
    assert refused(b"Bearer " + token[: token.rindex(b".") + 1]) == wanted
    head, _, tail = token.split(b".")
    assert refused(b"Bearer " + head + b"." + base64url(b'{"role":"postgres"}') + b"." + tail) == wanted


def test_without_a_secret_a_token_cannot_be_verified() -> None:
    assert refused(bearer(AUTHOR), jwt_secret=None) == (500, "PGRST300", ())
    assert refused(bearer(AUTHOR), jwt_secret="") == (500, "PGRST300", ())
    assert accepted(None, jwt_secret=None)[0] == "api_anon"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_text_secret(algorithm: str) -> None:
    secret = SECRET * 2
    assert accepted(bearer(AUTHOR, secret, algorithm), jwt_secret=secret) == ("author", AUTHOR)
    assert accepted(bearer(AUTHOR, secret, algorithm), jwt_secret=secret.encode()) == ("author", AUTHOR)


def test_a_base64_secret_in_either_alphabet() -> None:
    secret = b"\xfb\xff" * 16 + b"x"
    standard, urlsafe = base64.b64encode(secret), base64.urlsafe_b64encode(secret)
    for text in (standard, urlsafe, urlsafe.replace(b"=", b"."), standard + b"\n"):
        settings: dict[str, Any] = {"jwt_secret": text.decode(), "jwt_secret_is_base64": True}
        assert accepted(bearer(AUTHOR, secret), **settings) == ("author", AUTHOR)


def test_a_base64_secret_may_be_a_key() -> None:
    encoded = base64.b64encode(json.dumps(public_jwk("RS256")).encode()).decode()
    header = bearer(AUTHOR, private_key("RS256"), "RS256")
    assert accepted(header, jwt_secret=encoded, jwt_secret_is_base64=True) == ("author", AUTHOR)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
@pytest.mark.parametrize("form", ["jwk", "private jwk", "set", "pem", "certificate or private pem"])
def test_asymmetric_keys(algorithm: str, form: str) -> None:
    key = private_key(algorithm)
    match form:
        case "jwk":
            secret = json.dumps(public_jwk(algorithm))
        case "private jwk":
            secret = json.dumps(jwk(algorithm, key))
        case "set":
            secret = json.dumps({"keys": [public_jwk(algorithm, 1), public_jwk(algorithm, alg=algorithm, use="sig")]})
        case "pem":
            secret = (
                key.public_key()
                .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
                .decode()
            )
        case _ if algorithm == "RS256":
            secret = certificate(key)
        case _:
            secret = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
    header = bearer(AUTHOR, key, algorithm)
    assert accepted(header, jwt_secret=secret) == ("author", AUTHOR)
    stranger = bearer(AUTHOR, private_key(algorithm, 2), algorithm)
    assert refused(stranger, jwt_secret=secret)[:2] == (401, "PGRST301")


def certificate(key: Any) -> str:
    start = datetime.now(UTC)
    made = CertificateBuilder(Name([]), Name([]), key.public_key(), random_serial_number(), start, start + timedelta(1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_ed448() -> None:
    header = bearer(AUTHOR, private_key("Ed448"), "EdDSA")
    assert accepted(header, jwt_secret=json.dumps(public_jwk("Ed448"))) == ("author", AUTHOR)


def test_a_public_key_is_never_a_shared_secret() -> None:
    public = private_key("RS256").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    document = json.dumps(public_jwk("RS256"))
    for secret in (pem, document):
        for guess in (pem, pem.strip(), document, public_jwk("RS256")["n"]):
            forged = b"Bearer " + signed_bytes({"alg": "HS256"}, b'{"role":"author"}', guess)
            assert refused(forged, jwt_secret=secret)[:2] == (401, "PGRST301")


def test_the_key_decides_its_algorithms() -> None:
    key = private_key("RS256")
    only = json.dumps(public_jwk("RS256", alg="RS256"))
    assert accepted(bearer(AUTHOR, key, "RS256"), jwt_secret=only)[0] == "author"
    for algorithm in ("RS384", "PS256"):
        wanted = (401, "PGRST301", challenge("No suitable key or wrong key type"))
        assert refused(bearer(AUTHOR, key, algorithm), jwt_secret=only) == wanted


def test_a_key_id_chooses_the_key() -> None:
    keys = [public_jwk("ES256", 0, kid="old"), public_jwk("ES256", 1, kid="new"), public_jwk("ES256", 2)]
    secret = json.dumps({"keys": keys})
    for number, kid in ((0, "old"), (1, "new")):
        assert accepted(bearer(AUTHOR, private_key("ES256", number), "ES256", kid=kid), jwt_secret=secret)
    for number, kid in ((0, "new"), (1, "old"), (2, "third"), (0, "")):
        header = bearer(AUTHOR, private_key("ES256", number), "ES256", kid=kid)
        assert refused(header, jwt_secret=secret)[:2] == (401, "PGRST301")
    for number in range(3):
        assert accepted(bearer(AUTHOR, private_key("ES256", number), "ES256"), jwt_secret=secret)


def test_a_key_id_does_not_fit_a_text_secret() -> None:
    assert refused(bearer(AUTHOR, kid="any"))[:2] == (401, "PGRST301")


@pytest.mark.parametrize(
    ("payload", "description"),
    [(b"", "Parsing claims failed"), (b"[]", "Parsing claims failed"), (b"nonsense", "Parsing claims failed")]
    + [(b'{"exp":NaN}', "Parsing claims failed"), (b'{"role":"\xff"}', "Parsing claims failed")]
    + [(b'{"a":' * 2000, "Parsing claims failed"), (b'{"role":"\\ud800"}', "Parsing claims failed")]
    + [
        (f'{{"{name}":{value}}}'.encode(), f"The JWT '{name}' claim must be a number")
        for name in ("exp", "nbf", "iat")
        for value in ('"1750000000"', "true", "[1]", "{}")
    ]
    + [
        (f'{{"aud":{value}}}'.encode(), "The JWT 'aud' claim must be a string or an array of strings")
        for value in ("5", "true", '{"a":"b"}', '["a",5]', "[null]")
    ],
)
def test_claims_of_another_kind(payload: bytes, description: str) -> None:
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, payload)
    assert refused(header) == (401, "PGRST303", challenge(description))


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_numbers_beyond_all_measure(number: str) -> None:
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, f'{{"exp":{number}}}'.encode())
    assert refused(header)[:2] == (401, "PGRST303")


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        ({"exp": NOW - 31}, "JWT expired"),
        ({"exp": NOW - 30.5}, "JWT expired"),
        ({"exp": -(10**30)}, "JWT expired"),
        ({"nbf": NOW + 31}, "JWT not yet valid"),
        ({"nbf": NOW + 30.5}, "JWT not yet valid"),
        ({"iat": NOW + 31}, "JWT issued at future"),
        ({"iat": 10**30}, "JWT issued at future"),
        ({"exp": NOW - 31, "nbf": NOW + 31, "iat": NOW + 31}, "JWT expired"),
        ({"nbf": NOW + 31, "iat": NOW + 31, "aud": 5}, "JWT not yet valid"),
    ],
)
def test_times_beyond_the_leeway(claims: dict[str, Any], description: str) -> None:
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, json.dumps(claims).encode())
    assert refused(header) == (401, "PGRST303", challenge(description))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 30},
        {"exp": NOW + 0.5},
        {"exp": 10**30},
        {"exp": None, "nbf": None, "iat": None, "aud": None},
        {"nbf": NOW + 30},
        {"iat": NOW + 30},
        {"exp": NOW + 10, "nbf": NOW - 10, "iat": NOW - 10},
    ],
)
def test_times_within_the_leeway(claims: dict[str, Any]) -> None:
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, json.dumps({"role": "author"} | claims).encode())
    assert accepted(header)[0] == "author"
    assert accepted(header, NOW + 0.9)[0] == "author"


@pytest.mark.parametrize("audience", ["mine", ["mine"], ["other", "mine"], [], None, "absent"])
def test_the_audience(audience: Any) -> None:
    claims = {"role": "author"} | ({} if audience == "absent" else {"aud": audience})
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, json.dumps(claims).encode())
    assert accepted(header, jwt_aud="mine")[0] == "author"


@pytest.mark.parametrize("audience", ["", "other", "mine ", ["other"], [""], ["Mine"]])
def test_another_audience(audience: Any) -> None:
    header = bearer({"role": "author", "aud": audience})
    assert refused(header, jwt_aud="mine") == (401, "PGRST303", challenge("JWT not in audience"))
    assert accepted(header)[0] == "author"


def test_claims_keep_the_numbers_they_came_with() -> None:
    for payload, wanted in [
        (b'{"role":"author","n":12345678901234567890123, "x":1.10 }\n', None),
        (b' {"n":12345678901234567890123,"x":1.10 } ', b' {"n":12345678901234567890123,"x":1.10,"role":"api_anon"}'),
        (b"{ }", b'{"role":"api_anon"}'),
    ]:
        header = b"Bearer " + signed_bytes({"alg": "HS256"}, payload)
        assert Authenticator(Settings()).authenticate(header, NOW).claims == (wanted or payload)


def test_the_role_in_the_claims_is_the_one_in_force() -> None:
    token = bearer({"role": "listed", "app": {"role": "author"}, "sub": "7"})
    wanted = {"role": "author", "app": {"role": "author"}, "sub": "7"}
    assert accepted(token, jwt_role_claim_key="$.app.role") == ("author", wanted)


def test_a_token_that_names_no_role() -> None:
    assert accepted(bearer({"sub": "7"})) == ("api_anon", {"sub": "7", "role": "api_anon"})
    assert accepted(bearer({"sub": "7"}), jwt_default_role="api_user")[0] == "api_user"
    assert accepted(bearer(AUTHOR), jwt_default_role="api_user")[0] == "author"
    assert accepted(None, jwt_default_role="api_user")[0] == "api_anon"
    authenticator = Authenticator(Settings())
    assert authenticator.authenticate(bearer({"sub": "7"}), NOW).authenticated
    assert not authenticator.authenticate(None, NOW).authenticated


@pytest.mark.parametrize(
    ("value", "role"), [(5, "5"), (None, "null"), (True, "true"), (["a"], '["a"]'), ("ä'\"", "ä'\"")]
)
def test_a_role_that_is_not_a_text_is_its_json(value: Any, role: str) -> None:
    assert accepted(bearer({"role": value}))[0] == role


@pytest.mark.parametrize("role", ["none", "api\0_user", "\0"])
def test_a_role_that_would_mean_something_else_to_postgresql(role: str) -> None:
    assert refused(bearer({"role": role})) == (401, "22023", (("WWW-Authenticate", "Bearer"),))


def test_a_signing_key_of_our_own_is_accepted_beside_the_secret() -> None:
    settings: dict[str, Any] = {"jwt_secret": json.dumps(public_jwk("RS256")), "auth_signing_key": OTHER_SECRET}
    assert accepted(bearer(AUTHOR, OTHER_SECRET), **settings)[0] == "author"
    assert accepted(bearer(AUTHOR, private_key("RS256"), "RS256"), **settings)[0] == "author"
    assert refused(bearer(AUTHOR, SECRET), **settings)[:2] == (401, "PGRST301")
    assert accepted(bearer(AUTHOR, OTHER_SECRET), jwt_secret=None, auth_signing_key=OTHER_SECRET)[0] == "author"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jwt_secret": "x" * 31}, "has 31"),
        ({"jwt_secret": "no base64!", "jwt_secret_is_base64": True}, "base64"),
        ({"jwt_secret": base64.b64encode(b"short").decode(), "jwt_secret_is_base64": True}, "has 5"),
        ({"jwt_secret": '{"kty":"RSA","n":"AQAB"}'}, "RSA parameters"),
        ({"jwt_secret": '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}'}, "EC parameters"),
        ({"jwt_secret": '{"kty":"EC","crv":"P-257","x":"AA","y":"AA"}'}, "EC parameters"),
        ({"jwt_secret": '{"kty":"oct","k":""}'}, "oct parameters"),
        ({"jwt_secret": '{"kty":"oct","k":5}'}, "oct parameters"),
        ({"jwt_secret": '{"kty":["oct"],"k":"AAAA"}'}, "kty"),
        ({"jwt_secret": '{"kty":"DSA"}'}, "kty"),
        ({"jwt_secret": '{"something":"else, of more than 32 bytes"}'}, "kty"),
        ({"jwt_secret": '{"keys":{}}'}, "keys"),
        ({"jwt_secret": '{"keys":[]}'}, "no usable key"),
        ({"jwt_secret": '{"keys":["x",{"kty":"DSA"}]}'}, "key 1"),
        ({"jwt_secret": json.dumps(public_jwk("RS256", alg="HS256"))}, "alg"),
        ({"jwt_secret": json.dumps(public_jwk("RS256", alg=["RS256"]))}, "alg"),
        ({"jwt_secret": json.dumps(public_jwk("RS256", kid=5))}, "kid"),
        ({"jwt_secret": json.dumps(public_jwk("RS256", use="enc"))}, "use"),
        ({"jwt_secret": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}, "PEM"),
        ({"jwt_secret": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "PEM"),
        ({"jwt_secret": json.dumps(public_jwk("RS256")) + ","}, "neither"),
        ({"jwt_secret": json.dumps({"keys": [public_jwk("RS256")]}, indent=1)[:-1]}, "neither"),
        ({"jwt_secret": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG8C0000000000000000000000000000 me"}, "neither"),
        ({"jwt_secret": "https://"}, "URL"),
        ({"jwt_secret": "http://[::1/keys"}, "URL"),
        ({"auth_signing_key": "short"}, "has 5"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Authenticator(replace(Settings(), **changes))
    assert "\n" not in str(caught.value)


def test_a_key_set_may_hold_keys_of_other_kinds(caplog: pytest.LogCaptureFixture) -> None:
    members = [{"kty": "future"}, public_jwk("RS256", use="enc"), public_jwk("ES256")]
    settings = Settings(jwt_secret=json.dumps({"keys": members}))
    identity = Authenticator(settings).authenticate(bearer(AUTHOR, private_key("ES256"), "ES256"), NOW)
    assert identity.role == "author"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


EVERY_KIND = json.dumps(
    {"keys": [public_jwk(name) for name in ("RS256", "ES256", "EdDSA")] + [jwk("HS256", SECRET.encode())]}
)
GENUINE, FORGED = signed(AUTHOR), signed(AUTHOR, OTHER_SECRET)
TOKENLIKE = st.one_of(
    st.binary(max_size=200),
    st.lists(st.binary(max_size=60).map(base64url), min_size=1, max_size=5).map(b".".join),
    st.tuples(
        st.dictionaries(st.sampled_from(["alg", "kid", "typ", "enc", "crit"]), st.text(max_size=6) | st.integers()),
        st.binary(max_size=60),
    ).map(lambda parts: signed_bytes(*parts, OTHER_SECRET)),
    st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=3))
    .map(lambda change: FORGED[: change[0]] + change[1] + GENUINE[change[0] :])
    .filter(lambda token: token.lstrip() != GENUINE),
)


@given(token=TOKENLIKE)
def test_whatever_is_sent_as_a_token_is_refused_as_one(token: bytes) -> None:
    for secret in (SECRET, EVERY_KIND):
        with pytest.raises(Refused) as caught:
            Authenticator(Settings(jwt_secret=secret)).authenticate(b"Bearer " + token, NOW)
        assert (caught.value.error.status, caught.value.error.code) == (401, "PGRST301")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CLAIM_NAMES = st.sampled_from(["role", "exp", "nbf", "iat", "aud", "sub", "roles"]) | st.text()


@given(
    claims=JSON | st.dictionaries(CLAIM_NAMES, JSON, max_size=6),
    path=st.sampled_from(
        ["$.role", "$..role", "$.roles[?@ != 'a']", "$.roles[0]", "$", ".role", '.roles[?(@ ^== "")]']
    ),
    audience=st.none() | st.text(min_size=1),
)
def test_whatever_is_claimed_is_answered_with_an_identity_or_a_refusal(
    claims: Any, path: str, audience: str | None
) -> None:
    payload = json.dumps(claims).encode()
    settings = Settings(jwt_role_claim_key=path, jwt_aud=audience)
    header = b"Bearer " + signed_bytes({"alg": "HS256"}, payload)
    try:
        identity = Authenticator(settings).authenticate(header, NOW)
    except Refused as refusal:
        assert (refusal.error.status, refusal.error.code) in {(401, "PGRST303"), (401, "22023")}
    else:
        assert json.loads(identity.claims) == claims | {"role": identity.role}
