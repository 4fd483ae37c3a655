"""Child processes that PostgreSQL and pgBouncer will accept as their own: neither runs as root."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


class Unavailable(Exception):
    """A server that cannot be had on this machine, and why."""


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
