"""How setup.py and teardown.py begin and end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from environment.console import Console
from environment.problem import Problem, from_os_error


def root() -> Path:
    """Return the folder of the checkout."""
    return Path(__file__).resolve().parent.parent


def shown(path: Path) -> str:
    """Return what to call a file: short where the person stands in the folder of the checkout."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def ended_by(work: Callable[[], None], console: Console) -> int:
    """Do the work and return the exit code: 0, 1 after a problem, 130 when it was interrupted.

    Every signal that asks to stop becomes a KeyboardInterrupt, once: what follows it is not cut short.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        work()
    except KeyboardInterrupt:
        console.report(Problem("Interrupted.", "Start it again to go on from here."))
        return 130
    except Problem as problem:
        console.report(problem)
        return 1
    except BrokenPipeError:
        return 1
    except OSError as error:
        console.report(from_os_error(error))
        return 1
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise KeyboardInterrupt
