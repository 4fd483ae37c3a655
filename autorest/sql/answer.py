"""The statement around a plan: it returns one row with the counts, the body and what SQL says of the answer.

The row's columns, in order: how many rows there are in all (NULL when not counted), how many are in
this answer, the body, `response.headers`, `response.status`, the primary key of a single inserted row
as a JSON array of pairs (NULL otherwise), the number of inserted rows of an upsert (NULL otherwise).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autorest.catalog.model import Routine
from autorest.plan.model import (
    SOURCE,
    CallPlan,
    CsvHandler,
    CustomHandler,
    Explain,
    GeoJsonHandler,
    Insert,
    JsonHandler,
    LinesHandler,
    MutatePlan,
    NoBody,
    ReadPlan,
    Rendering,
    SingleHandler,
)
from autorest.sql.binding import Binding, Values, bind
from autorest.sql.call import SCALAR, call
from autorest.sql.mutate import INSERTED, mutation
from autorest.sql.quote import identifier, qualified
from autorest.sql.read import select_for_count, select_tree
from autorest.sql.statement import Statement
from autorest.sql.writer import Writer

ROWS = "autorest_rows"
#: Each of them as a whole. No column should have the name, for it would be taken for the row. As PostgreSQL tells it
#: in errors, it is PostgREST's; so are the names of the source, the call and the body.
ROW = identifier("_postgrest_t")
#: Bytes of a statement that is worth keeping prepared: a longer one is as good as never the same again, and a plan
#: takes twenty times the memory of its text in each of the database's connections.
LONGEST_PREPARED = 1 << 14
SETTINGS = "nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')"


class Rendered(NamedTuple):
    """SQL text with the bindings of its $n."""

    text: bytes
    bindings: tuple[Binding, ...]

    def filled(self, values: Values) -> Statement:
        """Return the statement for a request with these values."""
        return Statement(self.text, bind(self.bindings, values), len(self.text) <= LONGEST_PREPARED)


class Counting(NamedTuple):
    """How the rows are to be counted.

    ranged   the request or the server limits the rows, so that the answer's number is not the total
    maximum  count no further than one more than this (an estimate takes over then)
    """

    exact: bool = False
    ranged: bool = False
    maximum: int | None = None


def read_statement(plan: ReadPlan, counting: Counting, *, limited: bool, most: int | None = None) -> Rendered:
    """Where the rows come to more than `most` bytes, the body is NULL instead."""
    writer = Writer()
    rows = select_tree(writer, plan.tree, limited=limited, comparable=is_text(plan.rendering))
    return _finish(writer, plan.rendering, None, "", rows, _total(writer, plan, counting, None), most=most)


def call_statement(plan: CallPlan, counting: Counting, *, limited: bool, most: int | None = None) -> Rendered:
    """Where the rows come to more than `most` bytes, the body is NULL instead."""
    writer = Writer()
    source = call_source(writer, plan)
    rows = select_tree(writer, plan.tree, limited=limited, comparable=is_text(plan.rendering))
    total = _total(writer, plan, counting, plan.routine)
    return _finish(writer, plan.rendering, plan.routine, source, rows, total, most=most)


def call_source(writer: Writer, plan: CallPlan) -> str:
    """Return the WITH query that calls the function."""
    return f"{SOURCE} as ({call(writer, plan)})"


def mutate_statement(plan: MutatePlan) -> Rendered:
    writer = Writer()
    source = f"{SOURCE} as ({mutation(writer, plan.mutation)})"
    silent = isinstance(plan.rendering.handler, NoBody)
    rows = (
        f"select * from {SOURCE}"
        if silent
        else select_tree(writer, plan.tree, limited=False, comparable=is_text(plan.rendering))
    )
    location = "null"
    inserted = "null"
    if isinstance(plan.mutation, Insert):
        if plan.preferences.representation == "headers-only" and plan.mutation.primary_key:
            location = _location(writer, plan.mutation.primary_key)
        if plan.mutation.resolution == "merge-duplicates":
            inserted = f"coalesce({INSERTED}, 0)"
    return _finish(writer, plan.rendering, None, source, rows, "null", location, inserted)


def is_text(rendering: Rendering) -> bool:
    """Whether embeds are seen as text, or by functions, for which PostgREST makes them jsonb."""
    return isinstance(rendering.handler, CsvHandler | CustomHandler)


def count_explanation(plan: ReadPlan | CallPlan) -> Rendered:
    """The plan of the counting SELECT, whose row estimate is a count that costs nothing."""
    writer = Writer()
    text = f"explain (format json) {select_for_count(writer, plan.tree)}"
    return Rendered(text.encode(), tuple(writer.bindings))


def _finish(
    writer: Writer,
    rendering: Rendering,
    routine: Routine | None,
    source: str,
    rows: str,
    total: str,
    location: str = "null",
    inserted: str = "null",
    most: int | None = None,
) -> Rendered:
    ctes = [source] if source else []
    if isinstance(rendering.handler, CsvHandler):
        ctes.append(f"{ROWS} as ({rows})")
        rows = f"select * from {ROWS}"
    page = _page(rendering, routine)
    with_ = f"with {', '.join(ctes)} " if ctes else ""
    text = (
        f"{with_}select {total}, {page}, {_body(rendering, routine, most)}, {SETTINGS}, {location}, {inserted}"
        f" from ({rows}) as {ROW}"
    )
    if rendering.explain is not None:
        text = _explained(rendering.explain, text)
    return Rendered(text.encode(), tuple(writer.bindings))


def _explained(explain: Explain, text: str) -> str:
    options = ", ".join((f"format {explain.format}", *explain.options))
    return f"explain ({options}) {text}"


def _total(writer: Writer, plan: ReadPlan | CallPlan, counting: Counting, routine: Routine | None) -> str:
    if not counting.exact:
        return "null"
    if not counting.ranged:
        return _page(plan.rendering, routine)
    return counted(writer, plan, counting)


def counted(writer: Writer, plan: ReadPlan | CallPlan, counting: Counting) -> str:
    """Return the subquery that counts the rows there are in all."""
    limit = "" if counting.maximum is None else f" limit {counting.maximum + 1:d}"
    return f"(select count(*) from ({select_for_count(writer, plan.tree)}{limit}) as _counted)"


def _page(rendering: Rendering, routine: Routine | None) -> str:
    """How many rows the answer has: one when the function returns one, even if it is filtered away.

    Where nothing makes one row of them all, there is no row then.
    """
    if routine is None or not routine.returns_single:
        return f"count({ROW})"
    by_function = isinstance(rendering.handler, CustomHandler) and routine.returns_scalar
    return "1" if by_function or isinstance(rendering.handler, NoBody) else f"greatest(count({ROW}), 1)"


def _body(rendering: Rendering, routine: Routine | None, most: int | None) -> str:
    scalar = routine is not None and routine.returns_scalar
    value = value_of(routine)
    match rendering.handler:
        case NoBody():
            return "''"
        case JsonHandler(strip):
            aggregated = stripped(f"json_agg({value})", strip)
            if routine is not None and routine.returns_single:
                return f"coalesce({aggregated}->0, 'null')"
            return _bounded(aggregated, f"coalesce({aggregated}, '[]')", most)
        case SingleHandler(strip):
            value = f"{ROW}.{SCALAR}" if scalar else ROW
            return f"coalesce({stripped(f'json_agg({value})', strip)}->0, 'null')"
        case CsvHandler():
            header = (
                "(select coalesce(string_agg(_key, ','), '') from json_object_keys("
                f"(select row_to_json(autorest_first) from {ROWS} as autorest_first limit 1)) as _key)"
            )
            lines = f"string_agg(substring({ROW}::text, 2, length({ROW}::text) - 2), E'\\n')"
            return _bounded(lines, f"{header} || E'\\n' || coalesce({lines}, '')", most)
        case LinesHandler():
            # In JSON a line break is white space, for inside of texts it is escaped.
            line = rf"translate(coalesce(to_json({value})::text, 'null'), E'\n\r', '  ') || E'\n'"
            lines = f"string_agg({line}, '')"
            return _bounded(lines, f"coalesce({lines}, '')", most)
        case GeoJsonHandler():
            features = f"coalesce(json_agg(ST_AsGeoJSON({ROW})::json), '[]')"
            return f"json_build_object('type', 'FeatureCollection', 'features', {features})"
        case CustomHandler(function, target):
            if scalar:
                return f"{qualified(function)}({ROW}.{SCALAR})"
            return f"{qualified(function)}({ROW}{'' if target is None else f'::{qualified(target)}'})"


def value_of(routine: Routine | None) -> str:
    """Return what a row of the answer is made of: the row itself, or the value that a function returned."""
    return f"{ROW}.{SCALAR}" if routine is not None and not routine.returns.composite else ROW


def _bounded(aggregate: str, body: str, most: int | None) -> str:
    return body if most is None else f"case when pg_column_size({aggregate}) > {most:d} then null else {body} end"


def stripped(value: str, strip: bool) -> str:
    return f"json_strip_nulls({value})" if strip else value


def _location(writer: Writer, key: Sequence[str]) -> str:
    names = ", ".join(f"{writer.constant(name)}::text" for name in key)
    return (
        f"case when count({ROW}) = 1 then (select json_agg(json_build_array(_pair.key, _pair.value))"
        f" from (select row_to_json(autorest_first) as _json from {SOURCE} as autorest_first limit 1) as _written,"
        f" json_each_text(_json) as _pair where _pair.key in ({names})) end"
    )
