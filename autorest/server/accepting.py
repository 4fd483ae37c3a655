"""Accepting connections from a socket that several processes share."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

logger = logging.getLogger("autorest.server")

#: How long none is accepted after the system had no descriptor or memory for one, in seconds.
RECOVERY_SECONDS = 1.0


class Turns:
    """Accepts one connection at a time, and goes back to the event loop before the next.

    Who accepts all that wait takes a whole burst, while the other processes are still waking up: of 200 clients that
    connect at once and stay, one process would serve 199. In turns, whoever has less to do comes more often.
    """

    def __init__(self, listening: socket.socket, serve: Callable[[socket.socket], Awaitable[None]]) -> None:
        self._listening = listening
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._serving: set[asyncio.Future[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def begin(self, backlog: int) -> None:
        """Listen. Raises OSError where that cannot be."""
        self._listening.listen(backlog)
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Accept nothing more, and close the socket."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        try:
            connected, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another process was faster, or the client has gone.
            return
        except OSError as error:
            logger.error("no connection can be accepted, trying again in %g s: %s", RECOVERY_SECONDS, error)
            self._loop.remove_reader(self._listening)
            self._pause = self._loop.call_later(RECOVERY_SECONDS, self._loop.add_reader, self._listening, self._accept)
            return
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serving = asyncio.ensure_future(self._serve(connected))
        self._serving.add(serving)
        serving.add_done_callback(self._served)

    def _served(self, serving: asyncio.Future[None]) -> None:
        self._serving.discard(serving)
        if not serving.cancelled() and (error := serving.exception()) is not None:
            logger.debug("a connection ended before it was served: %s", error)
