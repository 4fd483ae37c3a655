"""Child processes that PostgreSQL and pgBouncer will accept as their own: neither runs as root."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from tests.support.ports import free_port


class Unavailable(Exception):
    """A server that cannot be had on this machine, and why."""


class Server(ABC):
    """A process on a free port of the loopback, with a directory of its own: to be started, or a context manager.

    `gently` is the signal that asks it to end.
    """

    gently: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, prefix: str) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=prefix))
        self.log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)

    @abstractmethod
    def start(self) -> Self:
        """Start it and return when it answers."""

    @property
    def pid(self) -> int | None:
        """Its process id, None while it is stopped."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        stop(self._process, self.gently)
        self._process = None

    def kill(self) -> None:
        """Kill it with SIGKILL, as if it had crashed."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop it and start it again on the same port."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it and forget its directory."""
        atexit.unregister(self.remove)
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        self.remove()


def unprivileged() -> pwd.struct_passwd | None:
    """Return the user that servers run as when the tests run as root, else None."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


def hand_over(path: Path) -> None:
    """Give `path` to the user that servers run as."""
    if user := unprivileged():
        os.chown(path, user.pw_uid, user.pw_gid)


def start(command: Sequence[str], log: Path, *, drop: bool = True) -> subprocess.Popen[bytes]:
    """Start `command` with its output appended to `log`, as another user than root if `drop`."""
    user = unprivileged() if drop else None
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            env={**os.environ, "HOME": str(log.parent)} if user else None,
        )


def run(command: Sequence[str], log: Path) -> None:
    """Run `command` to its end; raise RuntimeError with its output if it fails."""
    if start(command, log).wait(timeout=120):
        raise RuntimeError(f"{command[0]} failed:\n{tail(log)}")


def stop(process: subprocess.Popen[bytes] | None, gently: signal.Signals, seconds: float = 20) -> None:
    """Ask `process` to end with `gently`; kill it if it has not within `seconds`."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    """Return when `ready()`; raise RuntimeError with the log's end if the process ends or time runs out."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"not ready after {seconds:.0f} s:\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, characters: int = 2000) -> str:
    """Return the end of a log file."""
    return log.read_text(errors="replace")[-characters:] if log.exists() else ""
