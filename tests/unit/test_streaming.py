"""Which answers are read as single rows: those of shapes that are not known to be small."""

from __future__ import annotations

from typing import cast

import pytest

from autorest.database.pool import Rows
from autorest.plan.model import CallPlan, MutatePlan, ReadPlan
from autorest.plan.planner import plan
from autorest.request.model import Range
from autorest.request.request import RequestSettings, parse_request
from autorest.response.rows import Body, form_of
from autorest.settings import Settings
from autorest.sql.binding import Values
from autorest.streaming import FEW_ROWS, FIRST_SMALL, MOST_SMALL, WHOLE, Habit, RowStream, Streaming
from autorest.template import Template
from tests.support.catalogs import CATALOG


def template(target: str, method: str = "GET", accept: str = "application/json", **headers: str) -> Template:
    """Return the template of a request to the catalog of films."""
    path, _, query = target.partition("?")
    sent = [(b"accept", accept.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    request = parse_request(method, path.encode(), query.encode(), sent, b"", RequestSettings(schemas=("api",)))
    planned = plan(request, CATALOG, Settings(db_schemas=("api",)))
    assert isinstance(planned, ReadPlan | CallPlan | MutatePlan)
    return Template.of(planned, request, ranged=True, max_rows=None, rollback_all=False, verbose=True)


def streaming(target: str) -> Streaming:
    found = template(target).streaming
    assert found is not None
    return found


def test_small_answers_are_expected_after_some_of_them() -> None:
    habit = Habit()
    for _ in range(FIRST_SMALL):
        assert not habit.is_small
        habit.note(WHOLE)
    assert habit.is_small and not habit.was_large


def test_each_large_answer_makes_it_harder_to_be_taken_for_small() -> None:
    habit = Habit()
    needed = 0
    for _ in range(20):
        habit.note(WHOLE + 1)
        assert habit.was_large and not habit.is_small
        before, needed = needed, 0
        while not habit.is_small:
            habit.note(1)
            needed += 1
        assert needed == MOST_SMALL or needed > before
    assert needed == MOST_SMALL


def test_few_rows_are_expected_to_be_small_until_they_are_not() -> None:
    films = streaming("/films")
    few, many = (Values(ranges={(): Range(0, limit)}) for limit in (FEW_ROWS, FEW_ROWS + 1))
    assert films.is_expected(Values()) and films.is_expected(many) and not films.is_expected(few)
    films.habit.note(WHOLE + 1)
    assert films.is_expected(few)


def test_what_has_one_row_at_most_is_read_as_ever() -> None:
    for target in ("/films?id=eq.1", "/films?id=eq.1&select=title"):
        found = template(target)
        assert found.streaming is None and b"pg_column_size" not in found.main.text
    for target in ("/films?id=gt.1", "/films?id=not.eq.1", "/films?or=(id.eq.1,id.eq.2)", "/films?id=eq(any).{1,2}"):
        found = template(target)
        assert found.streaming is not None and b"pg_column_size" in found.main.text


def test_what_is_no_row_after_the_other_is_not_taken_apart() -> None:
    assert template("/films", accept="application/vnd.pgrst.object+json").streaming is None
    assert template("/films", method="HEAD").streaming is None
    assert template("/films", method="DELETE", prefer="return=representation").streaming is None


def test_what_is_counted_is_counted_before() -> None:
    counted = template("/films", prefer="count=exact").streaming
    assert counted is not None and b"count(*)" in counted.statements.head.text
    assert b"count(*)" not in streaming("/films").statements.head.text
    estimated = template("/films", prefer="count=planned").streaming
    assert estimated is not None and estimated.explanation is not None


class Arriving:
    """Rows that come one at a time."""

    def __init__(self, *values: bytes) -> None:
        self.values = [*values]

    async def next(self) -> list[bytes | None]:
        return [self.values.pop(0)] if self.values else []


@pytest.mark.anyio
async def test_a_large_row_is_given_slice_by_slice() -> None:
    rows = b"1", b"x" * (3 * WHOLE + 1), b"2"
    planned = template("/films").plan
    assert isinstance(planned, ReadPlan)
    stream = RowStream(cast(Rows, Arriving(*rows)), Body(form_of(planned)), [b"begun"], ValueError)  # type: ignore[arg-type]
    given = []
    while piece := await stream.next():
        given.append(piece)
    assert b"".join(given) == b"begun[" + b", \n ".join(rows) + b"]"
    assert max(map(len, given)) <= WHOLE
    assert await stream.next() == b""
