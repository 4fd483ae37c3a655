"""A gateway as an operator runs it: its process, its two outputs, its ports and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]
SECRET = "a secret for the server's tests, of 32 bytes"
#: How long anything may take on a busy machine.
PATIENCE = 30.0


class Running:
    """One gateway. `settings` are named as in a configuration file and handed over as variables.

    A setting of None is left out; `environment` are further variables. `directory` is where it runs and keeps its
    output.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str | None],
        config_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = int(settings.get("server-port") or free_port())
        self.admin_port = free_port()
        self.settings: dict[str, str | None] = {
            "server-host": "127.0.0.1",
            "server-port": str(self.port),
            "admin-server-port": str(self.admin_port),
            "jwt-secret": SECRET,
            "db-pool": "4",
            **settings,
        }
        self.config_file = config_file
        self.environment = environment or {}
        self.outputs = directory / f"out-{self.port}", directory / f"err-{self.port}"
        self.directory = directory
        self.process: subprocess.Popen[bytes]
        self.api = self._client("server-unix-socket", f"http://127.0.0.1:{self.port}")
        self.admin = self._client("admin-server-unix-socket", f"http://127.0.0.1:{self.admin_port}")

    def _client(self, socket: str, url: str) -> httpx.Client:
        path = self.settings.get(socket)
        transport = httpx.HTTPTransport(uds=path) if path else httpx.HTTPTransport()
        return httpx.Client(
            base_url=url, transport=transport, timeout=PATIENCE, headers={"Accept-Encoding": "identity"}
        )

    def start(self) -> Running:
        """Start it, and do not wait."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGRST_", "AUTOREST_", "PG"))}
        given = {
            f"AUTOREST_{name.upper().replace('-', '_').replace('.', '_')}": value
            for name, value in self.settings.items()
            if value is not None
        }
        command = [
            sys.executable,
            "-m",
            "autorest.cli",
            "serve",
            *([str(self.config_file)] if self.config_file else []),
        ]
        out, err = (path.open("ab") for path in self.outputs)
        with out, err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.directory,
                env={**kept, **given, **self.environment, "PYTHONPATH": str(ROOT)},
            )
        return self

    def __enter__(self) -> Running:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        self.admin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def requests(self) -> list[str]:
        """The lines of its log of requests."""
        return self.outputs[0].read_text().splitlines()

    @property
    def log(self) -> list[str]:
        """The lines of its log."""
        return self.outputs[1].read_text().splitlines()

    def logged(self, part: str) -> int:
        """Return how many lines of its log have `part` in them."""
        return sum(part in line for line in self.log)

    def send(self, name: str) -> None:
        """Send it a signal."""
        self.process.send_signal(getattr(signal, name))

    def status(self, path: str) -> int:
        """Return what the admin server answers, 0 while it does not."""
        try:
            return self.admin.get(path).status_code
        except httpx.TransportError:
            return 0

    def wait_ready(self, status: int = 200) -> None:
        """Return when /ready answers with `status`."""
        self.wait(lambda: self.status("/ready") == status, f"/ready is not {status}")

    def wait_logged(self, part: str, times: int = 1) -> None:
        """Return when so many lines of the log have `part` in them."""
        self.wait(lambda: self.logged(part) >= times, f"{part!r} is not in the log")

    def wait_answered(self, status: int, path: str = "/items", **more: Any) -> httpx.Response:
        """Return the first answer with this status."""
        answers: list[httpx.Response] = []

        def asked() -> bool:
            try:
                answers.append(self.api.get(path, **more))
            except httpx.TransportError:
                return False
            return answers[-1].status_code == status

        self.wait(asked, f"{path} is not answered with {status}")
        return answers[-1]

    def wait(self, true: Callable[[], bool], complaint: str) -> None:
        """Return when `true()`; fail when the process ends or time runs out."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, self.told(f"ended with {self.process.returncode}")
            assert time.monotonic() < deadline, self.told(complaint)
            time.sleep(0.05)

    def wait_end(self) -> int:
        """Return its exit status."""
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.told("it did not end")) from None

    def told(self, complaint: str) -> str:
        """Return a complaint with the end of the log."""
        return "\n".join([complaint, *self.log[-30:]])


def metric(running: Running, name: str) -> float:
    """Return the value of a metric, given with its labels as Prometheus writes them."""
    lines = running.admin.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)
