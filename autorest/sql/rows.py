"""The statements of an answer whose rows are sent while they are read: one row of the result for each of the answer."""

from __future__ import annotations

from typing import NamedTuple

from autorest.plan.model import CallPlan, CsvHandler, JsonHandler, ReadPlan
from autorest.sql.answer import ROW, SETTINGS, Counting, Rendered, call_source, counted, is_text, stripped, value_of
from autorest.sql.read import select_tree
from autorest.sql.writer import Writer

#: What SQL says of the answer up to now: `response.headers`, `response.status`.
SAID = f"select {SETTINGS}".encode()
#: In the result of `head`, from which column on the names of the columns are those of the answer.
HEAD_COLUMNS = 3


class RowStatements(NamedTuple):
    """Run one after the other.

    head  one row: how many rows there are in all (NULL when not counted), `response.headers`, `response.status`, and
          of a CSV a column for each of the answer's, all NULL
    rows  for each row of the answer its text: JSON (NULL is null), or a line of CSV in parentheses
    """

    head: Rendered
    rows: Rendered


def row_statements(plan: ReadPlan | CallPlan, counting: Counting, *, limited: bool) -> RowStatements:
    """Return the statements for a plan whose rows are counted, if they are, by a query of its own."""
    return RowStatements(_head(plan, counting, limited), _rows(plan, limited))


def _rows(plan: ReadPlan | CallPlan, limited: bool) -> Rendered:
    writer = Writer()
    routine = plan.routine if isinstance(plan, CallPlan) else None
    with_ = f"with {call_source(writer, plan)} " if isinstance(plan, CallPlan) else ""
    rows = select_tree(writer, plan.tree, limited=limited, comparable=is_text(plan.rendering))
    match plan.rendering.handler:
        case CsvHandler():
            text = f"{ROW}::text"
        case JsonHandler(strip):
            text = stripped(f"to_json({value_of(routine)})", strip)
        case _:
            text = f"to_json({value_of(routine)})"
    return Rendered(f"{with_}select {text} from ({rows}) as {ROW}".encode(), tuple(writer.bindings))


def _head(plan: ReadPlan | CallPlan, counting: Counting, limited: bool) -> Rendered:
    writer = Writer()
    total = counted(writer, plan, counting) if counting.exact else "null"
    text = f"select {total}, {SETTINGS}"
    if isinstance(plan.rendering.handler, CsvHandler):
        with_ = f"with {call_source(writer, plan)} " if isinstance(plan, CallPlan) else ""
        rows = select_tree(writer, plan.tree, limited=limited, comparable=True)
        none = f"(select * from ({rows}) as {ROW} limit 0) as {ROW}"
        text = f"{with_}{text}, {ROW}.* from (select) as autorest_once left join {none} on true"
    return Rendered(text.encode(), tuple(writer.bindings))
