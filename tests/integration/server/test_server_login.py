"""The login, served by a real gateway through a real pgBouncer, and the commands that go with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.integration.server.running import PATIENCE, ROOT, SECRET, Running
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.skips import available

DATABASE = "server_login"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def road(cluster: Cluster) -> Iterator[Pooler]:
    """A pgBouncer before a database as postgres/init makes it."""
    cluster.createdb(DATABASE)
    for script in sorted((ROOT / "postgres" / "init").glob("*.sql")):
        cluster.psql(script.read_text(), dbname=DATABASE)
    with available(Pooler, cluster, {"default_pool_size": "2"}, forced_user="authenticator") as pooler:
        yield pooler


@pytest.fixture(scope="module")
def gateway(road: Pooler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with the login and registration switched on."""
    settings = {
        "db-uri": road.dsn("authenticator", DATABASE),
        "db-direct-uri": road.cluster.dsn("authenticator", DATABASE),
        "db-schemas": "api",
        "db-anon-role": "api_anon",
        "auth-login-enabled": "true",
        "auth-registration-enabled": "true",
        "auth-token-lifetime": "600",
        "auth-trusted-proxies": "127.0.0.1",
        "server-cors-allowed-origins": "http://page.example",
        "log-level": "info",
    }
    with Running(tmp_path_factory.mktemp("login"), settings) as running:
        yield running


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def command(gateway: Running, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with the gateway's settings."""
    settings = {
        f"AUTOREST_{name.upper().replace('-', '_')}": value for name, value in gateway.settings.items() if value
    }
    return subprocess.run(
        [sys.executable, "-m", "autorest.cli", *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
    )


def test_a_user_registers_and_uses_the_api(gateway: Running) -> None:
    ada = {"email": "ada@example.org", "password": PASSWORD}
    answer = gateway.api.post("/auth/register", json=ada)
    assert answer.status_code == 201
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 600)
    assert gateway.api.post("/notes", json={"title": "mine"}, headers=bearer(tokens)).status_code == 201
    assert [note["title"] for note in gateway.api.get("/notes", headers=bearer(tokens)).json()] == ["mine"]
    assert gateway.api.get("/auth/me", headers=bearer(tokens)).json()["email"] == "ada@example.org"
    refreshed = gateway.api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    assert gateway.api.get("/notes", headers=bearer(refreshed)).status_code == 200
    assert gateway.api.post("/auth/logout", json={"refresh_token": refreshed["refresh_token"]}).status_code == 204
    assert gateway.api.post("/auth/refresh", json={"refresh_token": refreshed["refresh_token"]}).status_code == 401


def test_a_login_runs_as_the_gateway_s_own_role_among_other_requests(gateway: Running) -> None:
    wrong = {"email": "nobody@example.org", "password": "wrong"}
    codes = []
    for _ in range(12):
        assert gateway.api.get("/todos").status_code == 200
        answer = gateway.api.post("/auth/login", json=wrong, headers={"X-Forwarded-For": "192.0.2.66"})
        codes.append(answer.json()["code"])
    assert codes == ["AUTH401"] * 10 + ["AUTH429"] * 2


def test_nor_does_a_function_keep_it_from_its_role_that_sets_another_for_good(gateway: Running, road: Pooler) -> None:
    body = "begin perform set_config('role', 'api_anon', false); end"
    road.cluster.psql(f"create function api.become() returns void language plpgsql as $${body}$$", dbname=DATABASE)
    gateway.wait(lambda: gateway.api.post("/rpc/become").status_code == 204, "the function is not there")
    for _ in range(5):
        assert gateway.api.post("/rpc/become").status_code == 204
        answer = gateway.api.post("/auth/login", json={"email": "nobody2@example.org", "password": "wrong"})
        assert answer.json()["code"] == "AUTH401"


@pytest.mark.parametrize("path", ["", "nothing", "login/", "login%00", "a/b"])
def test_a_path_that_is_none_of_the_login_s_is_answered_like_any_other(gateway: Running, path: str) -> None:
    answer = gateway.api.post(f"/auth/{path}", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")
    assert answer.json().keys() == {"code", "message", "details", "hint"}


def test_a_page_of_an_allowed_origin_may_log_in(gateway: Running) -> None:
    origin = {"Origin": "http://page.example"}
    preflight = gateway.api.options("/auth/login", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://page.example"
    for answer in (
        gateway.api.get("/auth/login", headers=origin),
        gateway.api.get("/auth/nothing", headers=origin),
        gateway.api.post("/auth/login", json={}, headers=origin),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.headers["Access-Control-Allow-Origin"] == "http://page.example"
        assert answer.headers["Server"].startswith("autorest/")


def test_logins_are_counted_and_logged_without_what_is_secret(gateway: Running) -> None:
    gateway.api.post("/auth/login", json={"email": "eve@example.org", "password": "evil password"})
    gateway.wait(lambda: any('"POST /auth/login HTTP/1.1" 4' in line for line in gateway.requests), "not logged")
    assert 'route="/auth/"' in gateway.admin.get("/metrics").text
    assert "evil password" not in "\n".join([*gateway.log, *gateway.requests])


def test_users_are_managed_from_the_command_line(gateway: Running) -> None:
    assert command(gateway, "user", "add", "bob@example.org", given=PASSWORD).returncode == 0
    assert "bob@example.org" in command(gateway, "user", "list").stdout
    login = {"email": "bob@example.org", "password": PASSWORD}
    assert gateway.api.post("/auth/login", json=login).status_code == 200
    assert command(gateway, "user", "disable", "bob@example.org").returncode == 0
    assert gateway.api.post("/auth/login", json=login).json()["code"] == "AUTH401"
    assert command(gateway, "user", "disable", "nobody@example.org").returncode == 1


def test_a_token_from_the_command_line_is_good(gateway: Running) -> None:
    printed = command(gateway, "token", "--role", "api_user", "--claim", "sub=7", "--expires", "1m").stdout.strip()
    assert jwt.decode(printed, SECRET, ["HS256"])["sub"] == "7"
    answer = gateway.api.get("/notes", headers={"Authorization": f"Bearer {printed}"})
    assert answer.status_code == 200


def test_without_the_setting_there_is_no_login(road: Pooler, tmp_path: Path) -> None:
    settings = {
        "db-uri": road.cluster.dsn("authenticator", DATABASE),
        "db-schemas": "api",
        "db-anon-role": "api_anon",
    }
    with Running(tmp_path, settings) as plain:
        answer = plain.api.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")


def test_a_login_without_its_schema_is_the_gateway_s_fault(cluster: Cluster, tmp_path: Path) -> None:
    cluster.createdb("server_bare")
    cluster.psql("CREATE SCHEMA api", dbname="server_bare")
    settings = {
        "db-uri": cluster.dsn("postgres", "server_bare"),
        "db-schemas": "api",
        "auth-login-enabled": "true",
    }
    with Running(tmp_path, settings) as gateway:
        answer: httpx.Response = gateway.api.post("/auth/login", json={"email": "a@b.c", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (500, "3F000")
