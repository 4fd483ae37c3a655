"""CPU time and memory of processes, from /proc (Linux only)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

PROC = Path("/proc")


def family(root: int) -> list[int]:
    """Return `root` and all its descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return the CPU time that each process has used: to the nanosecond where the kernel says so, else to the tick."""
    used: dict[int, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            try:
                tasks = [int((task / "schedstat").read_text().split()[0]) for task in (PROC / f"{pid}/task").iterdir()]
                used[pid] = sum(tasks) / 1e9
            except (FileNotFoundError, IndexError):
                fields = (PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
                used[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Return the seconds between two measurements, those of processes that came in between included."""
    return sum(max(0.0, seconds - before.get(pid, 0.0)) for pid, seconds in after.items())


def memory(pids: Iterable[int], what: str = "VmHWM") -> float:
    """Return the sum of VmHWM (the most they had) or VmRSS (what they have) in megabytes."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError, StopIteration):
            lines = (PROC / f"{pid}/status").read_text().splitlines()
            total += next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))
    return total
