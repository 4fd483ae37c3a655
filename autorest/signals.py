"""Signals: kept from the first moment of a process on, and then handed over by their names."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: Signals that end the gateway: the first also one of several workers, the others come from a terminal.
ENDING = ("SIGTERM", "SIGINT", "SIGBREAK")
RELOADING = ("SIGUSR1", "SIGUSR2")


def hold_signals(*names: str) -> None:
    """Keep these signals until `handle_signals`: the system's answer to them is to end the process."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _known(names))


def handle_signals(loop: asyncio.AbstractEventLoop, handler: Callable[[str], None], *names: str) -> None:
    """Have an event loop call `handler` with the name of each of these signals that comes, or came and was held."""

    def call_soon(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(handler, signal.Signals(number).name)

    for known in _known(names):
        try:
            loop.add_signal_handler(known, handler, known.name)
        except NotImplementedError:
            # Windows' event loops leave signals to the interpreter.
            with contextlib.suppress(ValueError):
                signal.signal(known, call_soon)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _known(names))


def _known(names: Iterable[str]) -> list[signal.Signals]:
    """Return those of these signals that the operating system has."""
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]
