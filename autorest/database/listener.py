"""The listener: what NOTIFY asks for is done, and a lost connection is found again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from autorest.database.direct import connect_direct
from autorest.sql.quote import identifier

logger = logging.getLogger(__name__)

FIRST_RETRY = 0.25
LAST_RETRY = 4.0
DEBOUNCE = 0.05


class Listener:
    """Listens on `channel` and calls `notified` with each payload, one after the other."""

    def __init__(self, conninfo: str, channel: str, notified: Callable[[str], Awaitable[None]]) -> None:
        self.conninfo = conninfo
        self.channel = channel
        self.notified = notified
        self.listening = False
        self._task: asyncio.Task[None] | None = None
        self._payloads: asyncio.Queue[str | None] = asyncio.Queue()

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        delay, again = FIRST_RETRY, False
        while True:
            try:
                connection = await connect_direct(self.conninfo)
                try:
                    connection.add_termination_listener(lambda _: self._payloads.put_nowait(None))
                    await connection.add_listener(
                        self.channel, lambda _c, _p, _n, text: self._payloads.put_nowait(text)
                    )
                    self.listening, delay = True, FIRST_RETRY
                    if again:
                        await self.notified("")
                    await self._serve()
                finally:
                    self.listening, again = False, True
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.error("not listening on %s: %s", identifier(self.channel), error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    async def _serve(self) -> None:
        while (payload := await self._payloads.get()) is not None:
            await asyncio.sleep(DEBOUNCE)
            payloads = {payload}
            while not self._payloads.empty():
                more = self._payloads.get_nowait()
                if more is None:
                    return
                payloads.add(more)
            for each in sorted(payloads):
                await self.notified(each)
