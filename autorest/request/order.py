"""The `order` parameter: `name.desc.nullslast,data->>key,client(name).asc`."""

from __future__ import annotations

import re
from typing import Final

from autorest.request.fields import parse_field, parse_path
from autorest.request.model import EmbedPath, Field, OrderTerm
from autorest.request.scanner import Cursor

_PLAIN_TERM: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)(?:\.(asc|desc))?(?:\.nulls(first|last))?(?=,|\Z)")
_SUFFIX: Final = re.compile(r"(?:\.(asc|desc))?(?:\.nulls(first|last))?(?=,|\Z)")


def parse_order(name: str, value: str) -> tuple[EmbedPath, tuple[OrderTerm, ...]]:
    """Read a query parameter named `order`, after embeds perhaps.

    Raises: Refused (PGRST100).
    """
    path = () if name == "order" else parse_path(name, "The parameter")[0]
    cursor = Cursor(value, "The parameter", name)
    terms = [_term(cursor)]
    while cursor.take(","):
        terms.append(_term(cursor))
    if not cursor.at_end():
        raise cursor.refuse("a comma or the end")
    return path, tuple(terms)


def _term(cursor: Cursor) -> OrderTerm:
    cursor.count_item()
    plain = cursor.match(_PLAIN_TERM)
    if plain is not None:
        return OrderTerm(Field(plain[1]), plain[2], plain[3])
    relation = None
    field = parse_field(cursor)
    if cursor.at("(") and not field.path:
        cursor.position += 1
        relation = field.name
        field = parse_field(cursor)
        cursor.expect(")")
    suffix = cursor.match(_SUFFIX)
    if suffix is None:
        raise cursor.refuse("a comma or the end; before it at most .asc or .desc, then .nullsfirst or .nullslast")
    cursor.skip_blanks()
    return OrderTerm(field, suffix[1], suffix[2], relation)
