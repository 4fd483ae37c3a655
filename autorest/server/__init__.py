"""The process: it binds the sockets, and serves with one process or with several."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from autorest import __version__
from autorest.logs import configure_logs
from autorest.server.gateway import GatewayProcess
from autorest.server.sockets import Bound, Unbindable, bind
from autorest.settings import Settings

logger = logging.getLogger("autorest")


def serve(settings: Settings, config_file: str | None) -> int:
    """Serve until a signal ends it; return the exit status of the process."""
    configure_logs(settings.log_level, settings.log_format)
    logger.info("starting autorest %s", __version__)
    try:
        bound = bind(settings)
    except Unbindable as error:
        return failed(str(error))
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(serve_here(settings, config_file, bound))
    finally:
        bound.release()


async def serve_here(settings: Settings, config_file: str | None, bound: Bound) -> int:
    """Serve with this process; return its exit status."""
    try:
        process = GatewayProcess(settings, config_file, bound.main, admin=bound.admin)
        await process.run()
    except (ValueError, Unbindable) as error:
        return failed(str(error))
    return failed(process.service.ended.result()) if process.service.ended.done() else 0


def failed(reason: str) -> int:
    """Say why the process ends, and return its exit status."""
    logger.critical("%s", reason)
    return 1


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is, None for asyncio's own."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
