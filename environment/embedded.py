"""The environment without Docker: PostgreSQL from a wheel and the gateway on localhost, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypedDict

from environment import accounts, cluster, credentials, database, disk, installation, ports, processes
from environment.cluster import Cluster
from environment.commands import without_postgres_variables
from environment.console import Console
from environment.credentials import Credentials
from environment.installation import Installation
from environment.lock import Lock
from environment.problem import Problem
from environment.script import shown
from environment.tether import Tether, run_tethered
from environment.tour import tour
from environment.trees import remove_tree

DEFAULT_PORT = 3000
_READY_SECONDS = 60
_LEFTOVER_SECONDS = 30
_LOOK_SECONDS = 1.0
_NEEDED_TO_INSTALL = disk.GIGABYTE // 2
_NEEDED_TO_RUN = disk.GIGABYTE // 10


class _Record(TypedDict, total=False):
    """What one run tells the next: `port` is only there while the gateway has it, or when the run was killed."""

    port: int
    postgres_port: int


class Layout:
    """Where the embedded environment keeps its things in a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "postgres-data"
        self.secrets = root / "secrets"
        self.scripts = sorted((root / "postgres" / "init").glob("*.sql"))
        self.gateway_log = self.data / "gateway.log"
        self.gateway_settings = self.data / "gateway.conf"
        self._record = self.data / "run.json"

    def lock(self) -> Lock:
        return Lock(self.data / "lock")

    def recall(self) -> _Record:
        try:
            recorded: _Record = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return recorded

    def remember(self, record: _Record) -> None:
        self._record.write_text(json.dumps(record), encoding="utf-8")


def serve(root: Path, wanted_port: int | None, console: Console) -> None:
    """Bring the embedded environment up, and stop it when a KeyboardInterrupt says so.

    Raises Problem when a step fails; whatever had been started is stopped then.
    """
    if user := accounts.step_down_from_sudo(root):
        console.say(f"Started with sudo: going on as {user}, to whom this checkout belongs.\n")
    layout = Layout(root)
    layout.data.mkdir(exist_ok=True)
    lock = layout.lock()
    if not lock.acquire():
        _say_that_it_runs(layout, wanted_port, console)
        return
    port = wanted_port or DEFAULT_PORT
    with lock, ExitStack() as started:
        with console.step(f"Checking that port {port} is free"):
            _check_port(port, layout)
        with console.step("Checking the disk") as step:
            step.detail = disk.check(root, _NEEDED_TO_RUN if installation.is_there(root) else _NEEDED_TO_INSTALL)
        installed = installation.install(root, console)
        with console.step("Writing secrets that do not exist yet") as step:
            known, written = credentials.prepare(layout.secrets)
            step.detail = f"{len(written)} files" if written else "they are all there"
        with console.step("Starting PostgreSQL") as step:
            server = Cluster(root, layout.data, installed.server_package)
            started.enter_context(_running(server, known, layout))
            who = f", as {server.account.name} because it refuses root" if server.account else ""
            step.detail = f"PostgreSQL {server.version} on {cluster.HOST}:{server.port}{who}"
        with console.step("Making the database") as step:
            new = database.make(server, known, layout.scripts)
            database.let_the_gateway_in(server, known)
            step.detail = f"{database.NAME}, from postgres/init" if new else "it is there, with its data"
        layout.remember({"port": port, "postgres_port": server.port})
        started.callback(layout.remember, {"postgres_port": server.port})
        with console.step("Starting the gateway"):
            gateway = started.enter_context(_gateway(installed, server, known, layout, port))
        _say_what_to_do(layout, installed, server, known, port, console)
        try:
            _watch(server, gateway, layout, console)
        except KeyboardInterrupt:
            console.say("")
            with console.step("Stopping the gateway and PostgreSQL"):
                started.close()
            console.say("The data stays in postgres-data; python3 setup.py --embedded finds it again.")


def stop(root: Path, console: Console) -> None:
    """Stop an embedded environment that runs, wherever it was started, and what a killed one left over."""
    layout = Layout(root)
    if not layout.data.exists():
        return
    with console.step("Stopping the embedded environment") as step:
        pid = layout.lock().holder()
        if pid is not None:
            _end(pid, layout)
        leftovers = [cluster.stop_leftover(layout.data / version) for version in cluster.versions(layout.data)]
        step.detail = f"process {pid}" if pid else "PostgreSQL was left over" if any(leftovers) else "it does not run"


def forget_data(root: Path) -> bool:
    """Remove the data of a stopped embedded environment, and tell whether there was any."""
    remove_tree(cluster.refuge(root))
    return remove_tree(root / "postgres-data")


@contextmanager
def _running(server: Cluster, known: Credentials, layout: Layout) -> Iterator[None]:
    if not server.made:
        server.make(known.superuser_password)
    tether = server.tether()
    try:
        server.start(layout.recall().get("postgres_port", 0))
        database.let_the_superuser_in(server, known)
        yield
    finally:
        tether.release()


@contextmanager
def _gateway(
    installed: Installation, server: Cluster, known: Credentials, layout: Layout, port: int
) -> Iterator[Tether]:
    admin_port = ports.free_port()
    address = f"postgresql://authenticator@{cluster.HOST}:{server.port}/{database.NAME}"
    settings: dict[str, str | int] = {
        "db-uri": address,
        "db-direct-uri": address,
        "db-password": f"@{known.directory / credentials.AUTHENTICATOR}",
        "db-schemas": "api",
        "db-anon-role": "api_anon",
        "jwt-secret": f"@{known.directory / credentials.JWT_SECRET}",
        "jwt-default-role": "api_user",
        "auth-login-enabled": os.environ.get("AUTOREST_AUTH_LOGIN_ENABLED", "true"),
        "server-host": "127.0.0.1",
        "server-port": port,
        "admin-server-host": "127.0.0.1",
        "admin-server-port": admin_port,
        # without it a configuration file alone means OpenAPI as PostgREST writes it
        "openapi-version": "3.1",
        "log-level": os.environ.get("AUTOREST_LOG_LEVEL", "info"),
    }
    # a file, so that the gateway's other commands find the same settings
    layout.gateway_settings.write_text(
        "# Written by setup.py at each start. AUTOREST_… variables, when it is started, add other settings.\n"
        + "".join(f"{name} = {_literal(value)}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    with layout.gateway_log.open("wb") as log:
        argv: list[str | Path] = [installed.program, "serve", layout.gateway_settings]
        tether = run_tethered(argv, _environment_without(settings), layout.root, log)
    try:
        _wait_until_ready(tether, admin_port, port, layout)
        yield tether
    finally:
        tether.release()


def _literal(value: str | int) -> str:
    """Write a value as the gateway's configuration file has it, where a dollar sign begins a variable."""
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False).replace("$", "$$")


def _environment_without(settings: Iterable[str]) -> dict[str, str]:
    """Return the environment without the variables that would win over these settings."""
    ours = {name.upper().replace("-", "_") for name in settings}
    theirs = {f"{prefix}_{name}{end}" for prefix in ("AUTOREST", "PGRST") for name in ours for end in ("", "_FILE")}
    return {name: value for name, value in without_postgres_variables().items() if name not in theirs}


def _wait_until_ready(gateway: Tether, admin_port: int, port: int, layout: Layout) -> None:
    give_up = time.monotonic() + _READY_SECONDS
    while not _is_ready(admin_port):
        if gateway.ended(0.05):
            if ports.is_taken(port):
                raise _taken(port)
            raise Problem("The gateway ended as soon as it was started.", *_see_log(layout))
        if time.monotonic() > give_up:
            raise Problem(f"The gateway was not ready within {_READY_SECONDS} s.", *_see_log(layout))


def _is_ready(admin_port: int) -> bool:
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with straight.open(f"http://127.0.0.1:{admin_port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _watch(server: Cluster, gateway: Tether, layout: Layout, console: Console) -> None:
    """Return never: raise Problem when the gateway ends, and start PostgreSQL again when that does."""
    while not gateway.ended(_LOOK_SECONDS):
        if not server.runs():
            with console.step("PostgreSQL has stopped; starting it again"):
                server.start(server.port)
    raise Problem("The gateway has stopped.", *_see_log(layout))


def _see_log(layout: Layout) -> tuple[str, str]:
    lines = layout.gateway_log.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"Its log is {layout.gateway_log}.", "\n".join(lines[-15:])


def _check_port(port: int, layout: Layout) -> None:
    if layout.recall().get("port") == port:
        # a run that was killed is still being cleaned up behind it
        _wait_until_free(port)
    if ports.is_taken(port):
        raise _taken(port)
    if ports.is_forbidden(port):
        raise Problem(
            f"Port {port} is not for this user: those below 1024 are the administrator's.",
            f"Choose another port: python3 setup.py --embedded --port {port + 8000 if port < 1024 else DEFAULT_PORT}",
        )


def _wait_until_free(port: int) -> None:
    give_up = time.monotonic() + _LEFTOVER_SECONDS
    while ports.is_taken(port) and time.monotonic() < give_up:
        time.sleep(0.1)


def _taken(port: int) -> Problem:
    return Problem(
        f"Port {port} is taken by {ports.holder(port)}.",
        f"Stop that, or choose another port: python3 setup.py --embedded --port {port + 1 if port < 65535 else 3000}",
    )


def _end(pid: int, layout: Layout) -> None:
    if not processes.end(pid, signal.SIGTERM, _LEFTOVER_SECONDS * 2):
        raise Problem(f"Process {pid} does not stop.", "End it (kill -9), and start this again.")
    if port := layout.recall().get("port"):
        _wait_until_free(port)  # only where the process could not stop them itself are its children still ending


def _say_that_it_runs(layout: Layout, wanted_port: int | None, console: Console) -> None:
    pid = layout.lock().holder()
    serving = layout.recall().get("port")
    where = f"at http://localhost:{serving}" if serving else "and is just starting"
    console.say(f"The embedded environment runs already {where} (process {pid}).")
    if serving and wanted_port and serving != wanted_port:
        console.say(
            f"To have it on port {wanted_port}, stop it first: Ctrl-C where it runs, or python3 teardown.py --yes"
        )


def _say_what_to_do(
    layout: Layout, installed: Installation, server: Cluster, known: Credentials, port: int, console: Console
) -> None:
    url = f"http://localhost:{port}"
    password = shown(known.directory / credentials.SUPERUSER)
    autorest = f"{_quoted(shown(installed.program))} %s --config {_quoted(shown(layout.gateway_settings))}"
    console.say(f"""
The API is at {url}. In another terminal:

{tour(url)}

  documentation  {url}/ in a browser
  a token        {autorest % "token --claim sub=ada"}
  PostgreSQL     {cluster.HOST}:{server.port}, database {database.NAME}, user postgres
                 password in {password}
  psql           {database.psql_command(server, password)}
  logs           {shown(layout.gateway_log)}
                 {shown(server.log)}

Ctrl-C stops it; the data stays.""")


def _quoted(word: str) -> str:
    return word if " " not in word else f'"{word}"' if sys.platform == "win32" else shlex.quote(word)
