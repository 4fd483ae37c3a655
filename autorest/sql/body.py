"""The rows of a JSON body, as something to select from."""

from __future__ import annotations

from collections.abc import Sequence

from autorest.plan.model import ColumnRef
from autorest.sql.binding import BodyPlace, Constant
from autorest.sql.quote import column as quoted_column
from autorest.sql.quote import identifier
from autorest.sql.writer import Writer, converted

#: As PostgREST calls it: a PUT without its key reads it in the message of PostgreSQL.
BODY = "pgrst_body"
ELEMENT = "autorest_element"


def body_rows(writer: Writer, columns: Sequence[ColumnRef], *, is_object: bool, defaults: bool, first: bool) -> str:
    """Return a FROM item named `BODY` with the columns, one row for each object of the body.

    Column types are the catalog's. With `defaults`, a key that an object lacks gives the column's
    default, otherwise NULL; defaults are computed for every object, those that have the key too, so
    that a sequence has moved past the keys that were given. `first` takes no row after the first.
    """
    if is_object and not columns:
        return f"(select) as {identifier(BODY)}"
    body = f"{writer.bind(BodyPlace())}::json{'b' if defaults else ''}"
    if not columns:
        return f"(select from json{'b' if defaults else ''}_array_elements({body}) as _) as {identifier(BODY)}"
    typed = ", ".join(f"{identifier(column.name)} {column.type}" for column in columns)
    if defaults:
        fallbacks = [f"{column.default} as {_fallback(place)}" for place, column in _with_default(columns)]
        given = f"(select {body}) as _({ELEMENT})" if is_object else f"jsonb_array_elements({body}) as _({ELEMENT})"
        elements = f"(select {', '.join([ELEMENT, *fallbacks])} from {given}) as _elements"
        record = " || ".join([*_never_null(writer, columns), ELEMENT])
        # The set of one is for the message that it has for what is no object, like the other three.
        row = f"jsonb_to_record({record})" if is_object else f"jsonb_to_recordset(jsonb_build_array({record}))"
        rows = f"{elements} cross join lateral {row} as _row({typed})"
        items = ", ".join(_or_default(writer, place, column) for place, column in enumerate(columns))
    else:
        items = ", ".join(_item(column) for column in columns)
        rows = f"json_to_record{'' if is_object else 'set'}({body}) as _row({typed})"
    return f"(select {items} from {rows}{' limit 1' if first else ''}) as {identifier(BODY)}"


def _item(column: ColumnRef) -> str:
    value = converted(quoted_column("_row", column.name), column)
    return f"{value} as {identifier(column.name)}"


def _with_default(columns: Sequence[ColumnRef]) -> list[tuple[int, ColumnRef]]:
    return [(place, column) for place, column in enumerate(columns) if column.default is not None]


def _fallback(place: int) -> str:
    return f"autorest_default_{place}"


def _never_null(writer: Writer, columns: Sequence[ColumnRef]) -> list[str]:
    """Return what fills in keys that are missing: not every type (a domain that is NOT NULL) can be read as NULL."""
    return [
        f"jsonb_build_object({writer.bind(Constant(column.name.encode()))}::text, {_fallback(place)})"
        for place, column in _with_default(columns)
        if "." in column.type
    ]


def _or_default(writer: Writer, place: int, column: ColumnRef) -> str:
    value = converted(quoted_column("_row", column.name), column)
    if column.default is not None:
        name = writer.bind(Constant(column.name.encode()))
        value = f"case when {ELEMENT} ? {name} then {value} else _elements.{_fallback(place)} end"
    return f"{value} as {identifier(column.name)}"
