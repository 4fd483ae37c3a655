"""What a running gateway logs, at each level, and what it keeps to itself."""

from __future__ import annotations

import json
import re

import jwt
import pytest

from tests.integration.server.conftest import Start
from tests.integration.server.running import SECRET, Running

WHEN = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
ANON = f"127.0.0.1 - server_anon {WHEN}"


def wait_requests(gateway: Running, count: int) -> list[str]:
    """Return the log of requests when it has so many lines."""
    gateway.wait(lambda: len(gateway.requests) >= count, f"there are not {count} requests in the log")
    return gateway.requests


@pytest.mark.parametrize(("level", "logged"), [("crit", 0), ("error", 1), ("warn", 3), ("info", 5), ("debug", 5)])
def test_the_level_decides_which_requests_are_logged(run: Start, level: str, logged: int) -> None:
    gateway = run(log_level=level)
    headers = {"User-Agent": "test/1", "Referer": "http://here/"}
    for path in ("/rpc/broken", "/nowhere?x", "/items?nothing=1", "/items?id=eq.1", "/"):
        gateway.api.get(path, headers=headers)
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    lines = [
        rf'{ANON} "GET /rpc/broken HTTP/1.1" 500 \d+ "http://here/" "test/1"',
        rf'{ANON} "GET /nowhere\?x HTTP/1.1" 404 \d+ "http://here/" "test/1"',
        rf'{ANON} "GET /items\?nothing=1 HTTP/1.1" 400 \d+ "http://here/" "test/1"',
        rf'{ANON} "GET /items\?id=eq.1 HTTP/1.1" 200 26 "http://here/" "test/1"',
        rf'{ANON} "GET / HTTP/1.1" 200 \d+ "http://here/" "test/1"',
    ]
    assert len(gateway.requests) == logged
    assert all(re.fullmatch(line, found) for line, found in zip(lines, gateway.requests, strict=False))
    assert gateway.logged('"code":"57014","details":null,"hint":"a hint","message":"on purpose"') == (
        0 if level == "crit" else 1
    )
    assert gateway.logged("SIGTERM") == 1


def test_requests_without_a_role_are_logged_without_one(run: Start) -> None:
    gateway = run(log_level="info", db_anon_role=None)
    token = jwt.encode({"role": "server_user"}, SECRET, "HS256")
    for authorization in (None, "Bearer x", f"Bearer {token}"):
        gateway.api.get("/items", headers={"Authorization": authorization} if authorization else {})
    gateway.api.put("/rpc/sleep")
    users = [re.sub(rf"127.0.0.1 - (\S+) {WHEN}.*", r"\1", line) for line in wait_requests(gateway, 4)]
    assert users == ["-", "-", "server_user", "-"]


def test_preflight_requests_are_not_logged(run: Start) -> None:
    gateway = run(log_level="info")
    gateway.api.options("/items", headers={"Origin": "http://x", "Access-Control-Request-Method": "POST"})
    gateway.api.options("/items")
    gateway.api.get("/-/app.js")
    assert [re.findall('"(.*?)"', line)[0] for line in wait_requests(gateway, 2)] == [
        "OPTIONS /items HTTP/1.1",
        "GET /-/app.js HTTP/1.1",
    ]


def test_json_lines_for_everything(run: Start) -> None:
    gateway = run(log_level="info", log_format="json")
    gateway.api.get("/items?id=eq.1", headers={"User-Agent": 'quo"te'})
    [line] = map(json.loads, wait_requests(gateway, 1))
    assert (line["role"], line["path"], line["status"], line["size"]) == ("server_anon", "/items?id=eq.1", 200, 26)
    assert line["user_agent"] == r"quo\x22te"
    assert 0 < line["seconds"] < 30
    assert {"autorest"} <= {json.loads(line)["logger"].partition(".")[0] for line in gateway.log}


@pytest.mark.parametrize("level", ["crit", "warn", "info"])
def test_queries_are_logged_with_the_requests_that_are(run: Start, level: str) -> None:
    gateway = run(log_level=level, log_query="true")
    gateway.api.get("/items?name=eq.hidden")
    gateway.api.get("/rpc/broken")
    gateway.send("SIGTERM")
    gateway.wait_end()
    read, called = gateway.logged('"api"."items"'), gateway.logged('"api"."broken"')
    assert (read, called) == {"crit": (0, 0), "warn": (0, 1), "info": (1, 1)}[level]
    assert gateway.logged("set_config") == read + called
    # The values travel apart from the text.
    assert gateway.logged("hidden") == 0


def test_no_token_and_no_secret_is_ever_logged(run: Start) -> None:
    gateway = run(log_level="debug", log_query="true")
    token = jwt.encode({"role": "server_user", "private": "claim"}, SECRET, "HS256")
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {token}x"},
        {"Cookie": "a=biscuit"},
    ):
        gateway.api.get("/items", headers=headers)
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded")
    gateway.send("SIGTERM")
    gateway.wait_end()
    told = "\n".join([*gateway.log, *gateway.requests])
    for hidden in (token, token.rpartition(".")[2], SECRET, "biscuit", "password=right"):
        assert hidden not in told


def test_the_same_trouble_of_many_requests_is_told_now_and_then(run: Start) -> None:
    gateway = run(ready=False, db_uri="host=127.0.0.1 port=1 user=x", log_level="error")
    gateway.wait_answered(503)
    for _ in range(20):
        assert gateway.api.get("/items").status_code == 503
    wait_requests(gateway, 20)
    assert 1 <= gateway.logged('"code":"PGRST000"') <= 3
    assert gateway.logged("could not be loaded") <= 3
