"""The stack of a copy of the repository, brought up with a real Docker engine as people do it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt

from tests.support.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = "autorest-stack-test"
DOMAIN = "theddt.local"
_LEFT_OUT = (".git", ".venv", ".cache", ".*_cache", "__pycache__", "node_modules", "postgres-data", ".env")
_SET_UP_SECONDS = 1200
_WELL_SECONDS = 240
_STANDARD_PORTS = {"HTTP_PORT": 80, "HTTPS_PORT": 443, "DASHBOARD_PORT": 8080, "POSTGRES_PORT": 5432}

T = TypeVar("T")


def obstacle() -> str:
    """Say why the stack cannot run on this machine; nothing when it can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    engine = subprocess.run(["docker", "version"], capture_output=True, text=True)
    if engine.returncode != 0:
        return f"no Docker engine answers: {engine.stderr.strip()}"
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        return "Docker's compose is missing"
    return ""


def images() -> str:
    """Return the lines for .env that name this machine's own images, where .ci/docker.sh made some."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = cache / "autorest" / "images.env"
    return named.read_text(encoding="utf-8") if named.exists() else ""


def eventually(condition: Callable[[], T], seconds: float = 30) -> T:
    """Return the first true answer of `condition`; fail the test when there is none in time."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            if answer := condition():
                return answer
        except (httpx.HTTPError, OSError):
            pass
        assert time.monotonic() < give_up, f"nothing came of it within {seconds} s"
        time.sleep(0.1)


class Stack:
    """One environment: a folder, its compose project, and clients of what it serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT, "docs", "benchmarks"))
        for secret in (folder / "secrets").glob("*.txt"):
            secret.unlink()
        self.ports = {name: port if _is_free(port) else free_port() for name, port in _STANDARD_PORTS.items()}
        own = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "AUTOREST_IMAGE": f"{PROJECT}/gateway",
            "PGBOUNCER_IMAGE": f"{PROJECT}/pgbouncer",
            "HOME_IMAGE": f"{PROJECT}/home",
            "AUTOREST_SETTINGS": "./settings.env",
            **self.ports,
        }
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        (folder / "settings.env").write_text("AUTOREST_SERVER_TRACE_HEADER=X-Request-Id\n", encoding="utf-8")
        (folder / ".env").write_text(images() + lines, encoding="utf-8")

    # --- how it is brought up and down ---------------------------------------------------------------------------

    def script(self, name: str, *arguments: str, folder: Path | None = None, code: int = 0) -> str:
        """Run setup.py or teardown.py, of another folder if one is given, asking nothing; return what it printed."""
        ran = subprocess.run(
            [sys.executable, name, "--yes", *arguments],
            cwd=folder or self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SET_UP_SECONDS,
        )
        assert ran.returncode == code, ran.stdout
        return ran.stdout

    def docker(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        ran = subprocess.run(
            ["docker", *arguments],
            cwd=self.folder,
            env=_environment(),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=_SET_UP_SECONDS,
        )
        assert ran.returncode == 0 or not check, ran.stdout + ran.stderr
        return ran.stdout if check else ran.stdout + ran.stderr

    def compose(self, *arguments: str, check: bool = True) -> str:
        return self.docker("compose", *arguments, check=check)

    def up(self, *arguments: str, files: Sequence[str] = ()) -> None:
        """Start what does not run and wait until everything is healthy."""
        self.compose(*files, "up", "--detach", "--no-build", "--wait", "--wait-timeout", str(_WELL_SECONDS), *arguments)
        eventually(lambda: self.api.get("/todos?limit=1").status_code == 200, 60)

    def config(self, *files: str) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self.compose(*files, "config", "--format", "json"))
        return config

    def services(self) -> list[str]:
        return self.compose("config", "--services").split()

    def containers(self, *services: str) -> list[str]:
        return self.compose("ps", "--all", "--quiet", *services).split()

    def inspect(self, *services: str) -> list[dict[str, Any]]:
        return self.inspected(*self.containers(*services))

    def inspected(self, *containers: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *containers)) if containers else []
        return found

    def wait_until_well(self) -> None:
        def is_well() -> bool:
            states = [container["State"] for container in self.inspect()]
            return all(state["Running"] and state["Health"]["Status"] == "healthy" for state in states)

        eventually(is_well, _WELL_SECONDS)

    # --- what it serves ------------------------------------------------------------------------------------------

    @property
    def api(self) -> httpx.Client:
        return self.at(f"api.{DOMAIN}")

    def at(self, host: str, port: str = "HTTP_PORT", **options: Any) -> httpx.Client:
        """Return a client of what Traefik serves under a host name, without asking anybody for its address."""
        number = self.ports[port]
        name = host if number in (80,) else f"{host}:{number}"
        return httpx.Client(
            base_url=f"http://127.0.0.1:{number}", headers={"Host": name}, timeout=60, trust_env=False, **options
        )

    def curl(self, path: str, *arguments: str) -> str:
        """Run curl as the README writes it, except that it need not ask for the name's address."""
        port = self.ports["HTTP_PORT"]
        place = f"api.{DOMAIN}" if port == 80 else f"api.{DOMAIN}:{port}"
        ran = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*"),
                *("--resolve", f"api.{DOMAIN}:{port}:127.0.0.1", *arguments, f"http://{place}{path}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / f"{name}.txt").read_text(encoding="utf-8").strip()

    def token(self, subject: str, **claims: object) -> dict[str, str]:
        """Return the header with a token for `subject` that is good for a minute."""
        payload = {"sub": subject, "exp": int(time.time()) + 60} | claims
        return {"Authorization": f"Bearer {jwt.encode(payload, self.secret('jwt_secret'), 'HS256')}"}

    def add_todo(self, title: str) -> str:
        answer = self.api.post("/todos", json={"title": title}, headers={"Prefer": "return=representation"})
        assert answer.status_code == 201, answer.text
        identifier: str = answer.json()[0]["id"]
        return identifier

    def todos(self) -> set[str]:
        answer = self.api.get("/todos?select=id")
        assert answer.status_code == 200, answer.text
        return {todo["id"] for todo in answer.json()}

    def psql(self, command: str) -> str:
        """Run SQL as the superuser, as a DBA does."""
        return self.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "app", "-Atqc", command)

    def enter_pgbouncer(self, user: str, password: str, database: str = "app") -> str:
        """Try to run a query through pgBouncer and return what psql said."""
        return self.compose(
            *("exec", "-T", "--env", f"PGPASSWORD={password}", "pgbouncer"),
            *("psql", "-h", "pgbouncer", "-p", "6432", "-U", user, "-d", database, "-Atqc", "select current_user"),
            check=False,
        ).strip()


def published(config: dict[str, Any]) -> set[tuple[str, str, int, int]]:
    """Return service, address, port and the container's port of all that a configuration publishes."""
    return {
        (name, port.get("host_ip", "0.0.0.0"), int(port["published"]), int(port["target"]))
        for name, service in config["services"].items()
        for port in service.get("ports", ())
    }


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _environment() -> dict[str, str]:
    """Return this process's environment without what would lead compose away from .env."""
    ours = ("COMPOSE_", "AUTOREST_", "PGRST_", "PG", "POSTGRES_", "TRAEFIK_", "HOME_", "HTTP_PORT", "DOMAIN")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Bring a stack up, and remove all of it in the end: containers, volumes, networks and what was built."""
    web_was_there = subprocess.run(["docker", "network", "inspect", "web"], capture_output=True).returncode == 0
    stack = Stack(folder)
    try:
        # what a run that was killed has left
        stack.compose("down", "--volumes", "--remove-orphans", check=False)
        try:
            stack.script("setup.py")
        except AssertionError:
            print(stack.compose("logs", "--no-color", "--tail", "50", check=False))
            raise
        yield stack
    finally:
        also: Sequence[str] = () if web_was_there else ("--network",)
        stack.script("teardown.py", "--volumes", "--secrets", *also)
