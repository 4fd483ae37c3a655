"""The process: it binds the sockets, and serves with one process or with several."""

from __future__ import annotations

import asyncio
import logging
import sys

from autorest import __version__
from autorest.logs import configure_logs
from autorest.server.loop import loop_factory
from autorest.server.sockets import Bound, Unbindable, bind
from autorest.settings import Settings
from autorest.signals import ENDING, RELOADING, hold_signals

logger = logging.getLogger("autorest")


def serve(settings: Settings, config_file: str | None) -> int:
    """Serve until a signal ends it; return the exit status of the process."""
    configure_logs(settings.log_level, settings.log_format)
    logger.info("starting autorest %s", __version__)
    # Whoever ends it from now on finds it able to tidy up.
    hold_signals(*ENDING)
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
    """Serve with this process, or as many as the settings say; return the exit status."""
    try:
        if settings.server_workers > 1 and sys.platform != "win32":
            from autorest.server.supervisor import Supervisor

            return await Supervisor(settings, config_file, bound).run()
        from autorest.server.gateway import GatewayProcess

        process = GatewayProcess(settings, config_file, bound.main, admin=bound.admin)
        await process.run()
    except (ValueError, Unbindable) as error:
        return failed(str(error))
    finally:
        # The loop takes its handlers away when it is closed.
        hold_signals(*RELOADING)
    return failed(process.service.ended.result()) if process.service.ended.done() else 0


def failed(reason: str) -> int:
    """Say why the process ends, and return its exit status."""
    logger.critical("%s", reason)
    return 1
