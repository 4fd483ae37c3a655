"""One connection driven in libpq's pipeline mode: a transaction is one write and one read.

This is the hot path, written for the machine: attributes are looked up once, libpq's status codes are compared as
the integers they are, and nothing is allocated for what does not happen on a good day. The rules it keeps:

- All statements of a transaction travel in one batch that ends in one Sync. Without an explicit BEGIN that batch is
  one implicit transaction (PostgreSQL documentation, 55.2.4 "Pipelining"): committed at the Sync, or rolled back
  whole at its first error. pgBouncer keeps the same server until the Sync is answered.
- The answer is given after ReadyForQuery, for a deferred constraint may still fail after CommandComplete.
- A statement is parsed right before it is executed, after the statement that sets the role, and its name belongs to
  the role and the text: PostgreSQL plans for one role, and checks the schema's USAGE when it parses.
- The text that is parsed begins with a comment that differs from role to role: pgBouncer parses a text that one of its
  servers knows no second time, and what one role may parse another may not.
- No two statements ever have the same name, on this connection or on another, so that a pooler that does not keep
  prepared statements apart answers with an error and never runs another statement than the one meant.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import capabilities
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from autorest.database.connection import PooledConnection
from autorest.database.errors import ConnectionLost, DatabaseError
from autorest.database.flow import Flow
from autorest.sql.statement import Statement, Transaction

Results = list[PGresult]

DONE = frozenset(map(int, (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)))
FATAL_ERROR = int(ExecStatus.FATAL_ERROR)
SOME_ROWS = frozenset((int(ExecStatus.SINGLE_TUPLE), int(ExecStatus.TUPLES_CHUNK)))
PIPELINE_SYNC = int(ExecStatus.PIPELINE_SYNC)
PIPELINE_ABORTED = int(ExecStatus.PIPELINE_ABORTED)
IDLE = int(TransactionStatus.IDLE)
IN_TRANSACTION = int(TransactionStatus.INTRANS)
IN_ERROR = int(TransactionStatus.INERROR)
GOOD = int(ConnStatus.OK)

#: libpq before 17 cannot send Close: there, once the limit is reached, further statements stay unprepared.
CAN_CLOSE = capabilities.has_send_close_prepared()

#: libpq before 17 hands over rows one by one only.
CAN_CHUNK = capabilities.has_stream_chunked()
#: How many rows libpq collects before it hands them over: few, for a row may have a megabyte and more.
ROWS_AT_ONCE = 8

MAX_WORDINGS = 1000
#: Between the numbers of two generations lie those of single texts.
GENERATION = 1 << 12


class Wordings:
    """Numbers that become part of statements' texts.

    A pooler takes up what it, or another client of it, once prepared for a text, with the types and columns of that
    time; PostgreSQL refuses to run it, or takes a parameter for another type, when they have changed. Texts of another
    `generation` (32 bits, after the catalog) or that were `varied` are new to it.
    """

    __slots__ = ("_base", "_varied")

    def __init__(self) -> None:
        self._base = 0
        self._varied: dict[bytes, int] = {}

    def begin(self, generation: int) -> bool:
        """Number all texts after a generation; return whether that is another one than before."""
        before, self._base = self._base // GENERATION, generation * GENERATION
        if before != generation:
            self._varied.clear()
        return before != generation

    def of(self, text: bytes) -> int:
        """Return the number of a text."""
        return self._varied.get(text, self._base)

    def vary(self, text: bytes, used: int) -> None:
        """Give a text another number than `used`, unless it has one already."""
        if len(self._varied) > MAX_WORDINGS:
            self._base = max(self._varied.values()) + 1
            self._varied.clear()
        if self.of(text) == used:
            self._varied[text] = used + 1


#: Whose a connection is that does nothing for a request; no role can have this name, but the gateway's own has none.
NOBODY = "\0"
NOTHING = Transaction(NOBODY, ())


class StaleStatement(DatabaseError):
    """A prepared statement no longer fits or is gone; nothing was done, and another attempt will parse it anew."""

    __slots__ = ()


class Pipeline:
    """Runs transactions on one connection, one at a time.

    `limit` is how many prepared statements it keeps, 0 for none. `wordings` is shared by all pipelines of a
    database. `on_idle` is called when a transaction has ended, before its caller learns of it, so that the next one
    can be sent at once; `on_lost` when the connection broke and was closed.

    `future` is the caller's while a transaction is under way, from `start` until `on_idle` or `on_lost`; `role` is
    whose it is, or whose the last one was. While `settled` is set, the end of a transaction resolves it instead of
    calling `on_idle`. While it is `paused`, it is not read, because rows that arrived were not taken. `runs` and
    `parses` count; the rest is the pool's own bookkeeping: since when it is unused or was last asked for a sign of
    life, until when it must give one, when it is to be replaced (all on the loop's clock), and whether that is now.
    """

    __slots__ = (
        "_aside",
        "_concluding",
        "_descriptor",
        "_error",
        "_failed_at",
        "_flow",
        "_limit",
        "_loop",
        "_names",
        "_on_idle",
        "_on_lost",
        "_pg",
        "_position",
        "_prefix",
        "_prepared",
        "_results",
        "_retired_names",
        "_rows_at",
        "_send_prepared",
        "_send_unnamed",
        "_sync",
        "_transaction",
        "_varied",
        "_wordings",
        "_writing",
        "checked",
        "closed",
        "connection",
        "deadline",
        "expires",
        "future",
        "parses",
        "paused",
        "retiring",
        "role",
        "runs",
        "runs_seen",
        "settled",
        "used",
    )

    def __init__(
        self,
        connection: PooledConnection,
        limit: int,
        wordings: Wordings,
        on_idle: Callable[[Pipeline], None],
        on_lost: Callable[[Pipeline], None],
    ) -> None:
        self.connection = connection
        self._pg = connection.pgconn
        self._limit = limit
        self._wordings = wordings
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._send_prepared = self._pg.send_query_prepared
        self._send_unnamed = self._pg.send_query_params
        self._sync = self._pg.pipeline_sync
        self._prepared: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._prefix = secrets.token_hex(4)
        self._names = 0
        self._varied: dict[bytes, int] = {}
        self._retired_names: list[bytes] = []
        # What travels beside the caller's statements, by its position in the batch: the key and name that a Parse
        # prepares, the name alone that a Close forgets, None for BEGIN, COMMIT and ROLLBACK.
        self._aside: dict[int, tuple[tuple[str, bytes] | None, bytes] | None] = {}
        self._position = 0
        self._results: Results = []
        self._error: DatabaseError | None = None
        self._failed_at = 0
        self._transaction: Transaction | None = None
        self._concluding = False
        self._writing = False
        self._flow: Flow | None = None
        self._rows_at = 0
        self.paused = False
        self.future: asyncio.Future[Any] | None = None
        self.settled: asyncio.Future[None] | None = None
        self.closed = False
        self.role = NOBODY
        self.runs = 0
        self.runs_seen = 0
        self.parses = 0
        self.used = 0.0
        self.checked = 0.0
        self.expires = 0.0
        self.deadline = 0.0
        self.retiring = False
        self.attach()

    def attach(self) -> None:
        """Take the connection into pipeline mode and watch it."""
        self._loop = asyncio.get_running_loop()
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        # libpq closes its descriptor when it meets an error, and the kernel may hand the number out again while the
        # event loop still knows it: so the loop gets a duplicate. Windows' socket handles cannot be duplicated.
        self._descriptor = self._pg.socket if sys.platform == "win32" else os.dup(self._pg.socket)
        self._loop.add_reader(self._descriptor, self.look)

    def detach(self) -> None:
        """Leave an idle connection as psycopg knows it."""
        self._unwatch()
        self._pg.exit_pipeline_mode()

    def start(self, transaction: Transaction, future: asyncio.Future[Any]) -> None:
        """Send a transaction whose results, one for each statement, go to `future`.

        The future gets a `DatabaseError` if PostgreSQL refused a statement, `StaleStatement` if it may be sent
        again, `ConnectionLost` if the connection broke. Where the transaction's end is to be decided, the future
        gets the results before the end, and `conclude` must follow. Where there are rows to hand over, the future is
        a `Flow`.
        """
        role, statements, begin, end, rows = transaction
        self.future = future
        self.role = role
        self._transaction = transaction
        self.runs += 1
        position = 0
        try:
            if self._retired_names:
                position = self._close_retired()
            if begin is not None:
                self._aside[position] = None
                position += 1
                self._send_unnamed(begin, None)
            for statement in statements:
                position = self._send_statement(statement, position)
            if begin is not None and end != "decide":
                self._aside[position] = None
                self._send_unnamed(b"COMMIT" if end == "commit" else b"ROLLBACK", None)
            if rows is not None:
                self._expect_rows(rows)
            self._sync()
            if self._pg.flush():
                self._write_later()
        except psycopg.Error as error:
            self.lose(str(error))
        except BaseException:
            self.lose("a transaction could not be sent")
            raise

    def proceed(self, statement: Statement, future: asyncio.Future[Any]) -> None:
        """Send one more statement in the transaction that waits to be decided, as a batch of its own.

        `future` gets its results as `start`'s did, and the transaction waits again; or an error, after it has been
        rolled back.
        """
        self.future = future
        self._aside.clear()
        self._position = 0
        try:
            self._send_statement(statement, 0)
            self._sync()
            if self._pg.flush():
                self._write_later()
        except psycopg.Error as error:
            self.lose(str(error))
        except BaseException:
            self.lose("a statement could not be sent")
            raise

    def probe(self, future: asyncio.Future[Any]) -> None:
        """Send a batch of nothing, which does not count as a run; `future` gets the empty results."""
        self.runs -= 1
        self.start(NOTHING, future)

    def stop_preparing(self) -> None:
        """Send statements without names from now on."""
        self._limit = 0

    def prepare_anew(self) -> None:
        """Take up no statement that was prepared up to now."""
        self._retired_names += self._prepared.values()
        self._prepared.clear()
        self._varied.clear()

    def conclude(self, commit: bool, future: asyncio.Future[Any]) -> None:
        """End the transaction that waits to be decided; `future` gets None when it has ended."""
        self.future = future
        self._end(b"COMMIT" if commit else b"ROLLBACK")

    def look(self) -> None:
        """Read what has arrived."""
        if self._flow is not None:
            self._look_for_rows(self._flow)
            return
        pg = self._pg
        get_result = pg.get_result
        aside, results = self._aside, self._results
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = get_result()
                if result is None:
                    if pg.status != GOOD:
                        self.lose("the server closed the connection")
                    return
                status = result.status
                if status in DONE:
                    if not aside:
                        results.append(result)
                    else:
                        if self._position not in aside:
                            results.append(result)
                        self._position += 1
                    get_result()
                elif status == PIPELINE_SYNC:
                    self._finish()
                    return
                elif status == FATAL_ERROR:
                    if self._error is None:
                        self._error = DatabaseError.of(result)
                        self._failed_at = self._position if aside else len(results)
                    get_result()
                elif status == PIPELINE_ABORTED:
                    get_result()
                else:
                    self.lose(f"the server began a {ExecStatus(status).name} that a batch cannot hold")
                    return
        except psycopg.Error as error:
            self.lose(str(error))

    def _expect_rows(self, statement: int) -> None:
        """Hand over the rows of a statement of the transaction just sent."""
        assert isinstance(self.future, Flow)
        self._flow = self.future
        self._flow.resume = self.resume
        for position in sorted(self._aside):
            if position <= statement:
                statement += 1
        self._rows_at = statement

    def _look_for_rows(self, flow: Flow) -> None:
        """Read what has arrived of a transaction with rows to hand over, unless too many wait to be taken."""
        if self.paused:
            return
        pg = self._pg
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:
                    if pg.status != GOOD:
                        self.lose("the server closed the connection")
                    break
                status = result.status
                if status in SOME_ROWS:
                    flow.add(result)
                    if flow.full:
                        self.paused = True
                        self._loop.remove_reader(self._descriptor)
                        break
                elif status == PIPELINE_SYNC:
                    if pg.transaction_status == IDLE:
                        self._flow = None
                        self._position = 0
                    self._finish()
                    break
                else:
                    self._take_result(flow, result, status)
        except psycopg.Error as error:
            self.lose(str(error))
        flow.wake()

    def _take_result(self, flow: Flow, result: PGresult, status: int) -> None:
        """Keep the result of a statement; the rows of the next one may be those to hand over."""
        if status in DONE:
            if self._position not in self._aside:
                self._results.append(result)
            self._position += 1
        elif status == FATAL_ERROR:
            if self._error is None:
                self._error = DatabaseError.of(result)
                self._failed_at = self._position
        elif status != PIPELINE_ABORTED:
            self.lose(f"the server began a {ExecStatus(status).name} that a batch cannot hold")
            return
        self._pg.get_result()
        if status in DONE and self._position == self._rows_at and not self._concluding:
            flow.before = tuple(self._results)
            if CAN_CHUNK:
                self._pg.set_chunked_rows_mode(ROWS_AT_ONCE)
            else:
                self._pg.set_single_row_mode()

    def resume(self) -> None:
        """Read on where reading was stopped because rows had not been taken."""
        if self.paused and not self.closed:
            self.paused = False
            self._loop.add_reader(self._descriptor, self.look)
            self.look()

    def forget_notifications(self) -> None:
        """Throw away what NOTIFY sent: a function may have said LISTEN, and libpq keeps it all for who asks."""
        while self._pg.notifies() is not None:
            pass

    def lose(self, message: str) -> None:
        """Close the connection for good; whoever waits for an answer gets `ConnectionLost`."""
        if self.closed:
            return
        self.closed = True
        self._unwatch()
        self._pg.finish()
        future, self.future = self.future, None
        if future is not None and not future.done():
            future.set_exception(ConnectionLost(message.strip(), self._error))
        self._settle()
        self._on_lost(self)

    def _finish(self) -> None:
        """Act on ReadyForQuery."""
        status = self._pg.transaction_status
        future = self.future
        error = self._error
        if status != IDLE:
            self._finish_open(status)
            return
        results = self._results
        self._results = []
        self.future = None
        if self._aside or error is not None:
            error = self._tidy(error)
        self._transaction = None
        if self.settled is not None:
            self._settle()
        else:
            self._on_idle(self)
        if future is not None and not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(results)

    def _finish_open(self, status: int) -> None:
        """Act on ReadyForQuery inside a transaction: it is to be decided, or has failed, or should not be open."""
        future, transaction = self.future, self._transaction
        if transaction is None or transaction.begin is None or future is None or self._concluding:
            self.lose("a transaction was left open")
        elif status == IN_ERROR and self._error is not None:
            self._end(b"ROLLBACK")
        elif status == IN_TRANSACTION and transaction.end == "decide":
            if future.done():
                self._end(b"ROLLBACK")
            else:
                results, self._results = self._results, []
                future.set_result(results)
        else:
            self.lose("a transaction was left open")

    def _end(self, command: bytes) -> None:
        """Send the end of an open transaction as a batch of its own."""
        failed = self._error is not None
        if self._aside:
            self._settle_names(self._failed_at if failed else sys.maxsize)
        self._concluding = True
        self._results = []
        self._position = 0
        self._aside[0] = None
        try:
            self._send_unnamed(command, None)
            self._sync()
            if self._pg.flush():
                self._write_later()
        except psycopg.Error as error:
            self.lose(str(error))

    def _send_statement(self, statement: Statement, position: int) -> int:
        """Send a statement, under its name if it has one; return the position in the batch after it."""
        text, parameters, prepare = statement
        if not (prepare and self._limit):
            self._send_unnamed(text, parameters)
            return position + 1
        key = (self.role, text)
        name = self._prepared.get(key)
        if name is None:
            return self._parse(key, parameters, position) + 1
        self._prepared.move_to_end(key)
        self._send_prepared(name, parameters)
        return position + 1

    def _parse(self, key: tuple[str, bytes], parameters: tuple[bytes | None, ...], position: int) -> int:
        """Send a statement that has no name here yet; return the position of its Execute."""
        pg, prepared, aside = self._pg, self._prepared, self._aside
        role, text = key
        if len(prepared) >= self._limit:
            if not CAN_CLOSE:
                self._send_unnamed(text, parameters)
                return position
            _, oldest = prepared.popitem(last=False)
            self._varied.pop(oldest, None)
            pg.send_close_prepared(oldest)
            aside[position] = (None, oldest)
            position += 1
        self._names += 1
        self.parses += 1
        name = f"{self._prefix}_{self._names}".encode()
        wording = self._wordings.of(text)
        if wording:
            self._varied[name] = wording
        pg.send_prepare(name, label(role, wording) + text)
        prepared[key] = name
        aside[position] = (key, name)
        self._send_prepared(name, parameters)
        return position + 1

    def _close_retired(self) -> int:
        """Close the names that must not be used again; return the next position."""
        names, self._retired_names = self._retired_names, []
        if not CAN_CLOSE:
            return 0
        for position, name in enumerate(names):
            self._pg.send_close_prepared(name)
            self._aside[position] = (None, name)
        return len(names)

    def _tidy(self, error: DatabaseError | None) -> DatabaseError | None:
        """Bring the names in line with what the server knows after a batch; return the error to answer with."""
        self._position = 0
        concluding, self._concluding = self._concluding, False
        if error is None:
            self._aside.clear()
            return None
        self._settle_names(sys.maxsize if concluding else self._failed_at)
        self._error = None
        if error.sqlstate == "0A000" and error.routine == "RevalidateCachedQuery":
            self._forget_transaction()
        elif error.sqlstate == "26000" and self._prefix in error.message:
            self._forget_everything()
        else:
            return error
        return StaleStatement(error.sqlstate, error.message, detail=error.detail, hint=error.hint)

    def _settle_names(self, failed_at: int) -> None:
        """Retire the names whose Parse or Close was not carried out: a pooler may know them all the same."""
        for position, change in self._aside.items():
            if position >= failed_at and change is not None:
                key, name = change
                if key is not None and self._prepared.get(key) == name:
                    del self._prepared[key]
                self._varied.pop(name, None)
                self._retired_names.append(name)
        self._aside.clear()

    def _forget_transaction(self) -> None:
        """Retire the transaction's statements, and vary their texts: a pooler would take up its old ones again."""
        if self._transaction is None:
            return
        for statement in self._transaction.statements:
            name = self._prepared.pop((self._transaction.role, statement.text), None)
            if name is not None:
                self._retired_names.append(name)
                self._wordings.vary(statement.text, self._varied.pop(name, 0))

    def _forget_everything(self) -> None:
        """Forget all names: the server does not know them."""
        self._prepared.clear()
        self._varied.clear()
        self._retired_names.clear()

    def _settle(self) -> None:
        if self.settled is not None and not self.settled.done():
            self.settled.set_result(None)

    def _write_later(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._descriptor, self._on_writable)

    def _on_writable(self) -> None:
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._descriptor)
                self._writing = False
        except psycopg.Error as error:
            self.lose(str(error))

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._descriptor)
        if self._writing:
            self._loop.remove_writer(self._descriptor)
            self._writing = False
        if sys.platform != "win32":
            # uvloop lets go of a descriptor in its next iteration only.
            self._loop.call_soon(os.close, self._descriptor)


def label(role: str, wording: int = 0) -> bytes:
    """Return the comment before a statement's text, different for every role and wording."""
    # No role's name can end the comment: what is not a plain name is spelt in digits.
    plain = role if role.isascii() and role.isidentifier() else f"0x{role.encode().hex()}"
    return f"/* {plain}{f' {wording}' if wording else ''} */ ".encode()
