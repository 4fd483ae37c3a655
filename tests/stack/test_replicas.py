"""Several gateways behind one Traefik."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.stack import Stack, eventually

REPLICAS = 3
REQUESTS = 300
WEIGHT = "x" * 4000


@pytest.fixture(scope="module")
def replicas(stack: Stack) -> Iterator[list[str]]:
    stack.up("--scale", f"autorest={REPLICAS}", "--no-recreate")
    found = stack.containers("autorest")
    assert len(found) == REPLICAS
    eventually(lambda: len(_servers(stack)) == REPLICAS)
    yield found
    stack.up("--scale", "autorest=1", "--no-recreate")


def _servers(stack: Stack) -> dict[str, str]:
    """Return the addresses that Traefik spreads requests over, and how it finds each."""
    dashboard = stack.at("traefik.theddt.local", "DASHBOARD_PORT")
    states = dashboard.get("/api/http/services/autorest@http").json().get("serverStatus", {})
    return {address: state for address, state in states.items() if state == "UP"}


def _received(stack: Stack, replica: str) -> int:
    """Return how many bytes a container has received over the network."""
    counters = stack.docker("exec", replica, "sh", "-c", "cat /sys/class/net/eth*/statistics/rx_bytes")
    return sum(map(int, counters.split()))


def test_one_client_on_one_connection_is_served_by_all(stack: Stack, replicas: list[str]) -> None:
    before = [_received(stack, replica) for replica in replicas]
    with stack.api as client:
        for _ in range(REQUESTS):
            assert client.get("/todos?limit=1", headers={"X-Weight": WEIGHT}).status_code == 200
    shares = [_received(stack, replica) - had for replica, had in zip(replicas, before, strict=True)]

    assert sum(shares) > REQUESTS * len(WEIGHT)
    for share in shares:
        assert 0.25 < share / sum(shares) < 0.42


def test_no_request_fails_while_replicas_come_and_go(stack: Stack, replicas: list[str]) -> None:
    statuses: list[int] = []
    done = threading.Event()

    def ask() -> None:
        with stack.api as client:
            while not done.is_set():
                try:
                    statuses.append(client.get("/todos?limit=1").status_code)
                except httpx.HTTPError:
                    statuses.append(0)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        stack.docker("stop", "--time", "30", replicas[0])
        eventually(lambda: len(_servers(stack)) == REPLICAS - 1)
        stack.docker("start", replicas[0])
        eventually(lambda: len(_servers(stack)) == REPLICAS, 90)
        eventually(lambda: len(statuses) > 50, 60)
    finally:
        done.set()
        asking.join(60)
    assert set(statuses) == {200}
