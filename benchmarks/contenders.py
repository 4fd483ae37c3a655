"""Who takes part, and how each is started as a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import stage as stages
from benchmarks.cases import Case, Dialect, Request
from benchmarks.environment import python_with
from benchmarks.stage import ROOT, Stage
from tests.__main__ import cache_directory
from tests.support import process
from tests.support.ports import free_port
from tests.support.process import Unavailable

OURS = "gateway"
OTHER = "other"
PGBENCH = "pgbench"
HOST = "127.0.0.1"
POOL = 20
ENDPOINTS = Path(__file__).parent / "endpoints"
UVICORN = ["--host", HOST, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
PROTOTYPE = ROOT.parent / "shared" / "prototype"


@dataclass(frozen=True, slots=True)
class Command:
    """How a process is started; `environment` comes on top of this process's."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = ROOT


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who answers. `only` names the cases it can answer, None stands for all that its dialect has.

    `command` raises Unavailable where the contender cannot be had. pgbench has none: it is a driver itself.
    """

    name: str
    about: str
    dialect: Dialect
    command: Callable[[Stage, int], Command] | None
    only: frozenset[str] | None = None

    def answers(self, case: Case) -> bool:
        return self.dialect in case.requests and (self.only is None or case.name in self.only)


def gateway(stage: Stage, port: int, checkout: Path = ROOT) -> Command:
    settings = {
        "DB_URI": stage.dsn,
        "DB_DIRECT_URI": stage.direct_dsn,
        "DB_SCHEMAS": "api",
        "DB_ANON_ROLE": "api_anon",
        "DB_POOL": str(POOL),
        "JWT_SECRET": stages.SECRET,
        "SERVER_HOST": HOST,
        "SERVER_PORT": str(port),
        "ADMIN_SERVER_PORT": str(free_port()),
    }
    own = {f"AUTOREST_{name}": value for name, value in settings.items()}
    return Command([sys.executable, "-m", "autorest.cli", "serve"], {**own, "PYTHONPATH": str(checkout)}, checkout)


def prototype(stage: Stage, port: int) -> Command:
    home = Path(os.environ.get("AUTOREST_PROTOTYPE") or PROTOTYPE).resolve()
    if not (home / "gateway.py").exists():
        raise Unavailable(f"{home} has no gateway.py: AUTOREST_PROTOTYPE or --prototype says where it is")
    own = {"PROTO_DSN": stage.dsn, "PROTO_POOL": str(POOL), "PROTO_JWT_SECRET": stages.SECRET}
    return Command(
        [sys.executable, "-m", "uvicorn", "gateway:app", "--port", str(port), *UVICORN],
        {**own, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        home,
    )


def endpoint(module: str, *needed: str, **more: str) -> Callable[[Stage, int], Command]:
    """Return how to start one of the endpoints written by hand."""

    def command(stage: Stage, port: int) -> Command:
        python = str(python_with("uvicorn", "uvloop", "httptools", *needed))
        own = {"HAND_DSN": stage.dsn, "HAND_SECRET": stages.SECRET, "PYTHONPATH": str(ENDPOINTS), **more}
        return Command([python, "-m", "uvicorn", f"{module}:app", "--port", str(port), *UVICORN], own, ENDPOINTS)

    return command


def postgrest(stage: Stage, port: int) -> Command:
    program = shutil.which("postgrest")
    # the command of that name may be this package's own
    if program is None or "autorest" in stages.version(program):
        raise Unavailable("there is no postgrest on the PATH")
    settings = {
        "DB_URI": stage.dsn,
        "DB_SCHEMAS": "api",
        "DB_ANON_ROLE": "api_anon",
        "DB_POOL": str(POOL),
        "DB_CHANNEL_ENABLED": "false",
        "JWT_SECRET": stages.SECRET,
        "SERVER_HOST": HOST,
        "SERVER_PORT": str(port),
        "LOG_LEVEL": "crit",
    }
    return Command([program], {f"PGRST_{name}": value for name, value in settings.items()})


def postgraphile(stage: Stage, port: int) -> Command:
    npm, home = shutil.which("npm"), cache_directory() / "postgraphile-4"
    program = home / "node_modules" / ".bin" / "postgraphile"
    if npm is None:
        raise Unavailable("there is no npm")
    if not program.exists():
        print(f"Installing PostGraphile into {home}, once ...", flush=True)
        home.mkdir(parents=True, exist_ok=True)
        words = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), "postgraphile@4"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=home)
        if done.returncode:
            raise Unavailable(f"npm could not install it: {(done.stderr or done.stdout).strip()[-300:]}")
    options = {"connection": stage.dsn, "schema": "api", "default-role": "api_anon", "host": HOST, "port": str(port)}
    options["max-pool-size"] = str(POOL)
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Command([str(program), *words, "--disable-graphiql", "--disable-query-log"], {"NODE_ENV": "production"})


HAND = ("fastapi", "orjson", "jwt")
ALL = (
    Contender(OURS, "autorest serve, as in production", "postgrest", gateway),
    Contender(
        "prototype",
        "the least that could do it: the yardstick",
        "postgrest",
        prototype,
        frozenset({"one-row", "one-row-token", "100-rows", "insert", "error-404"}),
    ),
    Contender(
        PGBENCH,
        "the gateway's batch alone, by pgbench through the same pgBouncer",
        "postgrest",
        None,
        frozenset({"one-row", "one-row-token", "100-rows", "embed", "million", "insert", "insert-1000", "rpc"}),
    ),
    Contender("asyncpg", "FastAPI and asyncpg by hand", "plain", endpoint("by_asyncpg", "asyncpg", *HAND)),
    Contender(
        "asyncpg-reset",
        "the same, with the pool's reset of each connection that asyncpg does unless told not to",
        "plain",
        endpoint("by_asyncpg", "asyncpg", *HAND, HAND_RESET="1"),
    ),
    Contender(
        "sqlalchemy",
        "FastAPI and SQLAlchemy's ORM",
        "plain",
        endpoint("by_sqlalchemy", "sqlalchemy", "asyncpg", *HAND),
    ),
    Contender("postgraphile", "PostGraphile 4 from npm", "graphql", postgraphile),
    Contender("postgrest", "PostgREST, where one is on the PATH", "postgrest", postgrest),
    Contender(
        "bare", "uvicorn with an error and nothing else", "postgrest", endpoint("bare"), frozenset({"error-404"})
    ),
)
CONTENDERS = {contender.name: contender for contender in ALL}
DEFAULT = (OURS, "prototype", PGBENCH, "asyncpg", "sqlalchemy")


def other(checkout: Path) -> Contender:
    """Return the gateway of another checkout, to see what a change is worth."""
    return Contender(OTHER, str(checkout), "postgrest", lambda stage, port: gateway(stage, port, checkout))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that answers at HOST:`port`."""

    contender: Contender
    pid: int
    port: int

    @property
    def host(self) -> str:
        return f"{HOST}:{self.port}"

    def ask(self, request: Request) -> Answer:
        """Send one request; raise OSError when nobody answers."""
        asked = urllib.request.Request(
            f"http://{self.host}{request.path}", request.body or None, dict(request.headers), method=request.method
        )
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())

    def listens(self) -> bool:
        try:
            return self.ask(Request("/nothing")).status < 500
        except OSError:
            return False


@contextmanager
def started(contender: Contender, stage: Stage) -> Iterator[Running]:
    """Start a contender and yield when it answers; raise Unavailable when it does not come up."""
    assert contender.command is not None
    port = free_port()
    command = contender.command(stage, port)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGRST_", "AUTOREST_", "PG"))}
    directory = Path(tempfile.mkdtemp(prefix=f"autorest-{contender.name}-"))
    log = directory / "log"
    child: subprocess.Popen[bytes] | None = None
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(
                list(command.words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=command.directory,
                start_new_session=True,
                env={**kept, **command.environment},
            )
        running = Running(contender, child.pid, port)
        try:
            process.wait_until(running.listens, child, log, seconds=60)
        except RuntimeError as error:
            raise Unavailable(str(error)) from error
        time.sleep(0.2)
        yield running
    finally:
        process.stop(child, signal.SIGTERM, seconds=5)
        shutil.rmtree(directory, ignore_errors=True)
