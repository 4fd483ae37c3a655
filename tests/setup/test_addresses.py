"""Where the stack's API is looked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from environment.addresses import find_api
from environment.compose import Project
from tests.support.skips import lacking


class Todos(BaseHTTPRequestHandler):
    """Answers as the gateway does behind Traefik."""

    server_version = "autorest"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a gateway that listens on one address of this machine alone."""
    try:
        server = HTTPServer(("127.0.0.9", 0), Todos)
    except OSError:
        lacking("this machine has no 127.0.0.9")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def project(port: int, address: str | None) -> Project:
    published = {"target": 80, "published": str(port)} | ({"host_ip": address} if address else {})
    return Project("autorest", {"traefik": {"ports": [published]}}, {})


def test_the_api_is_asked_at_the_address_that_it_is_published_on(port: int) -> None:
    found = find_api(project(port, "127.0.0.9"))
    assert found.serves_todos
    assert found.of("api.") == f"http://api.theddt.local:{port}"
    assert found.without_a_name == f"http://127.0.0.9:{port}"


@pytest.mark.parametrize(
    ("address", "entrance"),
    [
        (None, "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.5", "10.0.0.5"),
    ],
)
def test_what_is_published_on_every_address_is_asked_at_this_machines_own(address: str | None, entrance: str) -> None:
    assert project(80, address).entrance == entrance
