"""Inserts of any size: rows are written while their body arrives, in one transaction and in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from psycopg.pq.abc import PGresult

from autorest.aside import LONG, Aside
from autorest.catalog.model import Catalog
from autorest.database.conversation import Conversation
from autorest.database.errors import DatabaseError, PoolTimeout
from autorest.database.pool import Database
from autorest.plan.model import MutatePlan
from autorest.plan.planner import plan
from autorest.request.model import ALL_ROWS, JsonPayload
from autorest.request.raw import RawRequest
from autorest.request.request import parse_request
from autorest.request.rows import Chunk, Rows, rows_of
from autorest.response.model import Answer, Response
from autorest.response.respond import Facts
from autorest.snapshot import Snapshot
from autorest.sql.binding import Values
from autorest.sql.session import CHECK_CONSTRAINTS
from autorest.sql.statement import Statement
from autorest.sql.transaction import Caller
from autorest.template import Template
from autorest.trace import Trace

#: Bytes of JSON that one statement inserts, about.
CHUNK = 1 << 20
#: Bytes of a body that are read in one go: other requests are answered in between.
SLICE = 1 << 16

NO_ROWS = JsonPayload(b"[]", (), False)
NOTHING = Chunk(b"[]", (), 0, 0)


class Bulk:
    """Inserts bodies that are still arriving.

    Each holds a connection until it has arrived, so that at most half of the `connections` are taken by them at a
    time; the others wait as requests wait for a connection.
    """

    def __init__(self, database: Database, connections: int, aside: Aside) -> None:
        self._database = database
        self._aside = aside
        self._places = asyncio.Semaphore(max(1, connections // 2))

    async def insert(
        self, snapshot: Snapshot, catalog: Catalog, caller: Caller, raw: RawRequest, trace: Trace | None
    ) -> Response:
        """Return the answer to a POST whose body has a rest.

        Raises Refused, DatabaseError or Unavailable, and whatever reading the body raises, after which nothing has
        been written.
        """
        request = parse_request(
            raw.method, raw.path, raw.query_string, raw.headers, b"", snapshot.request_settings, NO_ROWS
        )
        chunks = Chunks(raw, rows_of(request.content_type, request.query.columns), self._aside)
        first = await chunks.next() or NOTHING
        request = replace(request, payload=JsonPayload(b"", first.keys, False))
        if trace is not None:
            trace.mark("parse")
        planned = plan(request, catalog, snapshot.settings)
        assert isinstance(planned, MutatePlan)
        template = snapshot.template(planned, request, ranged=False)
        frame = snapshot.session.frame(caller.role, template.terms._replace(rollback=False, decided=True))
        transaction = frame.transaction(caller, ())
        if trace is not None:
            trace.transaction = transaction
            trace.mark("plan")
        writing = Writing(template, chunks, first)
        try:
            async with asyncio.timeout(snapshot.settings.db_pool_acquisition_timeout):
                await self._places.acquire()
        except TimeoutError:
            raise PoolTimeout("too many large bodies are arriving at a time") from None
        try:
            await self._database.run(transaction, talk=writing.run)
        except DatabaseError as error:
            writing.locate(error)
            raise
        finally:
            self._places.release()
        if trace is not None:
            trace.mark("transaction")
        return writing.response()


class Chunks:
    """The rows of a body that is arriving, in chunks."""

    def __init__(self, raw: RawRequest, rows: Rows, aside: Aside) -> None:
        assert raw.rest is not None
        self._rest = raw.rest
        self._rows = rows
        self._aside = aside
        self._piece = raw.body
        self._read = 0
        self._ended = False

    async def next(self) -> Chunk | None:
        """Return the next chunk when it has arrived, None after the last.

        Raises Refused (PGRST102) where the body is wrong, and whatever reading it raises.
        """
        rows = self._rows
        while rows.size < CHUNK and not self._ended:
            if self._read < len(self._piece):
                await self._do(rows.feed, self._piece[self._read : self._read + SLICE])
                self._read += SLICE
                continue
            self._piece, self._read = await self._rest.read(), 0
            if not self._piece:
                await self._do(rows.end)
                self._ended = True
        return rows.take()

    async def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Read on, while other requests are answered if a line that has not ended makes it long."""
        if self._rows.held > LONG:
            await self._aside.do(work, *arguments)
        else:
            work(*arguments)
            await asyncio.sleep(0)


class Writing:
    """One statement for each chunk, and what is to be answered in the end."""

    def __init__(self, template: Template, chunks: Chunks, first: Chunk) -> None:
        self._template = template
        self._chunks = chunks
        self._first = first
        self._under_way: Chunk | None = None
        self._count = 0
        self._last = Answer(None, 0, b"")

    async def run(self, conversation: Conversation, _: Sequence[PGresult]) -> bool:
        """Write all chunks, reading each while the database works on the one before; return whether to commit."""
        chunk: Chunk | None = self._first
        while chunk is not None:
            self._under_way = chunk
            [statement] = self._template.statements(Values(body=chunk.text))
            written = conversation.send(statement)
            reading = asyncio.create_task(self._chunks.next())
            reading.add_done_callback(lambda task: task.cancelled() or task.exception())
            try:
                await asyncio.wait((written, reading), return_when=asyncio.FIRST_EXCEPTION)
                if written.done():
                    self._last = self._template.answer(written.result()[0], None)
                    self._count += self._last.page
                chunk = reading.result()
            finally:
                reading.cancel()
        self._under_way = None
        if not self._template.terms.rollback:
            return self._template.objection(self._count) is None
        await conversation.say(Statement(CHECK_CONSTRAINTS, prepare=False))
        return False

    def locate(self, error: DatabaseError) -> None:
        """Say with an error which lines of the body it is about, as far as that is known."""
        chunk = self._under_way
        # The detail of an error that SQL raises with this code is no text.
        if chunk is not None and error.sqlstate != "PGRST":
            where = f"It is about the lines {chunk.first} to {chunk.last} of the body."
            error.detail = where if error.detail is None else f"{error.detail} {where}"

    def response(self) -> Response:
        """Return the answer for all chunks together. Raises Refused when there must not be so many rows."""
        objection = self._template.objection(self._count)
        if objection is not None:
            raise objection
        answer = self._last._replace(page=self._count, location=self._last.location if self._count == 1 else None)
        return self._template.responder.respond(answer, Facts(ALL_ROWS))
