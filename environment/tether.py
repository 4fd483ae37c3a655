"""Ends what setup.py started when setup.py itself ends, however it ends.

A tether is a small process with a pipe from setup.py as its standard input. When the pipe closes,
because setup.py closed it or because setup.py is gone, it stops what it was told to stop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PATIENCE_SECONDS = 20


class Tether:
    """The end of the pipe that setup.py holds."""

    def __init__(self, task: Mapping[str, object], env: Mapping[str, str] | None, log: IO[bytes] | int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def ended(self, seconds: float) -> bool:
        """Wait up to `seconds` and tell whether the program has ended by itself."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def release(self) -> None:
        """Close the pipe and return when everything has stopped."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not self.ended(_PATIENCE_SECONDS * 2):
            self._process.kill()
            self._process.wait()


def run_tethered(
    argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: IO[bytes] | int = subprocess.DEVNULL
) -> Tether:
    """Start a program that is asked to stop when the pipe closes, and killed if it does not."""
    return Tether({"run": [str(part) for part in argv], "cwd": str(cwd)}, env, log)


def run_afterwards(argv: Sequence[str | Path], identity: Mapping[str, object]) -> Tether:
    """Run a program when the pipe closes; `identity` holds `subprocess`' arguments `user` and `group`."""
    task = {"afterwards": [str(part) for part in argv], "identity": dict(identity)}
    return Tether(task, None, subprocess.DEVNULL)


def _wait_until_the_pipe_closes() -> None:
    while os.read(0, 1):
        pass


def _stop_with_the_pipe(child: subprocess.Popen[bytes]) -> None:
    _wait_until_the_pipe_closes()
    try:
        child.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
    except OSError:  # Windows has no Ctrl-Break without a console
        child.terminate()
    try:
        child.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _main() -> None:
    task = json.loads(sys.argv[1])
    if "run" in task:
        child = subprocess.Popen(
            task["run"],
            stdin=subprocess.DEVNULL,
            cwd=task["cwd"],
            # on Windows only a group of its own can be sent Ctrl-Break, and nobody else is meant
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        threading.Thread(target=_stop_with_the_pipe, args=(child,), daemon=True).start()
        os._exit(child.wait() & 0xFF)
    _wait_until_the_pipe_closes()
    subprocess.run(task["afterwards"], stdin=subprocess.DEVNULL, cwd=Path("/"), check=False, **task["identity"])


if __name__ == "__main__":
    _main()
