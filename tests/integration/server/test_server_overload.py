"""A gateway that is asked for more than its database can do."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import jwt

from tests.integration.server.conftest import DATABASE, Start
from tests.integration.server.running import PATIENCE, Running, metric
from tests.support.cluster import Cluster

SECRET = "a secret of at least thirty-two characters"
USER = {"Authorization": f"Bearer {jwt.encode({'role': 'server_user'}, SECRET, 'HS256')}"}


def sleepers(cluster: Cluster) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%sleep%%' AND datname = %s"
    return int(cluster.execute(query, [DATABASE])[0][0])


@contextmanager
def sleeping(gateway: Running, count: int, seconds: float = 60) -> Iterator[list[socket.socket]]:
    """Have so many requests sleep in the database, or wait for that, until the context ends: then they leave."""
    with ExitStack() as stack:
        lines = []
        for _ in range(count):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE))
            line.sendall(b"GET /rpc/sleep?seconds=%g HTTP/1.1\r\nHost: x\r\n\r\n" % seconds)
            lines.append(line)
        yield lines


def waiting(gateway: Running) -> float:
    return metric(gateway, "pgrst_db_pool_waiting")


def shed(gateway: Running, reason: str) -> float:
    return metric(gateway, f'autorest_requests_shed_total{{reason="{reason}"}}')


def test_too_much_is_refused_at_once_and_that_is_over_when_it_is(run: Start, stocked: Cluster) -> None:
    gateway = run(db_pool="1", db_pool_max_waiting="3", jwt_secret=SECRET, log_level="warn")
    assert metric(gateway, "autorest_db_pool_max_waiting") == 3
    with sleeping(gateway, 1), sleeping(gateway, 3):
        gateway.wait(lambda: waiting(gateway) == 3, "they do not wait")
        began = time.monotonic()
        for headers in ({}, {"Origin": "http://page.example", "Authorization": USER["Authorization"]}) * 20:
            answer = gateway.api.get("/items", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "PGRST004")
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Proxy-Status"] == "autorest; error=PGRST004"
            assert answer.headers["Server"].startswith("autorest/")
            assert answer.headers.get("Access-Control-Allow-Origin") == ("*" if headers else None)
            assert "Connection" not in answer.headers
        assert time.monotonic() - began < PATIENCE / 2
        written = gateway.api.post("/written", json={"client": 1, "number": 1})
        assert (written.status_code, written.json()["code"]) == (503, "PGRST004")
        assert gateway.api.head("/items").status_code == 503
        assert gateway.api.options("/items").status_code == 200
        assert gateway.api.get("/", headers={"Accept": "text/html"}).status_code == 200
        assert gateway.status("/ready") == 200
        assert shed(gateway, "queue") == 42
        assert shed(gateway, "role") == 0
        gateway.wait_logged("too many requests")
    gateway.wait(lambda: sleepers(stocked) == 0, "it sleeps on")
    gateway.wait_answered(200)
    assert waiting(gateway) == 0
    assert shed(gateway, "queue") == 42
    counted = 'autorest_http_requests_total{method="GET",route="/items",status="503"}'
    assert metric(gateway, counted) == 40
    assert gateway.logged("too many requests") == 1
    assert not [line for line in gateway.requests if " 503 " in line]
    assert gateway.logged("PGRST004") == 0


def test_one_role_s_slow_queries_leave_room_for_another_s(run: Start, stocked: Cluster) -> None:
    gateway = run(db_pool="5", db_pool_max_waiting="20", jwt_secret=SECRET)
    with sleeping(gateway, 4):
        gateway.wait(lambda: sleepers(stocked) == 4, "they do not sleep")
        stack = ExitStack()
        stack.enter_context(sleeping(gateway, 46))
        gateway.wait(lambda: waiting(gateway) + shed(gateway, "role") == 46, "they do not wait")
        assert sleepers(stocked) == 4
        assert waiting(gateway) == 16
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=5, headers=USER) as other:
            for _ in range(30):
                assert other.get("/items").status_code == 200
            # As many as others may be, but not the flood's.
            assert other.get("/items", headers={"Authorization": ""}).status_code == 503
        stack.close()
    gateway.wait(lambda: sleepers(stocked) == 0, "it sleeps on")
    gateway.wait_answered(200)
    assert waiting(gateway) == 0


def test_requests_sent_ahead_are_refused_in_order(run: Start) -> None:
    gateway = run(db_pool="1", db_pool_max_waiting="1")
    with sleeping(gateway, 3) as lines:
        gateway.wait(lambda: shed(gateway, "queue") == 1, "none is refused")
        lines[2].recv(65536)
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as line:
            body = b'{"seconds": 60}'
            post = b"POST /rpc/sleep HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            get = b"GET /items HTTP/1.1\r\nHost: x\r\n\r\n"
            preflight = (
                b"OPTIONS /items HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nAccess-Control-Request-Method: GET\r\n\r\n"
            )
            line.sendall(get + post + preflight + get * 3 + get.replace(b"Host", b"Connection: close\r\nHost"))
            received = b""
            while part := line.recv(65536):
                received += part
    answers = received.split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [503, 503, 200, 503, 503, 503, 503]
    assert b"connection: close" in answers[-1]
    for answer in answers[:2]:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "PGRST004"


def test_any_number_waits_where_there_is_no_bound(run: Start) -> None:
    gateway = run(db_pool="1", db_pool_max_waiting="0")
    with sleeping(gateway, 400):
        gateway.wait(lambda: waiting(gateway) == 399, "they do not wait")
        assert shed(gateway, "queue") == 0
