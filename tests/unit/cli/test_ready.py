"""The health check: what it asks, and that it loads next to nothing for that."""

from __future__ import annotations

import itertools
import os
import socketserver
import subprocess
import sys
import threading

import pytest

from autorest.commands import Failure, address_of
from autorest.ready import Address, NotReady, check, plain_address
from autorest.settings import SettingsError, load_settings
from tests.support.ports import free_port
from tests.support.tree import ROOT

CHOICES = {
    "AUTOREST_ADMIN_SERVER_PORT": (None, "", "3001", "0", "x", " 3001 ", "99999", "-1", "٣", "@/dev/null"),
    "PGRST_ADMIN_SERVER_PORT": (None, "3002"),
    "AUTOREST_ADMIN_SERVER_HOST": (None, "", "localhost", "*", "::1"),
    "PGRST_SERVER_HOST": (None, "127.0.0.1", "!6"),
    "AUTOREST_ADMIN_SERVER_UNIX_SOCKET": (None, "", "/run/admin.sock"),
}


def test_the_plain_address_is_the_one_of_the_settings() -> None:
    plain = 0
    for values in itertools.product(*CHOICES.values()):
        environment = {name: text for name, text in zip(CHOICES, values, strict=True) if text is not None}
        found = plain_address(environment)
        try:
            known: Address | None = address_of(load_settings(None, environment))
        except (Failure, SettingsError):
            known = None
        if found is not None:
            plain += 1
            # A wrong port does not matter where there is a Unix socket to ask.
            assert found == known or found.path, environment
        elif known is not None:
            assert known.port == 0 or any(mark in str(environment) for mark in ("@", " ")), environment
    assert plain > 100


def test_what_is_in_a_file_takes_all_of_the_settings() -> None:
    environment = {"AUTOREST_ADMIN_SERVER_HOST": "::1", "AUTOREST_ADMIN_SERVER_PORT": "3001"}
    assert plain_address(environment) == Address("::1", 3001)
    assert plain_address(environment | {"PGRST_ADMIN_SERVER_PORT_FILE": "/run/port"}) is None


def test_it_loads_nothing_of_the_gateway() -> None:
    script = (
        "import sys; from autorest import cli; sys.argv[1:] = ['ready']\ntry: cli.main()\nfinally: print(*sys.modules)"
    )
    given = {"AUTOREST_ADMIN_SERVER_HOST": "127.0.0.1", "AUTOREST_ADMIN_SERVER_PORT": str(free_port())}
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("AUTOREST_", "PGRST_"))}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**environment, **given, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr.startswith("autorest: no answer from http://127.0.0.1:")
    loaded = set(done.stdout.split())
    assert "autorest.ready" in loaded
    assert not loaded & {
        "asyncio",
        "http.client",
        "psycopg",
        "asyncpg",
        "pydantic",
        "typer",
        "uvicorn",
        "autorest.settings",
    }


class Answering(socketserver.BaseRequestHandler):
    """Says what the server has to say, and hangs up."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(self.server.said)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "said", [b"", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1", b"HTTP/1.1 x\r\n", b"x" * 5000, b"\xff\n"]
)
def test_what_does_not_speak_http_is_not_ready(said: bytes) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Answering) as server:
        server.said = said  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(NotReady, match="no answer from"):
            check(Address("127.0.0.1", server.server_address[1]))
        thread.join()
