"""LISTEN: what NOTIFY asks for is done once for a burst, and a lost connection is found again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from autorest.database.direct import connect_direct

if TYPE_CHECKING:
    from autorest.database.direct import Connection

logger = logging.getLogger(__name__)

#: The payload that asks for everything; it comes from NOTIFY without one, and after a gap in listening.
EVERYTHING = ""

FIRST_BACKOFF = 0.25
LAST_BACKOFF = 2.0
#: How long the channel must be silent before a burst is taken to be over, and how long a burst may be.
QUIET_SECONDS = 0.05
BURST_SECONDS = 0.5
#: How often the other end is asked for a sign of life, and how long that may take.
KEEPALIVE_SECONDS = 5.0
KEEPALIVE_PATIENCE = 3.0


class Listener:
    """Listens on `channel` and calls `notified` with each distinct payload of a burst, one after the other.

    If a burst holds the empty payload, that alone is passed on: it asks for everything. It is also passed on when
    the connection was lost and is there again, for what was missed is not known. With `recover` false a lost
    connection stays lost. Exceptions of `notified` are logged.
    """

    def __init__(
        self,
        conninfo: str,
        channel: str,
        notified: Callable[[str], Awaitable[None]],
        *,
        recover: bool = True,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        self.conninfo = conninfo
        self.channel = channel
        self.notified = notified
        self.recover = recover
        self.keepalive = keepalive
        self.listening = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def given_up(self) -> bool:
        """Whether it will not listen any more, because the connection was lost and is not to be found again."""
        return bool(self._tasks) and self._tasks[0].done()

    async def start(self) -> None:
        """Begin to listen, and return at once."""
        self._payloads: asyncio.Queue[str] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._pass_on())]

    async def stop(self) -> None:
        """Stop listening; a call of `notified` that is under way is cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _listen(self) -> None:
        failures, first = 0, True
        while True:
            try:
                connection = await connect_direct(self.conninfo, writable=True)
            except Exception as error:
                # Whatever it is: there is another attempt, or nobody would ever listen again.
                reason: object = error
            else:
                try:
                    await connection.add_listener(self.channel, self._received)
                    self.listening, failures = True, 0
                    logger.info("listening for notifications on channel %r", self.channel)
                    if not first:
                        self._payloads.put_nowait(EVERYTHING)
                    first = False
                    reason = await self._watch(connection)
                except Exception as error:
                    reason = error
                finally:
                    self.listening = False
                    connection.terminate()
            if not first and not self.recover:
                logger.warning("not listening on channel %r any more: %s", self.channel, told(reason))
                return
            failures += 1
            delay = min(FIRST_BACKOFF * 2 ** min(failures - 1, 10), LAST_BACKOFF) * random.uniform(0.9, 1.1)
            logger.warning("not listening on channel %r, next attempt in %.1f s: %s", self.channel, delay, told(reason))
            await asyncio.sleep(delay)

    async def _watch(self, connection: Connection) -> str:
        """Return why the connection is of no use any more."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not connection.is_closed():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.keepalive):
                    await lost.wait()
                break
            # A network that swallows everything, or a pooler's idle server, closes nothing by itself.
            await connection.execute("SELECT 1", timeout=KEEPALIVE_PATIENCE)
        return "the connection was closed"

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._payloads.put_nowait(str(payload))

    async def _pass_on(self) -> None:
        while True:
            payloads = await self._burst()
            for payload in [EVERYTHING] if EVERYTHING in payloads else payloads:
                try:
                    await self.notified(payload)
                except Exception:
                    logger.exception("notification %r on channel %r could not be followed", payload, self.channel)

    async def _burst(self) -> list[str]:
        """Return the distinct payloads up to the next silence, in the order of their first appearance."""
        payloads = {await self._payloads.get(): None}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BURST_SECONDS):
                while True:
                    async with asyncio.timeout(QUIET_SECONDS):
                        payloads[await self._payloads.get()] = None
        return list(payloads)


def told(reason: object) -> str:
    """Return a reason in one line."""
    return " ".join(str(reason).split()) or type(reason).__name__
