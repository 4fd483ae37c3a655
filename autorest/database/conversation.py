"""More statements in a transaction that is open, each depending on what came before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from psycopg.pq.abc import PGresult

from autorest.database.errors import ConnectionLost
from autorest.database.pipeline import Pipeline
from autorest.sql.statement import Statement

#: Given the results of a transaction's first batch, says what more there is to say, and whether to commit.
Talk = Callable[["Conversation", Sequence[PGresult]], Awaitable[bool]]


class Conversation:
    """A transaction that has a connection for itself until it is ended.

    `future` is that of its last batch; `ending` tells that this is its commit or rollback.
    """

    def __init__(self, pipeline: Pipeline, future: asyncio.Future[list[PGresult]]) -> None:
        self.future = future
        self.ending = False
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()

    def send(self, statement: Statement) -> asyncio.Future[list[PGresult]]:
        """Send a statement and return the future of its result; only one may be under way.

        The future fails with DatabaseError if PostgreSQL refused it, ConnectionLost if the connection broke. Raises
        ConnectionLost if it broke meanwhile. After any error everything has been rolled back.
        """
        self._check()
        self.future = self._loop.create_future()
        self._pipeline.proceed(statement, self.future)
        return self.future

    async def say(self, statement: Statement) -> PGresult:
        """Send a statement and return its result. Raises what `send` does."""
        return (await self.send(statement))[0]

    async def end(self, commit: bool) -> None:
        """Commit or roll back. Raises DatabaseError if PostgreSQL refused to commit, ConnectionLost."""
        self._check()
        self.ending = True
        self.future = self._loop.create_future()
        self._pipeline.conclude(commit, self.future)
        await self.future

    def _check(self) -> None:
        if self._pipeline.closed:
            raise ConnectionLost("the connection broke in the middle of a transaction")
