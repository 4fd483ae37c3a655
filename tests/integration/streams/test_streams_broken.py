"""Answers that end too early, or are taken too slowly: what clients see, and what becomes of the connection."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest

from tests.integration.streams.conftest import AUTHENTICATOR, DATABASE, SECRET, settings_for
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler

LINES = {"Accept": "application/x-ndjson"}
RUNNING = (
    "SELECT pid, wait_event FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%to_json%'"
)


def running(cluster: Cluster) -> list[tuple[Any, ...]]:
    """Return the connections that send rows: their process, and what they wait for."""
    return cluster.execute(RUNNING, dbname=DATABASE)


def wait(true: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


class Raw:
    """A connection on which nothing is read but on demand."""

    def __init__(self, gateway: GatewayProcess, buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(60)
        self.socket.connect((gateway.host, gateway.port))
        self.read = b""

    def ask(self, target: str, version: str = "1.1", *more: str) -> None:
        lines = (f"GET {target} HTTP/{version}", "Host: x", *more, "", "")
        self.socket.sendall("\r\n".join(lines).encode())

    def some(self, least: int) -> bytes:
        """Read until so many bytes have come."""
        while len(self.read) < least:
            part = self.socket.recv(1 << 16)
            assert part, "the connection ended"
            self.read += part
        return self.read

    def rest(self) -> int:
        """Read to the end, and return how much came. Raises ConnectionResetError where that is the end."""
        size = len(self.read)
        while part := self.socket.recv(1 << 20):
            size += len(part)
        return size


def answers_again(api: httpx.Client, cluster: Cluster) -> None:
    """The next request is answered, as itself and with its own settings, and nothing is left of the one before."""
    wait(lambda: not running(cluster), "the rows are still being read")
    assert [row["id"] for row in api.get("/small?order=id").json()] == [1, 2, 3]
    assert api.get("/small?select=id&id=eq.1").json() == [{"id": 1}]
    left = cluster.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        dbname=DATABASE,
    )
    assert left == []


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-ndjson"])
def test_an_error_in_the_middle_is_no_complete_answer(
    narrow: GatewayProcess, narrow_api: httpx.Client, large: Cluster, accept: str
) -> None:
    size = 0
    asked = narrow_api.stream("GET", "/failing", headers={"Accept": accept})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)), asked as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_bytes():
            size += len(chunk)
    assert size > 1_000_000
    answers_again(narrow_api, large)
    wait(lambda: "division by zero" in narrow.output, "the log does not tell why")
    assert "Traceback" not in narrow.output


def test_nor_is_it_for_http_1_0(narrow: GatewayProcess, narrow_api: httpx.Client, large: Cluster) -> None:
    """There the end of the connection is the end of the answer: only a reset tells."""
    raw = Raw(narrow)
    raw.ask("/failing", "1.0")
    assert b"transfer-encoding" not in raw.some(1000).lower() and b"200 OK" in raw.read
    with pytest.raises(ConnectionResetError):
        raw.rest()
    answers_again(narrow_api, large)


def test_http_1_0_gets_large_answers_to_their_end(narrow: GatewayProcess) -> None:
    raw = Raw(narrow)
    raw.ask("/big?select=id", "1.0", "Accept: application/x-ndjson")
    raw.some(1000)
    while part := raw.socket.recv(1 << 20):
        raw.read += part
    head, _, body = raw.read.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower() and b"chunked" not in head.lower()
    assert [json.loads(line)["id"] for line in body.splitlines()] == list(range(1, 60_001))


def test_an_error_among_the_first_rows_is_answered_as_one(api: httpx.Client) -> None:
    answer = api.get("/failing?id=gte.499990")
    assert answer.status_code == 400 and answer.json()["code"] == "22012"


def test_a_slow_reader_holds_back_the_database(
    narrow: GatewayProcess, narrow_api: httpx.Client, large: Cluster
) -> None:
    narrow_api.get("/small")
    narrow.forget_peak_memory()
    before = narrow.peak_memory
    raw = Raw(narrow, 1 << 16)
    raw.ask("/million", "1.1", "Accept: application/x-ndjson", "Connection: close")
    raw.some(1000)
    # It waits for pgBouncer, which waits for the gateway, which waits for us.
    wait(lambda: [waits for _, waits in running(large)] == ["ClientWrite"], "the database is not held back")
    time.sleep(0.5)
    assert [waits for _, waits in running(large)] == ["ClientWrite"]
    assert raw.rest() > 170_000_000
    assert narrow.peak_memory - before < 32 << 20
    answers_again(narrow_api, large)


def test_a_client_that_leaves_cancels_the_query(
    narrow: GatewayProcess, narrow_api: httpx.Client, large: Cluster
) -> None:
    for _ in range(3):
        raw = Raw(narrow, 1 << 16)
        raw.ask("/million")
        raw.some(300_000)
        assert running(large)
        raw.socket.close()
        answers_again(narrow_api, large)
    metrics = httpx.get(f"{narrow.admin_url}/metrics").text
    assert 'autorest_http_requests_total{method="GET",route="/million",status="499"} 3.0' in metrics
    assert "autorest_db_connections_lost_total 0.0" in metrics


def test_a_connection_that_is_terminated_ends_the_answer(
    narrow: GatewayProcess, narrow_api: httpx.Client, large: Cluster
) -> None:
    raw = Raw(narrow, 1 << 16)
    raw.ask("/million")
    raw.some(300_000)
    [(pid, _)] = running(large)
    large.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(ConnectionResetError):
        raw.rest()
    answers_again(narrow_api, large)


def test_a_statement_timeout_ends_the_answer(narrow_api: httpx.Client, large: Cluster) -> None:
    token = jwt.encode({"role": "streams_hasty"}, SECRET, "HS256")
    asked = narrow_api.stream("GET", "/stalling", headers={"Authorization": f"Bearer {token}"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)), asked as answer:
        assert answer.status_code == 200
        for _ in answer.iter_bytes():
            pass
    answers_again(narrow_api, large)


def test_requests_sent_ahead_wait_for_the_end_of_a_stream(narrow: GatewayProcess) -> None:
    raw = Raw(narrow)
    raw.ask("/big?select=id&order=id")
    raw.ask("/small?id=eq.1&select=id")
    raw.ask("/big?select=id&order=id", "1.1", "Connection: close")
    raw.some(1000)
    while part := raw.socket.recv(1 << 20):
        raw.read += part
    first, _, rest = raw.read.partition(b"\r\n0\r\n\r\n")
    assert b'{"id":60000}' in first
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n") and b'\r\n\r\n[{"id":1}]HTTP/1.1 200 OK' in rest
    assert b'{"id":60000}' in rest and rest.endswith(b"]\r\n0\r\n\r\n")


def test_streams_share_the_pool_with_other_requests(narrow: GatewayProcess, narrow_api: httpx.Client) -> None:
    """With one connection, the next request waits for the stream's end, and then runs."""
    raw = Raw(narrow)
    raw.ask("/million", "1.1", "Accept: application/x-ndjson", "Connection: close")
    raw.some(300_000)
    with ThreadPoolExecutor() as executor:
        whole = executor.submit(raw.rest)
        answer = narrow_api.get("/big", headers=LINES)
        assert len(answer.text.splitlines()) == 60_000
        assert whole.result() > 170_000_000
    assert narrow_api.get("/small?id=eq.1&select=id").json() == [{"id": 1}]


def test_what_was_sent_is_counted_and_logged(gateway: GatewayProcess, api: httpx.Client) -> None:
    with api.stream("GET", "/big?select=id", headers=LINES | {"User-Agent": "counter"}) as answer:
        size = sum(len(chunk) for chunk in answer.iter_raw())
    wait(lambda: f'"GET /big?select=id HTTP/1.1" 200 {size} "" "counter"' in gateway.output, "it is not in the log")


def test_a_gateway_that_ends_lets_streams_end(large: Cluster, large_pooler: Pooler) -> None:
    with GatewayProcess(large_pooler.dsn(AUTHENTICATOR, DATABASE), settings_for(large)) as gateway:
        raw = Raw(gateway, 1 << 16)
        raw.ask("/million", "1.1", "Accept: application/x-ndjson")
        raw.some(300_000)
        with ThreadPoolExecutor() as executor:
            ended = executor.submit(gateway.stop)
            assert raw.rest() > 170_000_000
            ended.result()


def test_but_not_for_ever(large: Cluster, large_pooler: Pooler) -> None:
    settings = settings_for(large, server_shutdown_timeout="1")
    with GatewayProcess(large_pooler.dsn(AUTHENTICATOR, DATABASE), settings) as gateway:
        raw = Raw(gateway, 1 << 16)
        raw.ask("/million", "1.0")
        raw.some(300_000)
        gateway.stop()
        with pytest.raises(ConnectionResetError):
            raw.rest()
    wait(lambda: not running(large), "the rows are still being read")
