"""A gateway as a process of its own, for tests that ask it over HTTP."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import process
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret for the tests of the documents, of more than 32 bytes"
COMMAND = (sys.executable, "-c", "from autorest.cli import main; main()", "serve")


@contextmanager
def serving(db_uri: str, *, prefix: str = "AUTOREST_", **settings: str) -> Iterator[str]:
    """Run a gateway with these settings, named like attributes; give its address with a slash at the end."""
    port = free_port()
    given = {
        "db_uri": db_uri,
        "db_schemas": "api",
        "db_anon_role": "api_anon",
        "jwt_secret": SECRET,
        "server_host": "127.0.0.1",
        "server_port": str(port),
        **settings,
    }
    variables = [f"{prefix}{name.upper()}={value}" for name, value in given.items()]
    with tempfile.TemporaryDirectory(prefix="autorest-serving-") as folder:
        log = Path(folder) / "log"
        environment = ["env", f"PYTHONPATH={ROOT}", "PYTHONDONTWRITEBYTECODE=1", *variables]
        gateway = process.start([*environment, *COMMAND], log, drop=False)
        try:
            process.wait_until(lambda: _answers(port), gateway, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.stop(gateway, signal.SIGTERM)


def _answers(port: int) -> bool:
    """Tell whether the gateway has its catalog: until then it answers 503."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2).status_code not in (502, 503, 504)
    except httpx.HTTPError:
        return False
