"""The one kind of failure that setup.py and teardown.py report."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent
_FULL = "The disk is full: free some space and start again."


class Problem(Exception):
    """Something that the person at the keyboard can put right.

    `what` says in a sentence what is wrong, `advice` in a sentence what to do about it; `output` holds
    the last lines that a program printed before it failed. If those tell of a full disk, so does the advice.
    """

    def __init__(self, what: str, advice: str = "", output: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = _FULL if os.strerror(errno.ENOSPC).lower() in output.lower() else advice
        self.output = output


def from_os_error(error: OSError) -> Problem:
    """Turn what the operating system refused into a `Problem`."""
    where = error.filename
    match error.errno:
        case errno.EROFS if where is not None:
            return Problem(
                f"{where} cannot be written: that disk, or that folder, is there to be read only.",
                "Copy this folder to a place where you can write, and start it there.",
            )
        case errno.EACCES | errno.EPERM if where is not None:
            return _not_allowed(Path(where))
        case errno.ENOSPC:
            return Problem("The disk is full.", "Free some space and start again.")
        case _:
            return Problem(f"The operating system refused: {error}.", "Put that right and start again.")


def _all_of_theirs(path: Path) -> Path:
    """Return the highest folder in the checkout that has the owner of `path`, and `path` where it lies elsewhere."""
    while _CHECKOUT in path.parents and path.parent.stat().st_uid == path.stat().st_uid:
        path = path.parent
    return path


def _not_allowed(path: Path) -> Problem:
    if sys.platform != "win32":
        try:
            there = next(place for place in (path, *path.parents) if place.exists())
            owner = there.owner()
        except (OSError, KeyError, StopIteration):
            pass
        else:
            if there.stat().st_uid != os.geteuid():
                there = _all_of_theirs(there)
                return Problem(
                    f"{there} belongs to {owner}, and this user may not change it.",
                    f"Start this as {owner}, or take it over: sudo chown -R $USER {shlex.quote(str(there))}",
                )
    return Problem(
        f"{path} may not be read or written by this user.",
        "Give yourself the right to, and start again.",
    )
