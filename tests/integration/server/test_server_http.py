"""HTTP through the real gateway: limits, time-outs, clients that leave, compression, headers."""

from __future__ import annotations

import gzip
import json
import re
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import jwt
import pytest

from tests.integration.server.conftest import DATABASE, Start
from tests.integration.server.running import PATIENCE, SECRET, Running, metric
from tests.support.cluster import Cluster

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw(gateway: Running, data: bytes) -> tuple[int, bytes]:
    """Send bytes and return status and body of what comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as line:
        line.sendall(data)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def sleepers(cluster: Cluster) -> int:
    """Return how many requests sleep in the database."""
    rows = cluster.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep' AND datname = %s",
        [DATABASE],
    )
    return int(rows[0][0])


def test_a_body_that_is_too_large_is_refused(shared: Running) -> None:
    answer = shared.api.post("/items", content=b"x" * 102_401)
    assert (answer.status_code, answer.json()["code"]) == (413, "HTTP413")
    assert "102400 bytes" in answer.json()["details"]


def test_a_body_that_grows_too_large_is_refused(shared: Running) -> None:
    def pieces() -> object:
        for _ in range(50):
            yield b"x" * 10_000

    answer = shared.api.post("/items", content=pieces())  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (413, "HTTP413")


def test_a_body_of_the_largest_size_is_read(shared: Running) -> None:
    body = json.dumps({"name": "x" * 102_000}).encode().ljust(102_400)
    answer = shared.api.post("/rpc/setting", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/items?id=eq.%", 400),
        ("/items?id=eq.%zz", 400),
        ("/%00", 404),
        ("/items?id=eq.%00", 400),
        ("/items?%00=eq.1", 400),
        ("/%ff%fe", 404),
        ("/items?name=eq.%ff%fe", 400),
        ("/items?name=eq.\xe9", 200),
        ("/t\xe0ble", 404),
        ("//items", 404),
        ("/items/", 404),
        ("/../items", 404),
        ("/" + "x" * 300_000, 404),
        ("/" + "x" * 400_000, 414),
        ("/items?id=in.(" + "1," * 10_000 + "1)", 200),
        ("/items?id=in.(" + "1," * 150_000 + "1)", 414),
        ("*", 404),
        ("http://elsewhere/items", 200),
    ],
)
def test_odd_targets_are_the_client_s_mistake_at_most(shared: Running, target: str, status: int) -> None:
    answered, _ = raw(shared, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answered == status


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "LINK", "UNHEARD-OF", "patch"])
def test_odd_methods_are_answered(shared: Running, method: str) -> None:
    status, body = raw(shared, f"{method} /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (status, json.loads(body)["code"]) == (405, "PGRST117")
    assert method in json.loads(body)["message"]


def test_a_method_that_nobody_knows_does_not_end_the_connection(shared: Running) -> None:
    for _ in range(2):
        answer = shared.api.request("unheard", "/items", json=[1])
        assert (answer.status_code, answer.headers.get("connection")) == (405, None)
    assert shared.api.get("/items").status_code == 200


def test_headers_of_any_bytes_are_readable_in_sql(shared: Running) -> None:
    name = "request.headers"
    request = f"GET /rpc/setting?name={name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Odd: ".encode()
    status, body = raw(shared, request + b"\xff\xc3\xa9\t'\"\r\n\r\n")
    assert status == 200
    assert json.loads(json.loads(body))["x-odd"] == "\ufffdé\t'\""


def test_any_status_that_sql_sets_is_sent(shared: Running) -> None:
    for status in (200, 299, 418, 599, 600, 999):
        assert shared.api.post("/rpc/status", json={"code": status}).status_code == status
    for status in (199, 1000):
        assert shared.api.post("/rpc/status", json={"code": status}).json()["code"] == "PGRST112"


def test_a_client_that_leaves_takes_its_query_with_it(stocked: Cluster, shared: Running) -> None:
    with socket.create_connection(("127.0.0.1", shared.port)) as line:
        line.sendall(b"GET /rpc/sleep?seconds=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        shared.wait(lambda: sleepers(stocked) == 1, "it does not sleep")
    shared.wait(lambda: sleepers(stocked) == 0, "it sleeps on")
    assert metric(shared, "autorest_db_transactions_cancelled_total") >= 1
    gone = 'autorest_http_requests_total{method="GET",route="/rpc/sleep",status="499"}'
    shared.wait(lambda: metric(shared, gone) >= 1, "not counted")


def test_a_request_that_takes_too_long_is_given_up_in_the_database_too(stocked: Cluster, run: Start) -> None:
    gateway = run(server_request_timeout="1", server_cors_allowed_origins=None)
    began = time.monotonic()
    answer = gateway.api.get("/rpc/sleep?seconds=60", headers={"Origin": "http://page.example"})
    assert (answer.status_code, answer.json()["code"]) == (504, "HTTP504")
    assert 0.5 < time.monotonic() - began < 10
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    gateway.wait(lambda: sleepers(stocked) == 0, "it sleeps on")
    assert gateway.api.get("/items").status_code == 200
    counted = 'autorest_http_requests_total{method="GET",route="/rpc/sleep",status="504"}'
    assert metric(gateway, counted) == 1


def test_a_client_that_sends_its_headers_too_slowly_is_left(run: Start) -> None:
    gateway = run(server_header_timeout="1")
    assert raw(gateway, b"GET /items HTTP/1.1\r\nX-Slow: ")[0] == 408


def test_waiting_for_a_connection_ends_in_time(run: Start) -> None:
    gateway = run(db_pool="1", db_pool_acquisition_timeout="1", log_level="error")
    blocking = threading.Thread(target=lambda: gateway.api.post("/rpc/sleep", json={"seconds": 4}))
    blocking.start()
    time.sleep(0.5)
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE) as other:
        answer = other.get("/items")
        assert (answer.status_code, answer.json()["code"]) == (504, "PGRST003")
        # What needs no connection waits for none.
        assert other.get("/nowhere").status_code == 404
        assert other.get("/items?id=nonsense").status_code == 400
        assert other.options("/items").status_code == 200
        assert other.get("/secrets", headers={"Authorization": "Bearer x"}).status_code == 401
    blocking.join(PATIENCE)
    gateway.wait_logged("PGRST003")
    assert metric(gateway, "pgrst_db_pool_timeouts_total") == 1


@pytest.mark.parametrize(("accepted", "coding"), [("gzip", "gzip"), ("zstd", "zstd"), ("gzip;q=0.5, zstd", "zstd")])
def test_answers_are_compressed_for_who_accepts_it(shared: Running, accepted: str, coding: str) -> None:
    plain = shared.api.get("/many")
    with shared.api.stream("GET", "/many", headers={"Accept-Encoding": accepted}) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers["Content-Encoding"] == coding
    assert len(body) == int(answer.headers["Content-Length"]) < len(plain.content) / 2
    assert (gzip if coding == "gzip" else zstd).decompress(body) == plain.content
    for each in (plain, answer):
        assert each.headers["Vary"] == "Accept, Prefer, Range, Accept-Encoding"
    assert "Content-Encoding" not in plain.headers


def test_what_is_small_or_has_no_body_is_not_compressed(shared: Running) -> None:
    headers = {"Accept-Encoding": "gzip"}
    for answer in (
        shared.api.get("/items", headers=headers),
        shared.api.head("/many", headers=headers),
        shared.api.post("/rpc/status", json={"code": 204}, headers=headers),
    ):
        assert "Content-Encoding" not in answer.headers
        assert answer.headers.get("Vary", "Accept, Prefer, Range") == "Accept, Prefer, Range"


def test_compression_can_be_switched_off(run: Start) -> None:
    gateway = run(server_compression="false")
    answer = gateway.api.get("/many", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept, Prefer, Range"


def test_the_trace_header_is_sent_back(shared: Running) -> None:
    for path in ("/items", "/nowhere", "/items?x=y"):
        answer = shared.api.get(path, headers={"X-Request-Id": "42"})
        assert answer.headers["X-Request-Id"] == "42"
    assert "X-Request-Id" not in shared.api.get("/items").headers


def test_the_stages_of_a_request_are_timed(shared: Running) -> None:
    answer = shared.api.get("/rpc/sleep?seconds=0.3")
    stages = re.findall(r"(\w+);dur=([\d.]+)(?:, |$)", answer.headers["Server-Timing"])
    assert [name for name, _ in stages] == ["jwt", "parse", "plan", "transaction", "response"]
    assert 300 <= float(dict(stages)["transaction"]) < 5000
    assert "Server-Timing" not in shared.api.get("/nowhere").headers


def test_a_page_of_an_allowed_origin_may_read_everything(shared: Running) -> None:
    headers = {"Origin": "http://page.example"}
    for answer in (
        shared.api.get("/items", headers=headers),
        shared.api.get("/nowhere", headers=headers),
        shared.api.post("/items", content=b"x" * 200_000, headers=headers),
        shared.api.get("/", headers={**headers, "Accept": "text/html"}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert "Access-Control-Allow-Origin" not in shared.api.get("/items", headers={"Origin": "http://x"}).headers


def test_every_answer_says_who_made_it(shared: Running) -> None:
    for path in ("/items", "/nowhere", "/-/nothing"):
        assert shared.api.get(path).headers["Server"].startswith("autorest/")


def test_requests_are_counted_by_route_method_and_status(run: Start) -> None:
    gateway = run()
    for path in ("/items", "/items?id=eq.1", "/nowhere", "/nowhere/2", "/rpc/sleep?seconds=0", "/rpc/nothing", "/"):
        gateway.api.get(path)
    gateway.api.post("/items", json={"id": 1})
    counted = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in gateway.admin.get("/metrics").text.splitlines()
        if line.startswith("autorest_http_requests_total{")
    }
    label = 'autorest_http_requests_total{{method="{}",route="{}",status="{}"}}'
    assert counted == {
        label.format("GET", "/items", 200): 2,
        label.format("GET", "other", 404): 3,
        label.format("GET", "/rpc/sleep", 204): 1,
        label.format("GET", "/", 200): 1,
        label.format("POST", "/items", 409): 1,
    }
    sizes = 'autorest_http_response_size_bytes_sum{method="GET",route="/items",status="200"}'
    assert metric(gateway, sizes) == sum(len(gateway.api.get(path).content) for path in ("/items", "/items?id=eq.1"))


def test_the_admin_port_answers_what_it_is_asked(shared: Running) -> None:
    admin = shared.admin
    metrics = admin.get("/metrics")
    assert metrics.headers["Content-Type"] == "text/plain; charset=utf-8"
    for name in ("query_time_seconds", 'loads_total{status="SUCCESS"}'):
        assert f"pgrst_schema_cache_{name}" in metrics.text
    for name in ("timeouts_total", "available", "waiting", "max"):
        assert f"\npgrst_db_pool_{name} " in metrics.text
    for name in ("requests", "hits", "evictions"):
        assert f"\npgrst_jwt_cache_{name}_total " in metrics.text
    assert {name["name"] for name, _ in admin.get("/schema_cache").json()["relations"]} >= {"items", "many"}
    assert 'db-schemas = "api"' in admin.get("/config").text.splitlines()
    for path in ("/", "/items", "/numbers", "/live/"):
        assert admin.get(path).status_code == 404
    for path in ("/live", "/ready"):
        answer = admin.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_admin_port_tells_no_secret(shared: Running) -> None:
    config = shared.admin.get("/config").text
    assert 'jwt-secret = "(not shown)"' in config
    assert "right" not in re.sub(r"-right\b", "", config)
    assert "a secret for" not in config


def test_tokens_looked_up_are_counted(run: Start) -> None:
    gateway = run()
    token = jwt.encode({"role": "server_user"}, SECRET, "HS256")
    for _ in range(3):
        assert gateway.api.get("/secrets", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert metric(gateway, "pgrst_jwt_cache_requests_total") == 3
    assert metric(gateway, "pgrst_jwt_cache_hits_total") == 2


def test_the_page_is_for_browsers(run: Start, tmp_path: Path) -> None:
    gateway = run(server_docs_enabled="false")
    assert "json" in gateway.api.get("/", headers={"Accept": "text/html,*/*"}).headers["Content-Type"]
