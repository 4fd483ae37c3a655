"""One process that serves requests: its service, its servers, its signals, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from typing import Any

from autorest.admin import Admin, Control, ServiceInsight
from autorest.app import login_application, pages_application
from autorest.asgi import Front
from autorest.logs import RequestLog, set_log_level
from autorest.server.http import ADMIN_SECONDS, PATIENT, HttpServer
from autorest.server.protocol import Limits
from autorest.server.sockets import described, is_there, unbindable, unix_path
from autorest.service import Service
from autorest.settings import Settings
from autorest.signals import ENDING, RELOADING, handle_signals

logger = logging.getLogger("autorest")

#: How long connections to the database have to close.
DATABASE_SECONDS, HURRIED_SECONDS = 5.0, 0.1
#: How often a worker looks whether its supervisor is there.
SUPERVISED_SECONDS = 0.5


class GatewayProcess:
    """The gateway of this process, on sockets that are bound already.

    `admin` is its admin server's socket; `control` leads to the supervisor, with whom it ends. Raises ValueError, in
    one line, for settings that cannot be used together.
    """

    def __init__(
        self,
        settings: Settings,
        config_file: str | None,
        main: socket.socket,
        *,
        admin: socket.socket | None = None,
        control: socket.socket | None = None,
    ) -> None:
        service = self.service = Service(settings, config_file, reread=control is not None)
        self.log = RequestLog(settings.log_level, settings.log_format)
        front = Front(
            service.gateway,
            settings,
            pages=pages_application(),
            login=None if service.login is None else login_application(service.login),
            metrics=service.metrics,
            log=self.log,
        )
        service.followers += [front.configure, lambda changed: set_log_level(changed.log_level)]
        limits = Limits(head_seconds=settings.server_header_timeout, request_seconds=settings.server_request_timeout)
        self.main = main
        self.admin = admin
        self.control = control
        self.front = front
        self.main_server = HttpServer(front, limits, shared=control is not None)
        service.database.on_crowded = self._crowded
        insight = ServiceInsight(service, self.accepts, lambda: len(self.main_server.connections.open))
        self.admin_server = HttpServer(Admin(insight), PATIENT)
        self.control_server = HttpServer(Control(insight, self.signalled), PATIENT)
        self._path = unix_path(main)
        self._stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hurried = False

    def accepts(self) -> bool:
        """Whether requests reach the main server."""
        listening = self.main_server.started and not self.main_server.should_exit
        return listening and is_there(self._path)

    async def run(self) -> None:
        """Serve until a signal ends it, or a trouble that `service.ended` tells of.

        Raises Unbindable when another program listens where this one should.
        """
        ending = ENDING if self.control is None else ENDING[:1]
        handle_signals(asyncio.get_running_loop(), self.signalled, *ending, *RELOADING)
        begun: asyncio.Future[Any] = asyncio.ensure_future(self._begin())
        try:
            ends: list[asyncio.Future[Any]] = [self._stop, self.service.ended]
            await asyncio.wait((begun, *ends), return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                await begun
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
            await asyncio.wait((begun,))
            await self._end()

    def _crowded(self, crowded: bool) -> None:
        self.front.crowded = crowded
        self.main_server.connections.turn_away = self.front.refusal_of if crowded else None

    def signalled(self, name: str) -> None:
        """Do as a signal says."""
        match name:
            case "SIGUSR1":
                self.service.reload_schema()
            case "SIGUSR2":
                self.service.reload_config()
            case _ if self._stop.done() and self.control is not None:
                # A service manager tells all processes to end, and so does the supervisor: that is no hurry.
                pass
            case _ if self._stop.done():
                logger.info("received %s again: stopping at once", name)
                self._hurried = self.main_server.force_exit = True
            case _:
                logger.info("received %s: finishing the requests in progress", name)
                self._stop.set_result(None)

    async def _begin(self) -> None:
        """Open everything, the admin server first; the main one when the first load of the catalog was attempted."""
        if self.admin is not None:
            await self._listen(self.admin_server, self.admin)
            logger.info("admin server listening on %s", described(self.admin))
        if self.control is not None:
            await self.control_server.begin()
            await self.control_server.adopt(self.control)
            self._leaving = asyncio.create_task(self._leave_with_supervisor())
        await self.service.start()
        if self.service.ended.done():
            return
        if self.service.settings.server_reuseport:
            # Whoever serves on this port meanwhile does it better.
            await self.service.loaded.wait()
        await self._listen(self.main_server, self.main)
        if self.control is None:
            logger.info("listening on %s", described(self.main))
        gc.collect()
        gc.freeze()

    async def _listen(self, server: HttpServer, bound: socket.socket) -> None:
        try:
            await server.begin(bound)
        except OSError as error:
            raise unbindable(described(bound), error) from error

    async def _leave_with_supervisor(self) -> None:
        # No event tells of it: the protocol is the same for all connections.
        while self.control_server.connections.open:  # noqa: ASYNC110
            await asyncio.sleep(SUPERVISED_SECONDS)
        if not self._stop.done():
            logger.error("the supervisor is gone")
            self._stop.set_result(None)

    async def _end(self) -> None:
        await self.main_server.end(self.service.settings.server_shutdown_timeout)
        await self.service.stop(HURRIED_SECONDS if self._hurried else DATABASE_SECONDS)
        await self.admin_server.end(ADMIN_SECONDS)
        await self.control_server.end(0.0)
        self.log.flush()
