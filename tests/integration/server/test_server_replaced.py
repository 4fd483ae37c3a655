"""One instance takes another's place on the same port, under load, and nobody notices."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.server.conftest import Start
from tests.integration.server.running import PATIENCE, Running
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no SO_REUSEPORT")


class Load:
    """What clients of both kinds got: those that keep their connection, and those that open one for each request."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.done = threading.Event()
        self.answers: list[int] = []
        self.failures: list[str] = []

    def keeping(self) -> None:
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as client:
            while not self.done.is_set():
                self.ask(client)

    def opening(self) -> None:
        while not self.done.is_set():
            with httpx.Client(base_url=self.url, timeout=PATIENCE) as client:
                self.ask(client)

    def ask(self, client: httpx.Client) -> None:
        try:
            self.answers.append(client.get("/items").status_code)
        except httpx.TransportError as error:
            self.failures.append(repr(error))


@contextmanager
def load(port: int) -> Iterator[Load]:
    """Ask all the time."""
    asked = Load(port)
    threads = [threading.Thread(target=target) for target in (asked.keeping, asked.opening) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        asked.done.set()
        for thread in threads:
            thread.join(PATIENCE)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_fails_while_one_instance_replaces_another(run: Start, workers: str) -> None:
    port = str(free_port())
    settings = {"server_host": "0.0.0.0", "server_port": port, "server_reuseport": "true", "server_workers": workers}
    first = run(ready=False, **settings)
    first.wait_ready()
    with load(int(port)) as asked:
        for _ in range(2):
            time.sleep(0.3)
            second = run(**settings)
            time.sleep(0.3)
            first.send("SIGTERM")
            assert first.wait_end() == 0
            first = second
        time.sleep(0.3)
    assert asked.failures == []
    assert {*asked.answers} == {200}
    assert len(asked.answers) > 200


def test_a_new_instance_waits_for_its_catalog_before_it_takes_requests(run: Start) -> None:
    port = str(free_port())
    first = run(server_port=port, server_reuseport="true")
    second = run(ready=False, server_port=port, server_reuseport="true", db_uri="host=127.0.0.1 port=1 user=x")
    second.wait_logged("could not be loaded")
    for _ in range(30):
        assert httpx.get(f"http://127.0.0.1:{port}/items").status_code == 200
    assert (first.status("/live"), second.status("/live")) == (200, 500)
    assert second.status("/ready") == 503


def test_without_the_setting_a_port_is_not_shared(run: Start) -> None:
    port = str(free_port())
    run(server_port=port)
    second: Running = run(ready=False, server_port=port, server_reuseport="true")
    assert second.wait_end() == 1
    assert second.logged("another program listens there") == 1
