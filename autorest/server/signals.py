"""Signals, by their names."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from types import FrameType

ENDING = ("SIGTERM", "SIGINT", "SIGBREAK")
RELOADING = ("SIGUSR1", "SIGUSR2")


def handle_signals(handler: Callable[[str], None]) -> None:
    """Have the running event loop call `handler` with the name of each signal that ends the gateway or reloads."""
    loop = asyncio.get_running_loop()

    def call_soon(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(handler, signal.Signals(number).name)

    for name in (*ENDING, *RELOADING):
        if (known := getattr(signal, name, None)) is None:
            continue
        try:
            loop.add_signal_handler(known, handler, name)
        except NotImplementedError:
            # Windows' event loops leave signals to the interpreter.
            with contextlib.suppress(ValueError):
                signal.signal(known, call_soon)
