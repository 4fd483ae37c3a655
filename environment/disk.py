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
            f"Only {_in_words(free)} are free at {where}, and {_in_words(needed)} are needed.",
            f"Free some space{how_to_make_room} and start again.",
        )
    return f"{_in_words(free)} free"


def _in_words(size: int) -> str:
    return f"{size >> 20} MB" if size < GIGABYTE else f"{size / GIGABYTE:.0f} GB"
