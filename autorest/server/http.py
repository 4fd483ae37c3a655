"""uvicorn's server on sockets of ours, with a protocol of ours; it ends without losing a request."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from autorest.server.accepting import Turns
from autorest.server.protocol import Connections, HttpProtocol, Limits

BACKLOG = 2048
#: For the admin server and for the supervisor: nobody there has to be kept out.
PATIENT = Limits(pipelined=1 << 20, head_seconds=0.0, idle_seconds=0.0, silent_seconds=0.0)
#: How long the admin server has to finish.
ADMIN_SECONDS = 0.5
#: How long connections without a request are kept when the server ends: a request that is on its way is answered.
IDLE_GRACE = 0.5
#: How long requests have to end after they were given up.
LAST_SECONDS = 2.0


class HttpServer(uvicorn.Server):
    """Serves `application` between `begin` and `end`, on bound sockets and on connections that it is given.

    `shared` tells that other processes accept from the same sockets.
    """

    def __init__(self, application: ASGIApp, limits: Limits, *, shared: bool = False) -> None:
        config = uvicorn.Config(
            application, loop="none", http="httptools", ws="none", lifespan="off", log_config=None, server_header=False
        )
        super().__init__(config)
        self.connections = Connections(application, limits)
        self._shared = shared
        self._sockets: list[socket.socket] = []
        self._turns: list[Turns] = []
        self._ticking: asyncio.Task[None] | None = None

    async def begin(self, *sockets: socket.socket) -> None:
        """Listen and serve from now on. Raises OSError when a socket cannot be listened on."""
        self.config.load()
        await self.startup([*sockets])
        self._ticking = asyncio.create_task(self.main_loop())

    async def end(self, patience: float) -> None:
        """Stop: requests under way have `patience` seconds to finish, unless `force_exit` is set meanwhile."""
        if self._ticking is not None:
            self.should_exit = True
            await self._finish(patience)
            await self._ticking

    async def adopt(self, connected: socket.socket) -> None:
        """Serve one connection that was accepted elsewhere."""
        connected.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connected)

    def _protocol(self) -> HttpProtocol:
        return HttpProtocol(self.connections, asyncio.get_running_loop())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._sockets = sockets or []
        self.connections.now = loop.time()
        self.servers = []
        if self._shared:
            self._turns = [Turns(bound, self.adopt) for bound in self._sockets]
            for turns in self._turns:
                turns.begin(BACKLOG)
        else:
            self.servers = [
                await loop.create_server(self._protocol, sock=bound, backlog=BACKLOG) for bound in self._sockets
            ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        done = await super().on_tick(counter)
        if counter % 10 == 0:
            lines = (b"%b: %b\r\n" % header for header in self.server_state.default_headers)
            self.connections.date = next((line for line in lines if line.startswith(b"date")), b"")
        if counter % 2 == 0:
            self.connections.sweep(asyncio.get_running_loop().time())
        return done

    async def _finish(self, patience: float) -> None:
        """Accept nothing more, answer what was accepted, and close all connections."""
        loop, connections = asyncio.get_running_loop(), self.connections
        connections.closing = True
        for bound in self._sockets:
            await self._accept_last(bound)
        for server in self.servers:
            server.close()
        for turns in self._turns:
            turns.close()
        now = loop.time()
        deadline, idle_until = now + patience, now + IDLE_GRACE
        while connections.open and now < deadline and not self.force_exit:
            if now >= idle_until:
                connections.close_idle()
            await asyncio.sleep(0.02)
            now = loop.time()
            connections.sweep(now)
        connections.abort()
        await asyncio.sleep(0)
        if connections.given_up and not self.force_exit:
            await asyncio.wait(connections.given_up, timeout=LAST_SECONDS)

    async def _accept_last(self, listening: socket.socket) -> None:
        """Take the connections that the kernel has accepted: closing the socket would reset them."""
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return
            await self.adopt(connected)
