"""The `select` parameter: columns, aggregates, embeds and spreads.

id,alias:name::text,data->>key,amount.sum()::int,count(),client:clients!fk!inner(*),...owner(name)
"""

from __future__ import annotations

import re
from typing import Final

from autorest.errors import Refused
from autorest.request.fields import parse_json_path
from autorest.request.model import Field, SelectField, SelectItem, SelectRelation
from autorest.request.scanner import NAME_EXPECTED, Cursor, is_identifier

# Most items are a plain column: read them at once.
_PLAIN_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+(?=[,)]|\Z)")
_STAR: Final = re.compile(r"\*(?=[,)]|\Z)")
_END: Final = re.compile(r"(?=[,)]|\Z)")
_TYPE: Final = re.compile(r"::([\w $]+)")
_AGGREGATE: Final = re.compile(r"\.(sum|avg|count|max|min)\(\)")
_COUNT: Final = "count()"
_JOIN: Final = re.compile(r"!(left|inner)")

_STAR_FIELD: Final = SelectField(Field("*"))


def parse_select(text: str) -> tuple[SelectItem, ...]:
    """Read the value of the parameter; an empty one selects nothing.

    What follows a complete list at the top is ignored, as PostgREST does.

    Raises: Refused (PGRST100).
    """
    return _items(Cursor(text, "The select parameter"), 1)


def _items(cursor: Cursor, depth: int) -> tuple[SelectItem, ...]:
    first = _maybe_item(cursor, depth)
    if first is None:
        return ()
    items = [first]
    while cursor.take_comma():
        item = _maybe_item(cursor, depth)
        if item is None:
            raise cursor.refuse(f"a column or an embed after the comma: {NAME_EXPECTED}")
        items.append(item)
    return tuple(items)


def _maybe_item(cursor: Cursor, depth: int) -> SelectItem | None:
    """Read an item; None where none begins and nothing was read."""
    cursor.count_item()
    plain = cursor.match(_PLAIN_COLUMN)
    if plain is not None:
        return SelectField(Field(plain[0]))
    blanks = cursor.skip_blanks()
    if cursor.match(_STAR):
        return _STAR_FIELD
    if cursor.at("..."):
        return _maybe_spread(cursor, depth, blanks)
    if cursor.take(_COUNT):
        return _count(cursor, None)
    name = cursor.maybe_name()
    if name is None:
        if blanks:
            raise cursor.refuse(NAME_EXPECTED)
        return None
    alias = None
    if cursor.at(":") and not cursor.at("::"):
        cursor.position += 1
        if cursor.take(_COUNT):
            return _count(cursor, name)
        cursor.skip_blanks()
        alias, name = name, cursor.name()
    if (cursor.at("(") or cursor.at("!")) and name != "count":
        return _relation(cursor, name, alias, depth)
    return _field(cursor, name, alias)


def _count(cursor: Cursor, alias: str | None) -> SelectField:
    return _ended(cursor, SelectField(_STAR_FIELD.field, alias, None, "count", _maybe_type(cursor)))


def _field(cursor: Cursor, name: str, alias: str | None) -> SelectField:
    path = parse_json_path(cursor) if cursor.at("->") else ()
    cursor.skip_blanks()
    cast = _maybe_type(cursor)
    found = cursor.match(_AGGREGATE)
    aggregate = None if found is None else found[1]
    aggregate_cast = _maybe_type(cursor)
    return _ended(cursor, SelectField(Field(name, path), alias, cast, aggregate, aggregate and aggregate_cast))


def _ended(cursor: Cursor, field: SelectField) -> SelectField:
    if not cursor.match(_END):
        raise cursor.refuse("a comma, a closing parenthesis or the end; after a column also ->, ::type or .aggregate()")
    return field


def _maybe_type(cursor: Cursor) -> str | None:
    if not cursor.at("::"):
        return None
    found = _TYPE.match(cursor.text, cursor.position)
    if found is None or not is_identifier(found[1]):
        raise cursor.refuse("the name of a type after ::")
    cursor.position = found.end()
    return found[1].strip(" ")


def _maybe_spread(cursor: Cursor, depth: int, committed: bool) -> SelectRelation | None:
    """Read a spread; None, and the cursor where it was, where dots begin none and nothing was read before them."""
    start = cursor.position
    cursor.take("...")
    try:
        name = cursor.name()
        hint, join = _modifiers(cursor)
    except Refused:
        if committed:
            raise
        cursor.position = start
        return None
    return SelectRelation(name, _children(cursor, depth), None, hint, join, spread=True)


def _relation(cursor: Cursor, name: str, alias: str | None, depth: int) -> SelectRelation:
    hint, join = _modifiers(cursor)
    return SelectRelation(name, _children(cursor, depth), alias, hint, join)


def _modifiers(cursor: Cursor) -> tuple[str | None, str | None]:
    """Read the hint and the kind of join that stand before the columns of an embed."""
    hint = join = None
    for _ in range(2):
        found = cursor.match(_JOIN)
        if found is not None:
            join = join or found[1]
        elif cursor.take("!"):
            named = cursor.name()
            hint = hint if hint is not None else named
    if not cursor.at("("):
        raise cursor.refuse("the columns of the embed in parentheses; before them at most !hint and !inner or !left")
    return hint, join


def _children(cursor: Cursor, depth: int) -> tuple[SelectItem, ...]:
    cursor.take("(")
    cursor.check_depth(depth)
    children = _items(cursor, depth + 1)
    if not cursor.take(")"):
        raise cursor.refuse("a comma or a closing parenthesis")
    return children
