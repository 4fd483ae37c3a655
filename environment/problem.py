"""The one kind of failure that setup.py and teardown.py report."""

from __future__ import annotations

import errno
import sys
from pathlib import Path


class Problem(Exception):
    """Something that the person at the keyboard can put right.

    `what` says in a sentence what is wrong, `advice` in a sentence what to do about it; `output` holds
    the last lines that a program printed before it failed.
    """

    def __init__(self, what: str, advice: str = "", output: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.output = output


def from_os_error(error: OSError) -> Problem:
    """Turn what the operating system refused into a `Problem`."""
    where = error.filename
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS if where is not None:
            return Problem(
                f"{where} may not be read or written by this user{_belongs_to(where)}.",
                "Run this as that user, or give the file to yourself (chown), and start again.",
            )
        case errno.ENOSPC:
            return Problem("The disk is full.", "Free some space and start again.")
        case _:
            return Problem(f"The operating system refused: {error}.", "Put that right and start again.")


def _belongs_to(where: str) -> str:
    if sys.platform == "win32":
        return ""
    path = Path(where)
    try:
        while not path.exists() and path != path.parent:
            path = path.parent
        owner = path.owner()
    except (OSError, KeyError):
        return ""
    return f"; {path} belongs to {owner}"
