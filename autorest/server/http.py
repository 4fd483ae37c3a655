"""uvicorn's server on sockets of ours, with a protocol of ours; it ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from autorest.server.protocol import Connections, HttpProtocol, Limits

BACKLOG = 2048
#: How long connections without a request are kept when the server ends: a request that is on its way is answered.
IDLE_GRACE = 0.5
#: How long requests have to end after they were given up.
LAST_SECONDS = 2.0


class HttpServer(uvicorn.Server):
    """Serves `application` on listening or bound sockets, until `should_exit`.

    `shutdown_seconds` bounds how long requests may take to finish then. It leaves signals alone.
    """

    def __init__(self, application: ASGIApp, limits: Limits, shutdown_seconds: float) -> None:
        super().__init__(uvicorn.Config(application, lifespan="off", log_config=None, server_header=False))
        self.connections = Connections(application, limits)
        self.shutdown_seconds = shutdown_seconds
        self._sockets: list[socket.socket] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def adopt(self, connected: socket.socket) -> None:
        """Serve one connection that was accepted elsewhere."""
        loop = asyncio.get_running_loop()
        connected.setblocking(False)
        await loop.connect_accepted_socket(self._protocol, connected)

    def _protocol(self) -> HttpProtocol:
        return HttpProtocol(self.connections, asyncio.get_running_loop())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._sockets = sockets or []
        self.connections.now = loop.time()
        self.servers = [
            await loop.create_server(self._protocol, sock=listening, backlog=BACKLOG) for listening in self._sockets
        ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        done = await super().on_tick(counter)
        if counter % 10 == 0:
            self.connections.date = b"".join(
                b"%b: %b\r\n" % pair for pair in self.server_state.default_headers if pair[0] == b"date"
            )
        if counter % 2 == 0:
            self.connections.sweep(asyncio.get_running_loop().time())
        return done

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, finish what was accepted, and close all connections."""
        loop = asyncio.get_running_loop()
        connections = self.connections
        connections.closing = True
        for server, listening in zip(self.servers, self._sockets, strict=True):
            await self._accept_last(listening)
            server.close()
        deadline = loop.time() + self.shutdown_seconds
        idle_until = loop.time() + IDLE_GRACE
        while connections.open and loop.time() < deadline and not self.force_exit:
            connections.sweep(loop.time())
            if loop.time() >= idle_until:
                connections.close_idle()
            await asyncio.sleep(0.02)
        connections.abort()
        if connections.given_up:
            await asyncio.wait(connections.given_up, timeout=LAST_SECONDS)

    async def _accept_last(self, listening: socket.socket) -> None:
        """Take the connections that the kernel has accepted: closing the socket would reset them."""
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return
            await self.adopt(connected)
