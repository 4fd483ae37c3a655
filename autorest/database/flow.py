"""Rows on their way from a connection to whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg.pq.abc import PGresult

#: So many bytes of rows wait to be taken before the connection is read no further.
FULL = 1 << 17
#: A row of more bytes than this is handed over by itself.
LARGE = 1 << 14


class Flow(asyncio.Future[Any]):
    """The future of a transaction's results, and before them the rows of one of its statements as they arrive.

    `before` are the results of the statements that came first, complete when rows arrive. While the flow is `full` the
    connection is not read, so that PostgreSQL waits; `resume` reads on.

    `received` is how many bytes of rows have arrived, about; `marked` is when that was looked at last, and what it was.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.before: Sequence[PGresult] = ()
        self.resume: Callable[[], None] | None = None
        self.received = 0
        self.marked = (0.0, 0)
        self._values: list[bytes | None] = []
        self._large: Iterator[bytes | None] | None = None
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.add_done_callback(Flow.wake)

    @property
    def full(self) -> bool:
        return self._size > FULL and not self.done()

    def add(self, result: PGresult) -> None:
        """Keep the first column of some rows until they are taken; forget them if nobody will."""
        if self.done():
            return
        value, rows = result.get_value, result.ntuples
        if rows and (size := len(value(0, 0) or b"")) > LARGE:
            # They are copied one by one, each when the one before was sent.
            self.received += size * rows
            self._large = (value(row, 0) for row in range(rows))
            self._size = FULL + 1
            return
        values = [value(row, 0) for row in range(rows)]
        self._values += values
        size = sum([len(value) for value in values if value is not None])
        self._size += size
        self.received += size

    def wake(self) -> None:
        """Let whoever waits look again, if there is something to see."""
        waiter = self._waiter
        if waiter is not None and not waiter.done() and (self._values or self._large or self.done()):
            waiter.set_result(None)

    async def take(self) -> list[bytes | None]:
        """Return the values of the rows that have arrived, of one at least; nothing when the transaction has ended.

        Raises what ended it otherwise, after the rows that came before.
        """
        values = self._arrived()
        if not values and self.resume is not None:
            self.resume()
            values = self._arrived()
        while not values and not self.done():
            self._waiter = self.get_loop().create_future()
            await self._waiter
            values = self._arrived()
        if not values:
            self.result()
        return values

    def _arrived(self) -> list[bytes | None]:
        """Return all small values, or else one large one."""
        values, self._values = self._values, []
        if not values and self._large is not None:
            for value in self._large:
                return [value]
            self._large = None
        if self._large is None:
            self._size = 0
        return values
