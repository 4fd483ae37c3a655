"""Whether there is room on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from environment.problem import Problem

GIGABYTE = 1 << 30


def check(where: Path, needed: int, how_to_make_room: str = "") -> str:
    """Return in words how many bytes are free at `where`; raises Problem when fewer than `needed` are."""
    free = shutil.disk_usage(where).free
    if free < needed:
        raise Problem(
            f"Only {free / GIGABYTE:.1f} GB are free at {where}, and {needed / GIGABYTE:.1f} GB are needed.",
            f"Free some space{how_to_make_room} and start again.",
        )
    return f"{free / GIGABYTE:.0f} GB free" if free >= 10 * GIGABYTE else f"{free / GIGABYTE:.1f} GB free"
