"""Processes of this machine by their number."""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

from environment.commands import run
from environment.problem import Problem

_GONE_POLL_SECONDS = 0.05


def command_line(pid: int) -> str:
    """Return what a process was started as; nothing when it has ended, even if nobody has collected it yet."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            return ""
    if sys.platform == "win32":
        task = run(["tasklist", "/FI", f"PID eq {pid}", "/FO", "CSV", "/NH"], timeout=20).output
        row = next(csv.reader(task.splitlines()), [])
        return row[0] if len(row) > 1 else ""
    return run(["ps", "-o", "command=", "-p", str(pid)], timeout=10).output.strip()


def end(pid: int, signal_number: int, seconds: float) -> bool:
    """Send a signal and tell whether the process has ended `seconds` later at the latest.

    Raises Problem for a process of another user.
    """
    was = command_line(pid)
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return True
    except PermissionError:
        raise Problem(
            f"Process {pid} belongs to another user and may not be ended by this one.",
            "Start this as that user, or as root.",
        ) from None
    give_up = time.monotonic() + seconds
    while command_line(pid) == was != "":
        if time.monotonic() > give_up:
            return False
        time.sleep(_GONE_POLL_SECONDS)
    return True
