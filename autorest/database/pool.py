"""The connections that requests share.

`psycopg_pool` opens, recycles and counts them. They are leased from it and, while they work, kept in a free list of
the event loop's own, which costs a request next to nothing; a lease ends when the connection has been idle for long,
has reached its lifetime or broke.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool, PoolClosed
from psycopg_pool import PoolTimeout as LeaseTimeout

from autorest.database.connection import PooledConnection, complete
from autorest.database.conversation import Conversation, Talk
from autorest.database.errors import (
    ConnectionFailed,
    ConnectionLost,
    DatabaseError,
    PoolFull,
    PoolTimeout,
    Unavailable,
)
from autorest.database.flow import Flow
from autorest.database.pipeline import CAN_CLOSE, NOBODY, Pipeline, StaleStatement, Wordings
from autorest.database.queue import Queue, Shares
from autorest.sql.statement import Transaction

logger = logging.getLogger(__name__)
# What psycopg_pool warns of is told here, once and in context.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

Verdict = Callable[[Sequence[PGresult]], bool]

#: How often every connection is looked at, in seconds. uvloop forgets a descriptor after one POLLERR, so that what
#: has arrived, or that nothing more will, may be seen by looking only.
SWEEP_SECONDS = 0.25
#: After how many idle seconds a connection is asked whether its other end is still there, and how long it may take.
PROBE_SECONDS = 5.0
PROBE_PATIENCE = 5.0
#: How long a cancelled transaction may take to end before its connection is given up.
CANCEL_PATIENCE = 2.0
CANCEL_AGAIN = 0.5
#: When others have waited for a connection for this part of the time that they may, the answer that is taken most
#: slowly is cut, if that is at less than so many bytes a second, for so many seconds.
PATIENT_PART = 0.5
SLOW_BYTES = 1 << 18
SLOW_SECONDS = 2.0
#: How long a lease may wait inside psycopg_pool before it is called off.
LEASE_PATIENCE = 60.0
#: The waits between attempts to connect: the first, then doubling up to the last.
FIRST_BACKOFF = 0.25
LAST_BACKOFF = 2.0
#: How often it is told that transactions are refused because too many wait.
FULL_REPEAT = 30.0
#: After how many of them the connections are looked at, for the loop may not come to it before hundreds more.
FULL_LOOK = 32
#: A connection that was opened longer ago may have been closed while it lay ready.
NEW_SECONDS = 0.05
#: How many of a pooler's refusals to know a statement prove that it does not keep them.
UNKNOWN_STATEMENTS = 3


class PoolStats(NamedTuple):
    """Numbers for metrics.

    `size` is how many connections there may be; `open` how many there are, `available` how many of those are idle;
    `waiting` how many transactions wait for one, `places` how many may, 0 for any number. The others count since the
    start: transactions refused, by reason, because so many waited; those that timed out waiting, connections opened,
    attempts to connect that failed, connections lost, transactions run, statements parsed under a name, transactions
    cancelled because nobody waited for them any more. `connected` tells whether the last thing heard of the database
    was good.
    """

    size: int
    open: int
    available: int
    waiting: int
    places: int
    refused: Mapping[str, int]
    timeouts: int
    opened: int
    failed: int
    lost: int
    transactions: int
    parses: int
    cancelled: int
    connected: bool


class Database:
    """Runs transactions on a pool of at most `size` connections.

    `conninfo` is libpq's, a URI or key=value. Times are in seconds: how long a transaction waits for a connection,
    after which age a connection is replaced, after how long without use it is closed. `max_waiting` bounds how many
    wait, `max_per_role` how many connections one role holds: see `Shares.of` for what None means. `prepared` tells
    whether statements are prepared under names at all, `max_prepared` how many a connection keeps (below pgBouncer's
    `max_prepared_statements`). `on_crowded` is called when transactions begin to be refused because too many wait, and
    when that is over. Raises ValueError if libpq does not understand `conninfo`.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        size: int = 10,
        acquisition_timeout: float = 10.0,
        max_lifetime: float = 1800.0,
        max_idle: float = 30.0,
        max_waiting: int | None = None,
        max_per_role: int | None = None,
        prepared: bool = True,
        max_prepared: int = 150,
    ) -> None:
        self._conninfo = complete(conninfo)
        self._size = size
        self._acquisition_timeout = acquisition_timeout
        self._max_lifetime = max_lifetime
        self._max_idle = max_idle
        self._max_prepared = max_prepared
        self._limit = max_prepared if prepared else 0
        self._source: AsyncConnectionPool[PooledConnection] | None = None
        self._free: list[Pipeline] = []
        self._pipelines: set[Pipeline] = set()
        self._queue: Queue[asyncio.Future[Any], Transaction] = Queue(
            Shares.of(size, places=max_waiting, per_role=max_per_role), size
        )
        # While more are free than are kept from a role, no role has its share.
        self._kept = size - self._queue.shares.connections
        self._crowded = False
        self._refused_before = self._refused_told = self._refused_unseen = 0
        self._tell_at = 0.0
        self.on_crowded: Callable[[bool], None] = lambda crowded: None
        self._leases: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closing = False
        self._wordings = Wordings()
        self._unknown_statements = 0
        self._connected = False
        self._failures = 0
        self._retry_at = 0.0
        self._renewed_at = 0.0
        self._last_failure = ""
        self._timeouts = self._opened = self._failed = self._lost_count = self._cancelled = 0
        self._past_runs = self._past_parses = 0

    async def open(self) -> None:
        """Begin to connect, and return at once: a database that is down is tried again until it answers."""
        self._loop = asyncio.get_running_loop()
        self._source = AsyncConnectionPool(
            self._conninfo,
            connection_class=PooledConnection,
            kwargs={"autocommit": True, "on_failure": self._connect_failed},
            min_size=0,
            max_size=self._size,
            max_lifetime=self._max_lifetime,
            # What comes back to psycopg_pool has been idle for `max_idle` already.
            max_idle=1.0,
            # It reports a failure at once; the waits between attempts are counted here.
            reconnect_timeout=0.0,
            reconnect_failed=self._attempts_failed,
            name="autorest",
            open=False,
        )
        await self._source.open()
        if self._limit and not CAN_CLOSE:
            logger.warning("libpq before 17 cannot close prepared statements: only the first %d are kept", self._limit)
        self._lease()
        self._sweep_later()

    async def close(self, patience: float = 5.0) -> None:
        """Take no more transactions, wait up to `patience` seconds for those under way, and close all connections."""
        if self._source is None or self._closing:
            return
        self._closing = True
        deadline = self._loop.time() + patience
        # No event tells of it: the hot path is spared one.
        while (self._queue or len(self._free) < len(self._pipelines)) and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for timer in self._timers.values():
            timer.cancel()
        for future in self._queue.clear():
            if not future.done():
                future.set_exception(ConnectionFailed("the gateway is shutting down"))
        for task in self._leases:
            task.cancel()
        for pipeline in self._free:
            self._give_back(pipeline)
        self._free.clear()
        for pipeline in list(self._pipelines):
            pipeline.lose("the gateway is shutting down")
        if self._leases or self._tasks:
            await asyncio.wait(self._leases | self._tasks, timeout=patience)
        await self._source.close()

    async def run(
        self, transaction: Transaction, verdict: Verdict | None = None, talk: Talk | None = None
    ) -> Sequence[PGresult]:
        """Run a transaction and return one result for each of its statements, all in text format.

        Where the transaction's end is `decide`, `verdict` is called with the results: it commits if that returns
        true, and rolls back if it returns false or raises. So does `talk`, which may send more statements before.
        When the calling task is cancelled, so is the transaction in the database. A lost connection is never followed
        by another attempt.

        Raises DatabaseError, after everything was rolled back, if PostgreSQL refused a statement or the commit;
        PoolTimeout if no connection came free in time, PoolFull at once if too many wait for one, ConnectionFailed if
        none could be opened, ConnectionLost if it broke, whereupon a commit may or may not have happened.
        """
        refuse_nul(transaction)
        again = True
        while True:
            future = self._loop.create_future()
            self._send(transaction, future)
            try:
                results: list[PGresult] = await future
                if talk is not None:
                    await self._talk(future, results, talk)
                elif transaction.end == "decide":
                    future = self._conclude(future, results, verdict)
                    await future
                return results
            except StaleStatement as error:
                self._stale(error)
                if not again:
                    raise
                again = False
                transaction = unprepared(transaction)
            except asyncio.CancelledError:
                self._abandon(transaction.role, future)
                raise
            except Unavailable as error:
                error.retry_after = self.retry_after
                raise

    def stream(self, transaction: Transaction) -> Rows:
        """Run a transaction with rows to hand over while they arrive, and return them; `close` must follow."""
        refuse_nul(transaction)
        return Rows(self, transaction)

    def renew(self) -> None:
        """Replace every connection once it is free: new ones begin with what is now set for their role."""
        now = self._renewed_at = self._loop.time()
        for pipeline in self._pipelines:
            pipeline.expires = now

    def prepare_for(self, generation: int) -> None:
        """Prepare statements anew if `generation`, a number of 32 bits for what they are about, is another one."""
        if self._wordings.begin(generation):
            for pipeline in self._pipelines:
                pipeline.prepare_anew()

    def prepare_statements(self, enabled: bool) -> None:
        """Prepare statements under names from now on, or do without."""
        self._limit = self._max_prepared if enabled else 0
        if enabled:
            self.renew()
        else:
            for pipeline in self._pipelines:
                pipeline.stop_preparing()

    def refuses(self, role: str) -> bool:
        """Tell whether a transaction of `role` would be refused because too many wait; if so, it counts as refused."""
        if self._free or not self._queue.refuses(role, self._loop.time()):
            return False
        self._refused_unseen += 1
        if self._refused_unseen >= FULL_LOOK:
            self._refused_unseen = 0
            for pipeline in tuple(self._pipelines):
                pipeline.look()
        return True

    @property
    def retry_after(self) -> float:
        """In how many seconds the next attempt to connect is due, 0.0 if none is."""
        return max(0.0, self._retry_at - self._loop.time()) if self._failures else 0.0

    def stats(self) -> PoolStats:
        """Return the numbers of this moment."""
        return PoolStats(
            size=self._size,
            open=len(self._pipelines),
            available=len(self._free),
            waiting=len(self._queue),
            places=self._queue.shares.places,
            refused=self._queue.refused,
            timeouts=self._timeouts,
            opened=self._opened,
            failed=self._failed,
            lost=self._lost_count,
            transactions=self._past_runs + sum(pipeline.runs for pipeline in self._pipelines),
            parses=self._past_parses + sum(pipeline.parses for pipeline in self._pipelines),
            cancelled=self._cancelled,
            connected=self._connected,
        )

    def _conclude(
        self, future: asyncio.Future[Any], results: list[PGresult], verdict: Verdict | None
    ) -> asyncio.Future[Any]:
        """Commit or roll back what `future` has the results of; return the future of that."""
        pipeline = self._holder(future)
        if pipeline is None:
            raise ConnectionLost("the connection broke before the transaction was decided")
        ending = self._unattended()
        commit = False
        try:
            commit = verdict is not None and verdict(results)
        finally:
            pipeline.conclude(commit, ending)
        return ending

    async def _talk(self, future: asyncio.Future[Any], results: list[PGresult], talk: Talk) -> None:
        """Let `talk` go on in the open transaction that `future` has the first results of."""
        pipeline = self._holder(future)
        if pipeline is None:
            raise ConnectionLost("the connection broke before the transaction was decided")
        conversation = Conversation(pipeline, future)
        try:
            await conversation.end(await talk(conversation, results))
        except BaseException as error:
            conversation.future.cancel()
            self._abandon(pipeline.role, conversation.future)
            if isinstance(error, ConnectionLost):
                error.uncommitted = not conversation.ending
            if isinstance(error, StaleStatement):
                # What was said cannot be said again from the beginning.
                raise DatabaseError(error.sqlstate, error.message, detail=error.detail, hint=error.hint) from None
            raise

    def _unattended(self) -> asyncio.Future[Any]:
        """Return a future that nobody needs to wait for, even if it fails."""
        future: asyncio.Future[Any] = self._loop.create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def _holder(self, future: asyncio.Future[Any]) -> Pipeline | None:
        return next((pipeline for pipeline in self._pipelines if pipeline.future is future), None)

    # Giving connections to transactions

    def _send(self, transaction: Transaction, future: asyncio.Future[Any]) -> None:
        """Have a transaction run now or when a connection is free."""
        free = self._free
        if free and (len(free) > self._kept or self._has_share_left(transaction.role)):
            free.pop().start(transaction, future)
        else:
            self._enqueue(transaction, future)

    def _enqueue(self, transaction: Transaction, future: asyncio.Future[Any]) -> None:
        """Let a transaction wait for a connection, or refuse it if there is no hope."""
        if self._closing:
            raise ConnectionFailed("the gateway is shutting down")
        if not self._pipelines and self.retry_after:
            raise ConnectionFailed(self._last_failure, self.retry_after)
        now = self._loop.time()
        if not self._queue.join(transaction.role, future, transaction, now, now + self._acquisition_timeout):
            self._crowd(True)
            raise PoolFull
        self._grow()

    def _idle(self, pipeline: Pipeline) -> None:
        """Give a connection that has nothing to do to whoever is next."""
        if pipeline.retiring:
            self._give_back(pipeline)
            return
        role, pipeline.role = pipeline.role, NOBODY
        self._free.append(pipeline)
        if self._queue:
            self._serve(role)

    def _serve(self, returned: str | None = None) -> None:
        """Give free connections to those who wait and may have them; a role may have `returned` the last."""
        while self._free and (first := self._queue.next(returned, self._held)) is not None:
            future, transaction = first
            returned = None
            if not future.done():
                self._free.pop().start(transaction, future)

    def _held(self) -> list[str]:
        """Return the roles that hold connections, as often as they do; the free ones are nobody's."""
        return [pipeline.role for pipeline in self._pipelines]

    def _has_share_left(self, role: str) -> bool:
        return self._held().count(role) < self._queue.shares.connections

    def _abandon(self, role: str, future: asyncio.Future[Any]) -> None:
        """Undo what nobody waits for any more."""
        pipeline = self._holder(future)
        if pipeline is None:
            self._queue.leave(role, future)
            return
        if future.cancelled():
            self._give_up(pipeline)
        else:
            self._cancelled += 1
            pipeline.conclude(False, self._unattended())

    def _give_up(self, pipeline: Pipeline) -> None:
        """Cancel what a connection does, which nobody waits for any more."""
        self._cancelled += 1
        pipeline.settled = self._loop.create_future()
        self._spawn(self._cancel(pipeline, pipeline.settled))

    async def _cancel(self, pipeline: Pipeline, settled: asyncio.Future[None]) -> None:
        """Cancel what a connection does, and keep it from others until nothing can be cancelled by mistake."""
        deadline = self._loop.time() + CANCEL_PATIENCE
        while not settled.done():
            left = deadline - self._loop.time()
            if left <= 0:
                pipeline.lose("the server did not end a cancelled transaction")
                return
            with contextlib.suppress(psycopg.Error, OSError):
                await pipeline.connection.cancel_safe(timeout=left)
            await asyncio.wait((settled,), timeout=min(CANCEL_AGAIN, left))
        pipeline.settled = None
        if not pipeline.closed:
            self._idle(pipeline)

    def _stale(self, error: StaleStatement) -> None:
        """Stop preparing statements if whatever is in between does not keep them."""
        if error.sqlstate == "26000" and self._limit:
            self._unknown_statements += 1
            if self._unknown_statements >= UNKNOWN_STATEMENTS:
                logger.warning("the pooler before the database does not keep prepared statements: doing without")
                self._limit = 0
                for pipeline in self._pipelines:
                    pipeline.stop_preparing()

    # Leasing connections

    def _grow(self) -> None:
        """Lease as many connections as transactions wait for, unless an attempt has just failed."""
        if self._closing or self.retry_after:
            return
        room = self._size - len(self._pipelines)
        if room > 0 and self._queue:
            for _ in range(min(self._queue.startable(self._held()), room) - len(self._leases)):
                self._lease()

    def _lease(self) -> None:
        task = self._loop.create_task(self._take_one())
        self._leases.add(task)
        task.add_done_callback(self._leased)

    def _leased(self, task: asyncio.Task[None]) -> None:
        """Count no longer on a lease that has ended, for who came meanwhile may need one of their own."""
        self._leases.discard(task)
        self._grow()

    async def _take_one(self) -> None:
        """Lease a connection, and let it work once its other end has answered."""
        assert self._source is not None
        while True:
            try:
                connection = await self._source.getconn(timeout=LEASE_PATIENCE)
            except (LeaseTimeout, PoolClosed):
                return
            if connection.opened_at < self._renewed_at:
                connection.pgconn.finish()
                await self._source.putconn(connection)
                continue
            new = connection.driver is None and self._loop.time() - connection.opened_at < NEW_SECONDS
            try:
                pipeline = self._pipeline_of(connection)
            except (psycopg.Error, OSError) as error:
                connection.pgconn.finish()
                await self._source.putconn(connection)
                self._connect_failed(error)
                return
            self._pipelines.add(pipeline)
            try:
                await self._probe(pipeline)
            except ConnectionLost as error:
                # One that was leased before, or lay ready, may have died meanwhile; a new one tells of the database.
                if new:
                    self._connect_failed(error)
                    return
            else:
                self._recovered()
                return

    def _pipeline_of(self, connection: PooledConnection) -> Pipeline:
        pipeline = connection.driver
        if pipeline is None:
            pipeline = Pipeline(connection, self._limit, self._wordings, self._idle, self._lost)
            connection.driver = pipeline
            pipeline.expires = self._loop.time() + self._max_lifetime
            self._opened += 1
        else:
            pipeline.attach()
            pipeline.prepare_anew()
            if not self._limit:
                pipeline.stop_preparing()
        pipeline.used = self._loop.time()
        return pipeline

    def _probe(self, pipeline: Pipeline) -> asyncio.Future[Any]:
        """Ask an idle connection for a sign of life; the sweep gives it up if there is none."""
        future = self._unattended()
        pipeline.checked = self._loop.time()
        pipeline.deadline = pipeline.checked + PROBE_PATIENCE
        future.add_done_callback(lambda _: setattr(pipeline, "deadline", 0.0))
        pipeline.probe(future)
        return future

    def _give_back(self, pipeline: Pipeline) -> None:
        """End the lease of an idle connection; psycopg_pool closes it, or keeps it for the next lease."""
        assert self._source is not None
        self._pipelines.discard(pipeline)
        pipeline.detach()
        self._past_parses += pipeline.parses
        self._past_runs += pipeline.runs
        pipeline.parses = pipeline.runs = pipeline.runs_seen = 0
        if pipeline.retiring:
            pipeline.connection.pgconn.finish()
        self._spawn(self._source.putconn(pipeline.connection))
        self._serve()
        self._grow()

    def _lost(self, pipeline: Pipeline) -> None:
        """End the lease of a broken connection."""
        assert self._source is not None
        self._pipelines.discard(pipeline)
        if pipeline in self._free:
            self._free.remove(pipeline)
        self._past_parses += pipeline.parses
        self._past_runs += pipeline.runs
        self._spawn(self._source.putconn(pipeline.connection))
        if self._closing:
            return
        self._lost_count += 1
        if not self._pipelines:
            self._connected = False
            if not self._leases and not self.retry_after:
                self._lease()
        self._serve()
        self._grow()

    # Losing the database and finding it again

    def _connect_failed(self, error: Exception) -> None:
        """Plan the next attempt, and tell those who wait if there is no connection at all."""
        self._failed += 1
        self._last_failure = str(error).strip()
        if not self.retry_after:
            self._failures += 1
            delay = min(FIRST_BACKOFF * 2 ** min(self._failures - 1, 10), LAST_BACKOFF) * random.uniform(0.9, 1.1)
            self._retry_at = self._loop.time() + delay
            self._later("retry", delay, self._retry)
            logger.warning("cannot connect to the database, next attempt in %.1f s: %s", delay, self._last_failure)
        if not self._pipelines:
            self._connected = False
            for future in self._queue.clear():
                if not future.done():
                    future.set_exception(ConnectionFailed(self._last_failure, self.retry_after))

    async def _attempts_failed(self, _: object) -> None:
        """Call off the leases that psycopg_pool will not serve any more: `_retry` makes new ones."""
        for task in self._leases:
            task.cancel()

    def _retry(self) -> None:
        if not self._closing:
            self._lease()
            self._grow()

    def _recovered(self) -> None:
        if self._failures:
            logger.info("connected to the database again")
            self._failures = 0
            if timer := self._timers.pop("retry", None):
                timer.cancel()
        self._connected = True
        self._grow()

    # Looking after connections

    def _sweep_later(self) -> None:
        self._later("sweep", SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        for future in self._queue.expire(now):
            if not future.done():
                self._timeouts += 1
                future.set_exception(PoolTimeout("all connections to the database stayed busy"))
        self._look_at_queue(now)
        self._make_room(now)
        for pipeline in tuple(self._pipelines):
            self._look_after(pipeline, now)
        if not self._closing:
            self._sweep_later()

    def _crowd(self, crowded: bool) -> None:
        if crowded is not self._crowded:
            self._crowded = crowded
            self.on_crowded(crowded)

    def _look_at_queue(self, now: float) -> None:
        """Notice when nobody is refused any more, and tell of those who were: soon, and then once in a while."""
        refused = sum(self._queue.refused.values())
        self._crowd(refused != self._refused_before)
        self._refused_before = refused
        if refused != self._refused_told and now >= self._tell_at:
            logger.warning(
                "too many requests: %d were answered with 503, for %d waited for a connection",
                refused - self._refused_told,
                len(self._queue),
            )
            self._refused_told, self._tell_at = refused, now + FULL_REPEAT

    def _make_room(self, now: float) -> None:
        """Cut a slow client's answer if somebody has waited long for a connection like the one that it holds."""
        first = self._queue.first()
        if first is None or first[1] - now > self._acquisition_timeout * (1 - PATIENT_PART):
            return
        role = None if self._has_share_left(first[0]) else first[0]
        slow: list[tuple[float, Pipeline, Flow]] = []
        for pipeline in self._pipelines:
            flow = pipeline.future
            if pipeline.paused and isinstance(flow, Flow) and role in (None, pipeline.role):
                speed = _speed(flow, now)
                if speed is not None and speed < SLOW_BYTES:
                    slow.append((speed, pipeline, flow))
        if slow:
            _, pipeline, flow = min(slow, key=lambda one: one[0])
            flow.set_exception(ConnectionLost("the answer was taken too slowly while others waited"))
            self._give_up(pipeline)
            pipeline.resume()

    def _look_after(self, pipeline: Pipeline, now: float) -> None:
        pipeline.look()
        if pipeline.closed:
            return
        pipeline.forget_notifications()
        if pipeline.deadline and now >= pipeline.deadline:
            pipeline.lose("the server gives no sign of life")
            return
        pipeline.retiring = now >= pipeline.expires
        if pipeline not in self._free:
            return
        if pipeline.runs != pipeline.runs_seen:
            pipeline.runs_seen = pipeline.runs
            pipeline.used = pipeline.checked = now
        if pipeline.retiring or now - pipeline.used >= self._max_idle:
            self._free.remove(pipeline)
            self._give_back(pipeline)
        elif now - pipeline.checked >= PROBE_SECONDS:
            self._free.remove(pipeline)
            self._probe(pipeline)

    def _later(self, name: str, delay: float, action: Callable[[], None]) -> None:
        if timer := self._timers.get(name):
            timer.cancel()
        self._timers[name] = self._loop.call_later(delay, action)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Rows:
    """The rows of one statement of a transaction, while they arrive.

    `before` are the results of the statements before it, known when its first rows are; `results` those of all
    statements, known when the transaction has ended (the one of the rows' own is empty).
    """

    def __init__(self, database: Database, transaction: Transaction) -> None:
        self._database = database
        self._transaction = transaction
        self._begun = False
        self._flow: Flow | None = None

    @property
    def before(self) -> Sequence[PGresult]:
        return () if self._flow is None else self._flow.before

    @property
    def results(self) -> Sequence[PGresult]:
        assert self._flow is not None
        results: Sequence[PGresult] = self._flow.result()
        return results

    async def next(self) -> list[bytes | None]:
        """Return the first column of the rows that have arrived, of one at least; nothing when it has ended well.

        PostgreSQL waits while nobody asks for more. Raises what `Database.run` does, after the rows before it.
        """
        again = not self._begun
        while True:
            flow = self._flow = self._flow or self._start()
            try:
                values = await flow.take()
            except StaleStatement as error:
                self._database._stale(error)
                if self._begun or not again:
                    raise
                again = False
                self._flow = None
                self._transaction = unprepared(self._transaction)
            except Unavailable as error:
                error.retry_after = self._database.retry_after
                raise
            else:
                self._begun = True
                return values

    def close(self) -> None:
        """Cancel the transaction in the database if it has not ended."""
        flow = self._flow
        if flow is None:
            return
        if flow.cancel():
            self._database._abandon(self._transaction.role, flow)
            if flow.resume is not None:
                flow.resume()
        elif not flow.cancelled():
            # What ended it is of no interest to anybody any more.
            flow.exception()

    def _start(self) -> Flow:
        flow = Flow(self._database._loop)
        self._database._send(self._transaction, flow)
        return flow


def _speed(flow: Flow, now: float) -> float | None:
    """Return at how many bytes a second rows were taken of late; None while that is not known."""
    since, before = flow.marked
    passed = now - since
    if passed < SLOW_SECONDS:
        return None
    flow.marked = (now, flow.received)
    # Longer ago it was another time that somebody waited.
    return (flow.received - before) / passed if passed < 2 * SLOW_SECONDS else None


def refuse_nul(transaction: Transaction) -> None:
    """Raise DatabaseError if a value has a byte of zero: libpq would end it there."""
    for _, parameters, _ in transaction.statements:
        if parameters and holds_nul(parameters):
            raise DatabaseError("22021", "a text value cannot hold the character U+0000")


def holds_nul(parameters: tuple[bytes | None, ...]) -> bool:
    """Whether a value has a byte of zero; one search instead of many, as this is asked for every transaction."""
    try:
        return b"\0" in b"".join(parameters)  # type: ignore[arg-type]
    except TypeError:
        return any(value is not None and b"\0" in value for value in parameters)


def unprepared(transaction: Transaction) -> Transaction:
    """Return `transaction` without names for its statements."""
    return transaction._replace(statements=tuple(each._replace(prepare=False) for each in transaction.statements))
