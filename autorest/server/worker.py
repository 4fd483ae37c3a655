"""A worker: a process that a supervisor starts, to serve requests on a socket that it inherits."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import sys
from dataclasses import dataclass

from autorest.logs import configure_logs
from autorest.server.loop import loop_factory
from autorest.server.sockets import Unbindable
from autorest.settings import Settings
from autorest.settings.load import settings_of
from autorest.settings.outside import Outside
from autorest.signals import RELOADING, hold_signals

logger = logging.getLogger("autorest")

#: The exit status of a worker that sees no use in another attempt.
GAVE_UP = 78


@dataclass(frozen=True)
class Handover:
    """What a worker gets from its supervisor: what the settings were made of, and the numbers of two descriptors."""

    outside: Outside
    config_file: str | None
    main: int
    control: int


async def start_worker(
    settings: Settings, config_file: str | None, main: socket.socket, control: socket.socket
) -> asyncio.subprocess.Process:
    """Start a worker that serves on `main` and answers over `control`.

    It imports from the places that this process does, and inherits nothing but the two sockets.
    """
    places = os.pathsep.join(place for place in sys.path if place)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "autorest.worker",
        stdin=asyncio.subprocess.PIPE,
        pass_fds=(main.fileno(), control.fileno()),
        env={**os.environ, "PYTHONPATH": places},
    )
    assert process.stdin is not None
    handover = Handover(settings.outside, config_file, main.fileno(), control.fileno())
    process.stdin.write(pickle.dumps(handover))
    process.stdin.close()
    return process


async def serve(handover: Handover, settings: Settings) -> int:
    """Serve until the supervisor wants it to end or is gone; return the exit status."""
    # The supervisor, which needs the rest of this module, does without the gateway.
    from autorest.server.gateway import GatewayProcess

    try:
        process = GatewayProcess(
            settings,
            handover.config_file,
            socket.socket(fileno=handover.main),
            control=socket.socket(fileno=handover.control),
        )
        await process.run()
    except (ValueError, Unbindable) as error:
        logger.critical("%s", error)
        return GAVE_UP
    finally:
        # The loop takes its handlers away when it is closed.
        hold_signals(*RELOADING)
    if process.service.ended.done():
        logger.critical("%s", process.service.ended.result())
        return GAVE_UP
    return 0


def work() -> int:
    """Serve as the supervisor says on standard input; return the exit status."""
    try:
        handover: Handover = pickle.load(sys.stdin.buffer)
    except EOFError:
        # The supervisor ended meanwhile.
        return 0
    settings = settings_of(handover.outside)
    configure_logs(settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(serve(handover, settings))
