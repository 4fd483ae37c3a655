"""A real pgBouncer in front of a `Cluster`, in transaction mode."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from tests.support import process
from tests.support.cluster import Cluster
from tests.support.process import Unavailable

SCRIPT = Path(__file__).parents[2] / ".ci" / "pgbouncer.sh"

#: The user of the admin console, and its password.
CONSOLE = "console"

DEFAULTS = {
    "pool_mode": "transaction",
    "auth_type": "any",
    "max_client_conn": "1000",
    "default_pool_size": "20",
    "max_prepared_statements": "200",
    "server_login_retry": "1",
    "log_connections": "0",
    "log_disconnections": "0",
}


def find_pgbouncer() -> Path:
    """Return a pgBouncer of 1.21 or newer, fetched once if need be; raise Unavailable if there is none."""
    try:
        done = subprocess.run([str(SCRIPT)], capture_output=True, text=True, timeout=180)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"no pgBouncer: {error}") from error
    if done.returncode:
        raise Unavailable(f"no pgBouncer of 1.21 or newer: {done.stderr.strip()[-500:]}")
    return Path(done.stdout.strip())


class Pooler(process.Server):
    """One pgBouncer before `cluster`. When it stops, whoever is connected is cut off.

    `settings` override `DEFAULTS` in pgbouncer.ini; a setting of None is left out. `users` maps names to passwords
    or SCRAM verifiers (auth_type `scram-sha-256` unless set). `program` is another pgBouncer than the one that
    keeps prepared statements. Without `users`, pgBouncer asks for no password and connects to PostgreSQL as
    `forced_user`.
    """

    gently = signal.SIGQUIT

    def __init__(
        self,
        cluster: Cluster,
        settings: Mapping[str, str | None] | None = None,
        *,
        users: Mapping[str, str] | None = None,
        forced_user: str = "postgres",
        program: Path | None = None,
    ) -> None:
        self.cluster = cluster
        self.program = program or find_pgbouncer()
        super().__init__("autorest-pgb-")
        self.users = dict(users or {})
        self.forced_user = forced_user
        self.settings: dict[str, str | None] = {
            **DEFAULTS,
            **({"auth_type": "scram-sha-256"} if users else {}),
            **(settings or {}),
        }
        process.hand_over(self.directory)

    @property
    def version(self) -> tuple[int, ...]:
        """The program's version, as in (1, 24, 1)."""
        done = subprocess.run([str(self.program), "--version"], capture_output=True, text=True, timeout=20, check=True)
        return tuple(int(part) for part in re.findall(r"\d+", done.stdout.splitlines()[0]))

    def start(self) -> Self:
        """Start it and return when it takes connections."""
        forced = "" if self.users else f" user={self.forced_user}"
        password = f" password={self.cluster.password}" if forced and self.forced_user == "postgres" else ""
        lines = [
            "[databases]",
            f"* = host={self.cluster.host} port={self.cluster.port}{forced}{password}",
            "[pgbouncer]",
            f"listen_addr = {self.host}",
            f"listen_port = {self.port}",
            f"unix_socket_dir = {self.directory}",
            f"auth_file = {self.directory / 'users'}",
            f"admin_users = {CONSOLE}",
            "ignore_startup_parameters = extra_float_digits",
            *(f"{name} = {value}" for name, value in self.settings.items() if value is not None),
        ]
        secrets = {**self.users, CONSOLE: CONSOLE}
        for name, text in {
            "ini": "\n".join(lines) + "\n",
            "users": "".join(f'"{user}" "{secret}"\n' for user, secret in secrets.items()),
        }.items():
            path = self.directory / name
            path.write_text(text)
            path.chmod(0o600)
            process.hand_over(path)
        user = process.unprivileged()
        # pgBouncer drops root by itself, after its loader has read the program from wherever it is kept.
        as_user = ["-u", user.pw_name] if user else []
        command = [str(self.program), "-q", *as_user, str(self.directory / "ini")]
        self._process = process.start(command, self.log, drop=False)
        process.wait_until(self.listens, self._process, self.log)
        return self

    def listens(self) -> bool:
        """Tell whether it takes connections now, whatever PostgreSQL does."""
        try:
            self.show("version")
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, user: str = "postgres", dbname: str = "postgres", **more: Any) -> str:
        """Return the conninfo to connect through it."""
        if secret := self.users.get(user):
            more = {"password": secret, **more}
        return make_conninfo(host=self.host, port=self.port, user=user, dbname=dbname, **more)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Return the rows of `SHOW what` from its admin console."""
        return self._console(f"SHOW {what}")

    def command(self, text: str) -> None:
        """Run a command of its admin console, such as PAUSE or RECONNECT."""
        self._console(text)

    def _console(self, text: str) -> list[dict[str, Any]]:
        conninfo = make_conninfo(host=self.host, port=self.port, user=CONSOLE, password=CONSOLE, dbname="pgbouncer")
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=2) as connection:
            result = connection.pgconn.exec_(text.encode())
            if result.error_message:
                raise RuntimeError(result.get_error_message())
            names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
            return [
                {name: (result.get_value(row, column) or b"").decode() for column, name in enumerate(names)}
                for row in range(result.ntuples)
            ]
