"""A copy of the repository in which setup.py and teardown.py are started as people start them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import process
from tests.support.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
_LEFT_OUT = (".*", "__pycache__", "benchmarks", "docs", "node_modules", "postgres-data", "tests", "*.txt")
_INSTALL_SECONDS = 400
_STARTED = "Ctrl-C stops it"


class Answer(NamedTuple):
    """What the API answered; `body` is read as JSON where there is one."""

    status: int
    body: Any


def without_docker() -> dict[str, str]:
    """Return an environment in which Docker does not answer, and nothing leads to another database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOREST_", "PGRST_", "PG"))}
    return kept | {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "PYTHONDONTWRITEBYTECODE": "1"}


class Run:
    """One run of setup.py in the background."""

    def __init__(self, started: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.process = started
        self.log = log
        self.port = port

    @property
    def output(self) -> str:
        return process.tail(self.log, 100_000)

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        """Send a request to the API and return its answer, whatever its status."""
        headers = {"Prefer": "return=representation"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, json.loads(answer.read() or b"null"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read() or b"null"))

    def titles(self) -> list[str]:
        return [todo["title"] for todo in self.call("GET", "/todos?order=created_at").body]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal to setup.py alone and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


class Checkout:
    """A copy of the repository at `root`, without what this machine has added to the original."""

    def __init__(self, root: Path, python: str = sys.executable, user: int | None = None) -> None:
        self.root = root
        self.data = root / "postgres-data"
        self._python = python
        self._user = user
        self._logs = 0
        shutil.copytree(REPOSITORY, root, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        (root / "README.md").touch()
        if user is not None:
            for path in (root, *root.rglob("*")):
                os.chown(path, user, user)

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end, without a terminal."""
        return subprocess.run(
            [self._python, script, *arguments],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            env=without_docker() | env,
            user=self._user,
            group=self._user,
        )

    def start(self, *arguments: str, port: int | None = None, sudo: bool = False, **env: str) -> Run:
        """Start `setup.py --embedded` in the background, on a free port unless one is given.

        With `sudo` it is started as sudo would for the user of the checkout.
        """
        port = port or free_port()
        user = None if sudo else self._user
        env = env | {"SUDO_UID": str(self._user)} if sudo else env
        self._logs += 1
        log = self.root / f"run-{self._logs}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                [self._python, "setup.py", "--embedded", "--port", str(port), *arguments],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=without_docker() | env,
                start_new_session=True,
                user=user,
                group=user,
            )
        return Run(started, log, port)

    @contextmanager
    def serving(self, *arguments: str, port: int | None = None, sudo: bool = False, **env: str) -> Iterator[Run]:
        """Start `setup.py --embedded`, wait until it says what to do, and stop it afterwards."""
        run = self.start(*arguments, port=port, sudo=sudo, **env)
        try:
            process.wait_until(lambda: _STARTED in run.output, run.process, run.log, _INSTALL_SECONDS)
            yield run
        finally:
            process.stop(run.process, signal.SIGTERM, 60)

    def processes(self) -> list[str]:
        """Return the command lines of what still runs out of this checkout, or on its data."""
        data = [str(path.resolve()) for path in self.data.glob("[0-9]*")]
        lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
        return [line for line in lines if any(place in line for place in [str(self.root), *data])]

    def wait_until_quiet(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def remove(self) -> None:
        self.run("teardown.py", "--all", "--yes")
        shutil.rmtree(self.root, ignore_errors=True)
