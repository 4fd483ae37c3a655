"""Answers of which the first rows are sent while the database reads the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autorest.database.errors import DatabaseError, Unavailable
from autorest.database.pool import Rows
from autorest.errors import Error
from autorest.plan.model import CallPlan, CsvHandler, JsonHandler, LinesHandler, MutatePlan, ReadPlan
from autorest.response.model import Answer, Response, Unfinished
from autorest.response.respond import Beginning, Facts, Responder
from autorest.response.rows import Body, Form, form_of
from autorest.result import Result, estimated, integer
from autorest.sql.answer import Counting, Rendered
from autorest.sql.binding import Values
from autorest.sql.rows import HEAD_COLUMNS, SAID, RowStatements, row_statements
from autorest.sql.statement import Statement, Transaction
from autorest.sql.transaction import Caller, Frame

#: Answers up to this many bytes are sent as a whole, with their length.
WHOLE = 1 << 18
#: A body that the database makes as a whole may have this many bytes, or the rows are read one by one after all.
MOST_WHOLE = 1 << 20
#: Answers that are limited to so many rows are taken for small ones.
FEW_ROWS = 500
#: So many small answers make a shape one of small answers: at first, and at most if there were large ones since.
FIRST_SMALL, MOST_SMALL = 3, 3 << 10

Reporter = Callable[[Exception], Error]


class Habit:
    """How large the answers of a shape were, for a guess at the next one.

    A body that the database makes as a whole costs less than single rows if it is small, and is made in vain if it is
    too large.
    """

    __slots__ = ("_needed", "_small")

    def __init__(self) -> None:
        self._small = 0
        self._needed = FIRST_SMALL

    @property
    def is_small(self) -> bool:
        """Whether the answers of late were small ones."""
        return self._small >= self._needed

    @property
    def was_large(self) -> bool:
        """Whether any answer was a large one."""
        return self._needed > FIRST_SMALL

    def note(self, size: int) -> None:
        """Say how many bytes an answer has, so far."""
        if size <= WHOLE:
            self._small += 1
        else:
            self._small = 0
            self._needed = min(self._needed * 2, MOST_SMALL)


@dataclass(frozen=True, slots=True)
class Streaming:
    """How requests of one shape are answered whose rows are read one by one."""

    statements: RowStatements
    explanation: Rendered | None
    counting: Counting
    max_rows: int | None
    form: Form
    responder: Responder
    habit: Habit

    @classmethod
    def of(
        cls,
        plan: ReadPlan | MutatePlan | CallPlan,
        counting: Counting,
        explanation: Rendered | None,
        max_rows: int | None,
        responder: Responder,
    ) -> Streaming | None:
        """Return None for a plan whose rows are few, or not to be taken apart."""
        if isinstance(plan, MutatePlan) or not _has_rows(plan, counting):
            return None
        return cls(
            statements=row_statements(plan, counting, limited=max_rows is not None),
            explanation=explanation,
            counting=counting,
            max_rows=max_rows,
            form=form_of(plan),
            responder=responder,
            habit=Habit(),
        )

    def is_expected(self, values: Values) -> bool:
        """Whether the answer may be a large one."""
        habit = self.habit
        if habit.is_small:
            return False
        limit = values.range(()).limit
        return limit is None or limit > FEW_ROWS or habit.was_large

    def is_needed(self, result: Result) -> bool:
        """Whether the body that the database should have made as a whole is too large for that."""
        body = result.get_value(0, 2)
        if body is None:
            self.habit.note(MOST_WHOLE + 1)
        elif len(body) > WHOLE:
            self.habit.note(len(body))
        return body is None

    def transaction(self, frame: Frame, caller: Caller, values: Values) -> Transaction:
        """Return the transaction whose rows `respond` answers with."""
        head, rows = self.statements
        before = (head,) if self.explanation is None else (head, self.explanation)
        own = [one.filled(values) for one in (*before, rows)]
        transaction = frame.transaction(caller, (*own, Statement(SAID)))
        return transaction._replace(rows=frame.first + len(before))

    async def respond(self, rows: Rows, position: int, values: Values, facts: Facts, report: Reporter) -> Response:
        """Answer as soon as it is known whether the answer is large; its body then follows.

        The results of the transaction that are this request's own begin at `position`. `report` says what to tell of
        an error that comes too late to be the answer.
        """
        try:
            return await self._respond(rows, position, values, facts, report)
        except BaseException:
            rows.close()
            raise

    async def _respond(self, rows: Rows, position: int, values: Values, facts: Facts, report: Reporter) -> Response:
        pieces: list[bytes] = []
        size = 0
        body: Body | None = None
        while size <= WHOLE:
            taken = await rows.next()
            if body is None:
                body = Body(self.form, self._names(rows.before[position]))
            if not taken:
                pieces.append(body.end())
                self.habit.note(size)
                return self._whole(rows, position, facts, b"".join(pieces), body.rows)
            pieces.append(body.more(taken))
            size += len(pieces[-1])
        self.habit.note(size)
        assert body is not None
        head = rows.before[position]
        beginning = Beginning(
            total=self._total(rows.before, position),
            is_exact=self.counting.exact and self.explanation is None,
            most=values.range(()).limit,
            headers=head.get_value(0, 1),
            status=head.get_value(0, 2),
        )
        stream = RowStream(rows, body, pieces, report)
        response = self.responder.begin(beginning, facts, stream)
        if response.stream is None:
            rows.close()
        return response

    def _whole(self, rows: Rows, position: int, facts: Facts, body: bytes, page: int) -> Response:
        results = rows.results
        said = results[position + (2 if self.explanation is None else 3)]
        is_total = self.counting.exact and not self.counting.ranged
        total = self._total(results, position, page if is_total else None)
        return self.responder.respond(Answer(total, page, body, said.get_value(0, 0), said.get_value(0, 1)), facts)

    def _total(self, results: Sequence[Result], position: int, known: int | None = None) -> int | None:
        total = integer(results[position].get_value(0, 0)) if known is None else known
        if self.explanation is None:
            return total
        return estimated(total, results[position + 1], self.max_rows)

    def _names(self, head: Result) -> list[bytes]:
        return [head.fname(column) or b"" for column in range(HEAD_COLUMNS, head.nfields)]


class RowStream:
    """The body of an answer, of which the first pieces are there.

    Whatever is done with a piece, it is not done for long: a row of any size is given slice by slice.
    """

    def __init__(self, rows: Rows, body: Body, pieces: Sequence[bytes], report: Reporter) -> None:
        self._rows = rows
        self._body = body
        self._pieces = deque(pieces)
        self._report = report
        self._ended = False
        self._piece = b""
        self._given = 0

    async def next(self) -> bytes:
        """Return the next piece, nothing after the last. Raises Unfinished when there cannot be another."""
        if self._given >= len(self._piece):
            self._piece, self._given = await self._next(), 0
        piece = self._piece[self._given : self._given + WHOLE]
        self._given += WHOLE
        return piece

    async def _next(self) -> bytes:
        if self._pieces:
            return self._pieces.popleft()
        if self._ended:
            return b""
        try:
            taken = await self._rows.next()
        except (DatabaseError, Unavailable) as error:
            raise Unfinished(self._report(error)) from error
        if not taken:
            self._ended = True
            return self._body.end()
        return self._body.more(taken)

    def close(self) -> None:
        """Let go of the connection to the database, whatever is still to come."""
        self._rows.close()


def _has_rows(plan: ReadPlan | CallPlan, counting: Counting) -> bool:
    """Whether the answer is made of rows one after the other, of any number."""
    if plan.rendering.explain is not None:
        return False
    if not isinstance(plan.rendering.handler, JsonHandler | CsvHandler | LinesHandler):
        return False
    if isinstance(plan, ReadPlan):
        return not plan.by_key
    returns = plan.routine.returns
    # To count its rows first, the function would have to be called twice. Between arrays, json_agg's white space
    # depends on which of them are NULL.
    if counting.exact or plan.preferences.max_affected is not None or returns.name.name.startswith("_"):
        return False
    return plan.read_only and returns.set_of
