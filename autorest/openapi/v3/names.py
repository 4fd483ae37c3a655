"""Names of database objects where OpenAPI and the query string have rules of their own."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_NOT_IN_KEY: Final = re.compile(r"[^A-Za-z0-9_-]|^(?:Error|Filter|auth|rpc)$")
_PLAIN_FIELD: Final = re.compile(r"[\w$]+(?:[ -]+[\w$]+)*")
_RESERVED: Final = frozenset({"select", "columns", "on_conflict", "order", "limit", "offset", "and", "or", "not"})


def component_key(name: str) -> str:
    """Return `name` as a key under `components` (`^[a-zA-Z0-9._-]+$`), different for different names.

    Every other character is written as a dot and its UTF-8 bytes in hexadecimal, the dot as well: a
    suffix that starts with a dot and a letter beyond F never meets another name. Whole names that the document itself
    uses, or begins keys with, are written in hexadecimal, too.
    """
    return _NOT_IN_KEY.sub(lambda match: "".join(f".{byte:02X}" for byte in match[0].encode()), name)


def path_segment(name: str) -> str:
    """Return `name` percent-encoded, braces as well: in a path of OpenAPI they would be a template."""
    return quote(name, safe="")


def field_name(column: str) -> str:
    """Return a column's name as it stands in a query string, quoted where its characters or its name need it."""
    if _PLAIN_FIELD.fullmatch(column) and column not in _RESERVED:
        return column
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
