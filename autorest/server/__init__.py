"""The process: sockets, signals, the two HTTP servers, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from autorest.app import admin_application, pages_application
from autorest.asgi import Front
from autorest.server.sockets import Unbindable, described, tcp_socket, unix_socket
from autorest.service import Service
from autorest.settings import Settings

logger = logging.getLogger("autorest")


class HttpServer(uvicorn.Server):
    """uvicorn on sockets of ours, ended by us: it leaves the signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def serve(settings: Settings, config_file: str | None) -> int:
    """Serve until a signal ends it; return the exit status of the process."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main, admin = _listen(settings)
    except Unbindable as error:
        sys.stderr.write(f"autorest: {error}\n")
        return 1
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, config_file, main, admin))


def _loop_factory():  # type: ignore[no-untyped-def]
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _listen(settings: Settings) -> tuple[socket.socket, socket.socket | None]:
    if settings.server_unix_socket is not None:
        main = unix_socket(settings.server_unix_socket, settings.server_unix_socket_mode)
    else:
        main = tcp_socket(settings.server_host, settings.server_port, reuse_port=settings.server_reuseport)
    if settings.admin_server_unix_socket is not None:
        return main, unix_socket(settings.admin_server_unix_socket, settings.admin_server_unix_socket_mode)
    if settings.admin_server_port is None:
        return main, None
    return main, tcp_socket(settings.admin_server_host or settings.server_host, settings.admin_server_port)


async def _serve(settings: Settings, config_file: str | None, main: socket.socket, admin: socket.socket | None) -> int:
    service = Service(settings, config_file)
    servers: list[asyncio.Task[None]] = []
    stopping = asyncio.Event()
    _handle_signals(service, stopping)
    admin_server = _http_server(admin_application(service), settings)
    if admin is not None:
        servers.append(asyncio.create_task(admin_server.serve([admin])))
    await service.start()
    front = Front(
        service.gateway,
        pages_application(),
        max_body_size=service.settings.server_max_body_size,
        allowed_origins=service.settings.server_cors_allowed_origins,
        trace_header=service.settings.server_trace_header,
        browsable=service.settings.server_docs_enabled,
    )
    main_server = _http_server(front, settings)
    gc.collect()
    gc.freeze()
    servers.append(asyncio.create_task(main_server.serve([main])))
    logger.info("listening on %s", described(main))
    await stopping.wait()
    main_server.should_exit = admin_server.should_exit = True
    await asyncio.gather(*servers)
    await service.stop()
    return 0


def _http_server(application: ASGIApp, settings: Settings) -> HttpServer:
    return HttpServer(
        uvicorn.Config(
            application,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.server_shutdown_timeout,
        )
    )


def _handle_signals(service: Service, stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[bool]] = set()

    def start(reload: str) -> None:
        task = loop.create_task(service.reload_config() if reload == "config" else service.reload_schema())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    handlers = {"SIGTERM": stopping.set, "SIGINT": stopping.set}
    for name, handler in handlers.items():
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(getattr(signal, name), handler)
    for name, reload in (("SIGUSR1", "schema"), ("SIGUSR2", "config")):
        if hasattr(signal, name):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(getattr(signal, name), start, reload)
