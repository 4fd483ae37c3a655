"""A running gateway: the real process, on free ports of the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.support import process
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]

#: What a test does not set itself.
DEFAULTS = {"server-host": "127.0.0.1", "db-channel-enabled": "false", "db-config": "false", "db-pool": "8"}


class GatewayProcess(process.Server):
    """One gateway before the database at `db_uri`.

    `settings` are named as in a configuration file (`db-schemas`) and handed over as environment variables that begin
    with `prefix`. Once it is started, `url` is where it answers and `admin_url` its admin server.
    """

    def __init__(self, db_uri: str, settings: Mapping[str, str] | None = None, *, prefix: str = "AUTOREST_") -> None:
        super().__init__("autorest-gateway-")
        self.prefix = prefix
        self.admin_port = free_port()
        self.settings = {
            **DEFAULTS,
            "db-uri": db_uri,
            "server-port": str(self.port),
            "admin-server-port": str(self.admin_port),
            **(settings or {}),
        }

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://{self.host}:{self.admin_port}"

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def peak_memory(self) -> int:
        """The most resident memory it has had since its start or `forget_peak_memory()`, in bytes (Linux only)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))

    def forget_peak_memory(self) -> None:
        """Measure `peak_memory` from now on (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def start(self) -> Self:
        """Start it and return when its admin server says that it is ready."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGRST_", "AUTOREST_", "PG"))}
        own = {
            self.prefix + name.upper().replace("-", "_").replace(".", "_"): value
            for name, value in self.settings.items()
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autorest.cli", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
                env={**kept, **own, "PYTHONPATH": str(ROOT)},
            )
        process.wait_until(self.ready, self._process, self.log)
        return self

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.admin_url}/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False
