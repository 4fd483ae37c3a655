"""Logging in, staying logged in, and logging out."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import anyio
import jwt
import psycopg
import pytest
from argon2 import PasswordHasher

from autorest.auth import passwords
from autorest.auth.authenticator import Authenticator
from autorest.auth.login import _RefreshToken
from autorest.auth.passwords import hash_password
from tests.integration.auth.conftest import DATABASE, INIT, Connect, Database
from tests.support.pooler import Pooler
from tests.support.skips import available
from tests.support.tokens import SECRET, Settings, bearer, jwk, private_key

pytestmark = pytest.mark.anyio
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
EMAIL, PASSWORD, WRONG = "Ada@Example.org", "correct horse battery", "wrong horse battery"


@pytest.fixture
def ada(database: Database) -> str:
    """A user, and their id."""
    ((user_id,),) = database.rows(
        "insert into auth.users (email, password_hash, role) values (%s, %s, 'api_user') returning id::text",
        EMAIL,
        hash_password(PASSWORD),
    )
    return str(user_id)


def claims_of(answer: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the claims of an access token that the gateway accepts."""
    header = f"Bearer {answer['access_token']}".encode()
    identity = Authenticator(Settings(**settings)).authenticate(header, time.time())
    claims: dict[str, Any] = json.loads(identity.claims)
    assert identity.authenticated and claims["role"] == identity.role
    return claims


async def test_a_login_answers_tokens_that_the_gateway_accepts(connect: Connect, ada: str) -> None:
    client = await connect()
    for email in (EMAIL, EMAIL.lower(), EMAIL.upper()):
        answer = await client.log_in(email, PASSWORD)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
        claims = claims_of(body)
        assert (claims["sub"], claims["email"], claims["role"]) == (ada, EMAIL, "api_user")
        assert claims["exp"] - claims["iat"] == 900 and abs(claims["iat"] - time.time()) < 30


async def test_the_form_of_oauth(connect: Connect, ada: str) -> None:
    client = await connect()
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD, "scope": "", "client_id": ""}
    answer = await client.post("/auth/login", data=form)
    assert answer.status_code == 200 and claims_of(answer.json())["sub"] == ada
    renewal = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert (await client.post("/auth/login", data=renewal)).status_code == 200
    refused = await client.post("/auth/login", data=form | {"password": WRONG})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")
    assert refused.json()["error_description"] == refused.json()["message"]
    unknown = await client.post("/auth/login", data={"grant_type": "client_credentials"})
    assert (unknown.status_code, unknown.json()["error"]) == (400, "invalid_request")


async def test_unknown_wrong_and_disabled_are_refused_alike(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    wrong = await client.log_in(EMAIL, WRONG)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "AUTH401")
    assert wrong.headers["www-authenticate"] == "Bearer"
    unknown = await client.log_in("bob@example.org", PASSWORD)
    database.rows("update auth.users set disabled = true returning id")
    disabled = await client.log_in(EMAIL, PASSWORD)
    assert wrong.json() == unknown.json() == disabled.json()
    assert wrong.headers == unknown.headers == disabled.headers


async def test_an_unknown_user_costs_as_much_as_a_wrong_password(
    connect: Connect, database: Database, ada: str, quick_hashes: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", quick_hashes)
    database.rows("update auth.users set password_hash = %s returning id", hash_password(PASSWORD))
    client = await connect()
    took: dict[str, list[float]] = {EMAIL: [], "bob@example.org": []}
    await client.log_in(EMAIL, WRONG)
    for _ in range(7):
        for email, times in took.items():
            database.rows("delete from auth.attempts returning key")
            start = time.perf_counter()
            assert (await client.log_in(email, WRONG)).status_code == 401
            times.append(time.perf_counter() - start)
    known, unknown = (min(times) for times in took.values())
    # Skipping the hash would make it a tenth.
    assert 0.5 < known / unknown < 2


async def test_ten_wrong_passwords_slow_an_account_down(connect: Connect, database: Database, ada: str) -> None:
    for number in range(10):
        client = await connect(f"192.0.2.{number + 1}")
        assert (await client.log_in(EMAIL, WRONG)).status_code == 401
    client = await connect("192.0.2.99")
    for password in (WRONG, PASSWORD):
        slowed = await client.log_in(EMAIL.lower(), password)
        assert (slowed.status_code, slowed.json()["code"]) == (429, "AUTH429")
        assert 28 <= int(slowed.headers["retry-after"]) <= 30
    assert (await client.log_in("bob@example.org", WRONG)).status_code == 401
    pass_time(database, 31)
    assert (await client.log_in(EMAIL, WRONG)).status_code == 401
    assert 58 <= int((await client.log_in(EMAIL, WRONG)).headers["retry-after"]) <= 60
    pass_time(database, 61)
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200
    assert (await client.log_in(EMAIL, WRONG)).status_code == 401
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200


async def test_ten_wrong_passwords_slow_an_address_down(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    for number in range(10):
        assert (await client.log_in(f"user{number}@example.org", WRONG)).status_code == 401
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 429
    elsewhere = await connect("192.0.2.2")
    assert (await elsewhere.log_in(EMAIL, PASSWORD)).status_code == 200
    pass_time(database, 3601)
    for _ in range(12):
        assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200


async def test_who_is_slowed_down_fills_no_table(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    for number in range(10):
        await client.log_in(f"user{number}@example.org", WRONG)
    before = database.rows("select count(*) from auth.attempts")
    for number in range(10):
        assert (await client.log_in(f"another{number}@example.org", WRONG)).status_code == 429
    assert database.rows("select count(*) from auth.attempts") == before


async def test_a_login_of_ones_own_does_not_buy_more_guesses(connect: Connect, ada: str) -> None:
    client = await connect()
    statuses = []
    for number in range(12):
        statuses.append((await client.log_in(f"user{number}@example.org", WRONG)).status_code)
        await client.log_in(EMAIL, PASSWORD)
    assert statuses == [401] * 10 + [429] * 2


async def test_guesses_at_once_are_not_more_than_ten(connect: Connect, ada: str) -> None:
    client = await connect()
    statuses: list[int] = []

    async def guess() -> None:
        statuses.append((await client.log_in(EMAIL, WRONG)).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(25):
            group.start_soon(guess)
    assert sorted(statuses) == [401] * 10 + [429] * 15


async def test_many_users_at_once_from_one_address(connect: Connect, database: Database) -> None:
    database.rows(
        "insert into auth.users (email, password_hash, role)"
        " select 'user' || n || '@example.org', %s, 'api_user' from generate_series(1, 9) n returning id",
        hash_password(PASSWORD),
    )
    client = await connect()
    statuses: list[int] = []

    async def use(number: int) -> None:
        for _ in range(3):
            statuses.append((await client.log_in(f"user{number}@example.org", PASSWORD)).status_code)

    async with anyio.create_task_group() as group:
        for number in range(1, 10):
            group.start_soon(use, number)
    assert statuses == [200] * 27


def pass_time(database: Database, seconds: int) -> None:
    """Make the attempts that were counted `seconds` older."""
    database.rows(
        "update auth.attempts set last_at = last_at - %s * interval '1 second',"
        " blocked_until = blocked_until - %s * interval '1 second' returning key",
        seconds,
        seconds,
    )


async def test_the_address_behind_a_proxy(connect: Connect, ada: str) -> None:
    client = await connect("10.0.0.2", auth_trusted_proxies=("10.0.0.0/8",))

    async def guess(forwarded: str) -> int:
        body = {"email": f"{forwarded}@example.org".replace(" ", "").replace(",", ""), "password": WRONG}
        answer = await client.post("/auth/login", json=body, headers={"X-Forwarded-For": forwarded})
        return answer.status_code

    assert [await guess(f"198.51.100.{number}, 192.0.2.7") for number in range(11)] == [401] * 10 + [429]
    assert await guess("192.0.2.8") == 401
    assert await guess("192.0.2.7, 10.0.0.3") == 429


async def test_a_user_has_at_most_a_hundred_sessions(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    first, second = [(await client.log_in(EMAIL, PASSWORD)).json()["refresh_token"] for _ in range(2)]
    database.rows(
        "insert into auth.sessions (user_id, secret_hash, renewed_at, expires_at)"
        " select %s, '', now() - interval '1 h', now() + interval '1 h' from generate_series(1, 98) returning 1",
        ada,
    )
    oldest = _RefreshToken.parse(first)
    assert oldest is not None
    database.rows(
        "update auth.sessions set renewed_at = now() - interval '1 day' where id = %s returning 1", oldest.session
    )
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200
    assert database.rows("select count(*) from auth.sessions") == [(100,)]
    answers = [await client.post("/auth/refresh", json={"refresh_token": token}) for token in (first, second)]
    assert [answer.status_code for answer in answers] == [401, 200]


async def test_refresh_tokens_rotate(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    first = (await client.log_in(EMAIL, PASSWORD)).json()
    database.rows("update auth.users set role = 'api_anon' returning id")
    second = await client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    claims = claims_of(second.json())
    assert (claims["sub"], claims["role"]) == (ada, "api_anon")
    assert second.json()["refresh_token"] != first["refresh_token"]
    third = await client.post("/auth/refresh", json={"refresh_token": second.json()["refresh_token"]})
    assert third.status_code == 200


async def test_a_refresh_token_used_twice_ends_its_session(
    connect: Connect, ada: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect()
    stolen = (await client.log_in(EMAIL, PASSWORD)).json()["refresh_token"]
    other = (await client.log_in(EMAIL, PASSWORD)).json()["refresh_token"]
    renewed = (await client.post("/auth/refresh", json={"refresh_token": stolen})).json()["refresh_token"]
    for token in (stolen, renewed, stolen):
        answer = await client.post("/auth/refresh", json={"refresh_token": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "AUTH401")
    assert [ada in record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [True]
    assert (await client.post("/auth/refresh", json={"refresh_token": other})).status_code == 200


async def test_of_two_that_use_a_refresh_token_at_once_one_wins(connect: Connect, ada: str) -> None:
    client = await connect()
    token = (await client.log_in(EMAIL, PASSWORD)).json()["refresh_token"]
    statuses: list[int] = []

    async def use() -> None:
        statuses.append((await client.post("/auth/refresh", json={"refresh_token": token})).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(use)
    assert sorted(statuses) == [200] + [401] * 5


async def test_refresh_tokens_expire_and_end_with_their_user(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()

    async def refresh(token: str) -> int:
        return (await client.post("/auth/refresh", json={"refresh_token": token})).status_code

    async def fresh() -> str:
        return str((await client.log_in(EMAIL, PASSWORD)).json()["refresh_token"])

    token = await fresh()
    ((lifetime,),) = database.rows("select extract(epoch from expires_at - created_at)::int from auth.sessions")
    assert lifetime == 3600
    database.rows("update auth.sessions set expires_at = now() returning id")
    assert await refresh(token) == 401
    token = await fresh()
    assert database.rows("select count(*) from auth.sessions") == [(1,)]
    database.rows("update auth.users set disabled = true returning id")
    assert await refresh(token) == 401
    database.rows("update auth.users set disabled = false returning id")
    assert await refresh(token) == 401
    token = await fresh()
    database.rows("delete from auth.users returning id")
    assert await refresh(token) == 401


@pytest.mark.parametrize("token", ["", "x", "ä", "A" * 64, "A" * 63, "-_" * 32, "AAAA.BBBB", "A" * 9000])
async def test_what_is_no_refresh_token(connect: Connect, ada: str, token: str) -> None:
    client = await connect()
    answer = await client.post("/auth/refresh", json={"refresh_token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH401")


async def test_logging_out(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    for way in ("refresh token", "access token"):
        tokens = (await client.log_in(EMAIL, PASSWORD)).json()
        other = (await client.log_in(EMAIL, PASSWORD)).json()
        body = {"refresh_token": tokens["refresh_token"]}
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        for _ in range(2):
            answer = await client.post(
                "/auth/logout", **({"json": body} if way == "refresh token" else {"headers": headers})
            )
            assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.post("/auth/refresh", json=body)).status_code == 401
        assert (await client.post("/auth/refresh", json={"refresh_token": other["refresh_token"]})).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 400
    assert (await client.post("/auth/logout", headers={"Authorization": "Bearer x"})).json()["code"] == "PGRST301"
    assert (await client.post("/auth/logout", json={"refresh_token": "x"})).status_code == 204


async def test_who_am_i(connect: Connect, database: Database, ada: str) -> None:
    client = await connect()
    token = (await client.log_in(EMAIL, PASSWORD)).json()["access_token"]
    answer = await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "email", "role", "created_at", "last_login_at"}
    assert (answer.json()["id"], answer.json()["email"], answer.json()["role"]) == (ada, EMAIL, "api_user")
    anonymous = await client.get("/auth/me")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "PGRST302")
    for sub in ("somebody", "00000000-0000-4000-8000-000000000000"):
        stranger = await client.get(
            "/auth/me", headers={"Authorization": bearer({"role": "api_user", "sub": sub}).decode()}
        )
        assert (stranger.status_code, stranger.json()["code"]) == (404, "AUTH404")
    database.rows("update auth.users set disabled = true returning id")
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code == 404


async def test_registration(connect: Connect, database: Database, ada: str) -> None:
    closed, client = await connect(), await connect(auth_registration_enabled=True)
    bob = {"email": "bob@example.org", "password": PASSWORD}
    refused = await closed.post("/auth/register", json=bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "AUTH403")
    answer = await client.post("/auth/register", json=bob)
    assert answer.status_code == 201 and claims_of(answer.json())["role"] == "api_user"
    assert (await client.log_in(bob["email"], PASSWORD)).status_code == 200
    for email in (bob["email"], "BOB@example.org", EMAIL.lower()):
        taken = await client.post("/auth/register", json=bob | {"email": email})
        assert (taken.status_code, taken.json()["code"]) == (409, "AUTH409")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        *[(email, PASSWORD) for email in ("bob", "@", "a@b@c", "a b@c", "a\0@c", "", "a@" + "b" * 254)],
        *[("bob@example.org", password) for password in ("7letter", "ä" * 513)],
    ],
)
async def test_what_cannot_be_registered(connect: Connect, ada: str, email: str, password: str) -> None:
    client = await connect(auth_registration_enabled=True)
    answer = await client.post("/auth/register", json={"email": email, "password": password})
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")
    assert (await client.log_in(email, password)).status_code == 401


async def test_registrations_in_bulk_are_slowed_down(connect: Connect, ada: str) -> None:
    client = await connect(auth_registration_enabled=True)
    statuses = []
    for number in range(11):
        body = {"email": f"user{number}@example.org" if number % 2 else EMAIL, "password": PASSWORD}
        statuses.append((await client.post("/auth/register", json=body)).status_code)
    assert statuses == [409, 201] * 5 + [429]
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/register"])
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        *[(body, JSON, 400) for body in (b"", b"{", b"[]", b"{}", b"\xff", b"[" * 16_000, b'{"email":"\\ud800"}')],
        (b'{"email":5,"password":{},"refresh_token":[]}', JSON + "; charset=utf-8", 400),
        *[(body, FORM, 400) for body in (b"", b"username=%ff", b"\xff", b"&" * 99)],
        (b"a,b", "text/csv", 415),
        (b"{" * 20_000, "", 413),
    ],
)
async def test_bodies_that_cannot_be_read(
    connect: Connect, ada: str, path: str, body: bytes, content_type: str, status: int
) -> None:
    client = await connect(auth_registration_enabled=True)
    answer = await client.post(path, content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, f"AUTH{status}")
    assert {"code", "message", "details", "hint"} <= set(answer.json())


async def test_other_methods_are_refused(connect: Connect, ada: str) -> None:
    client = await connect()
    for method, path, allowed in (("GET", "login", "POST"), ("POST", "me", "GET"), ("DELETE", "register", "POST")):
        answer = await client.request(method, f"/auth/{path}")
        assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "AUTH405", allowed)


async def test_passwords_and_secrets_are_nowhere_in_clear(
    connect: Connect, database: Database, ada: str, caplog: pytest.LogCaptureFixture
) -> None:
    database.cluster.execute("alter system set log_statement = 'all'")
    database.cluster.execute("alter system set log_parameter_max_length = -1")
    database.cluster.execute("select pg_reload_conf()")
    mark = database.cluster.log.stat().st_size
    try:
        with caplog.at_level(logging.DEBUG):
            client = await connect(auth_registration_enabled=True)
            answers = [
                (await client.post("/auth/register", json={"email": "b@c", "password": PASSWORD + " 2"})).json(),
                (await client.log_in(EMAIL, PASSWORD)).json(),
            ]
            await client.log_in(WRONG, WRONG)
            await client.log_in(EMAIL, WRONG)
            answers.append(
                (await client.post("/auth/refresh", json={"refresh_token": answers[1]["refresh_token"]})).json()
            )
    finally:
        database.cluster.execute("alter system reset all")
        database.cluster.execute("select pg_reload_conf()")
    with database.cluster.log.open("rb") as log:
        log.seek(mark)
        logged = log.read().decode() + caplog.text
    dump = str(database.rows("select to_jsonb(u)::text from auth.users u"))
    dump += str(database.rows("select to_jsonb(s)::text from auth.sessions s"))
    dump += str(database.rows("select to_jsonb(a)::text from auth.attempts a"))
    assert "begin_login" in logged and "finish_login" in logged
    for secret in (
        PASSWORD,
        WRONG,
        *(answer["refresh_token"] for answer in answers),
        *(a["access_token"] for a in answers),
    ):
        assert secret not in logged and secret not in dump
    assert SECRET not in logged


async def test_hashes_of_other_parameters_are_replaced_at_the_next_login(
    connect: Connect, database: Database, ada: str
) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1).hash(PASSWORD)
    database.rows("update auth.users set password_hash = %s returning id", older)
    client = await connect()
    assert (await client.log_in(EMAIL, WRONG)).status_code == 401
    assert database.rows("select password_hash from auth.users") == [(older,)]
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200
    ((newer,),) = database.rows("select password_hash from auth.users")
    assert newer.split("$")[3] == "m=1024,t=1,p=1"
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200


async def test_a_stored_hash_that_is_none_is_a_wrong_password(connect: Connect, database: Database, ada: str) -> None:
    database.rows("update auth.users set password_hash = '$argon2id$nonsense' returning id")
    client = await connect()
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 401


async def test_the_letters_of_a_password_may_be_composed_either_way(connect: Connect, ada: str) -> None:
    client = await connect(auth_registration_enabled=True)
    await client.post("/auth/register", json={"email": "bob@example.org", "password": "na\u00efvet\u00e9s"})
    assert (await client.log_in("bob@example.org", "nai\u0308vete\u0301s")).status_code == 200


async def test_tokens_follow_the_settings(connect: Connect, ada: str) -> None:
    settings: dict[str, Any] = {
        "jwt_secret": json.dumps(jwk("ES256", private_key("ES256"), kid="mine")),
        "jwt_aud": "https://api.example.org",
        "jwt_role_claim_key": "$.app.role",
        "auth_token_lifetime": 60,
    }
    client = await connect(**settings)
    body = (await client.log_in(EMAIL, PASSWORD)).json()
    claims = claims_of(body, **settings)
    assert (claims["app"], claims["aud"]) == ({"role": "api_user"}, "https://api.example.org")
    assert body["expires_in"] == claims["exp"] - claims["iat"] == 60
    assert jwt.get_unverified_header(body["access_token"]) == {"alg": "ES256", "typ": "JWT", "kid": "mine"}
    client.service.reconfigure(Settings(auth_token_lifetime=30))
    assert (await client.log_in(EMAIL, PASSWORD)).json()["expires_in"] == 30
    with pytest.raises(ValueError, match="no key to sign"):
        client.service.reconfigure(Settings(jwt_secret="https://idp.example.org/keys"))
    assert (await client.log_in(EMAIL, PASSWORD)).json()["expires_in"] == 30


@pytest.mark.parametrize("role", ["postgres", "authenticator", "autorest_auth", "nobody", "none"])
async def test_a_user_cannot_have_a_role_that_requests_cannot(database: Database, ada: str, role: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="cannot have the role"):
        database.cluster.execute(
            "select auth.add_user('b@c', '$argon2id$', %s)", (role,), user="authenticator", dbname=DATABASE
        )


async def test_no_request_reaches_the_users(database: Database, ada: str) -> None:
    calls = [
        "auth.begin_login('a@b', null)",
        "auth.finish_login(gen_random_uuid(), null, '', '1 s', null)",
        "auth.renew_session(gen_random_uuid(), '', '', '1 s')",
        "auth.end_session(gen_random_uuid())",
        "auth.find_user(gen_random_uuid())",
        "auth.begin_registration(null)",
        "auth.add_user('a@b', '', '')",
        "auth.set_password('a@b', '')",
        "auth.set_disabled('a@b', true)",
        "auth.list_users()",
    ]
    functions = database.rows(
        "select count(*) from pg_proc where pronamespace = 'auth'::regnamespace and prosecdef"
        " and has_function_privilege('authenticator', oid, 'execute')"
    )
    assert functions == [(len(calls),)]
    for role in ("api_anon", "api_user", "authenticator"):
        for call in calls:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.cluster.execute(f"set role {role}; select {call}", user="authenticator", dbname=DATABASE)
    for table in ("users", "sessions", "attempts"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.cluster.execute(f"select from auth.{table}", user="authenticator", dbname=DATABASE)
    assert database.rows(
        "select count(*) from pg_proc, aclexplode(proacl) where pronamespace = 'auth'::regnamespace and grantee = 0"
    ) == [(0,)]


@pytest.mark.parametrize("name", ["text", "timestamptz", "jsonb", "uuid", "bytea"])
async def test_what_a_request_left_in_its_session_is_not_taken_for_postgresql_s_own(
    database: Database, ada: str, name: str
) -> None:
    calls = (
        "select auth.begin_login('Ada@Example.org', '192.0.2.7') ->> 'id'",
        f"select auth.finish_login('{ada}', '192.0.2.7', '', '1 h', null) ->> 'id'",
        f"select auth.find_user('{ada}') ->> 'id'",
    )
    for call in calls:
        left = f"create domain pg_temp.{name} as integer check (value / 0 > 0); {call}"
        assert database.cluster.psql(left, user="authenticator", dbname=DATABASE) == ada


async def test_another_schema_of_the_name_is_left_alone(database: Database) -> None:
    script = (INIT / "05-auth.sql").read_text()
    database.cluster.createdb("other")
    database.cluster.psql("create schema auth; create table auth.users ()", dbname="other")
    with pytest.raises(RuntimeError, match="there is a schema auth already"):
        database.cluster.psql(script, dbname="other")
    owners = "select nspowner::regrole::text from pg_namespace where nspname = 'auth'"
    assert database.cluster.psql(owners, dbname="other") == "postgres"


def test_through_the_pooler_after_a_request_ran_as_another_role(database: Database) -> None:
    pooler = available(Pooler, database.cluster, {"default_pool_size": "1"}, forced_user="authenticator")
    ask = "select auth.begin_login('bob@example.org', null)"
    with pooler, psycopg.connect(pooler.dsn(dbname=DATABASE), autocommit=True, prepare_threshold=None) as connection:
        with connection.transaction():
            connection.execute("select set_config('role', 'api_user', true)")
        assert connection.execute(ask).fetchall()[0][0]["wait"] == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("select set_config('role', 'api_user', true)")
            connection.execute(ask)
