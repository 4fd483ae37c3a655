"""The one place where an identifier becomes SQL text."""

from __future__ import annotations

import string
from functools import lru_cache

from autorest.catalog.model import QualifiedName

#: Characters of a name. PostgreSQL's have 63 bytes at most; a longer one is a client's own, and not kept.
LONGEST_KEPT = 63


def identifier(name: str) -> str:
    """Return `name` as a quoted identifier (PostgreSQL 4.1.1). A NUL cannot be in one: it is cut there."""
    return _kept(name) if len(name) <= LONGEST_KEPT else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.partition("\0")[0].replace('"', '""') + '"'


_kept = lru_cache(maxsize=8192)(_quoted)


def qualified(name: QualifiedName) -> str:
    """Return a quoted name with its schema, or without when the schema is empty."""
    return f"{identifier(name.schema)}.{identifier(name.name)}" if name.schema else identifier(name.name)


def column(table: str, name: str) -> str:
    """Return `table.name` quoted; `*` stays the star it is."""
    return f"{identifier(table)}.*" if name == "*" else f"{identifier(table)}.{identifier(name)}"


#: Names are folded to lower case as far as ASCII goes, whatever the locale (scansup.c, in UTF-8).
FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

#: Types that the SQL grammar spells with keywords: quoted they would be other names (gram.y, SimpleTypename).
KEYWORD_TYPES = frozenset(
    (
        "bigint",
        "bit",
        "bit varying",
        "boolean",
        "char",
        "char varying",
        "character",
        "character varying",
        "dec",
        "decimal",
        "double precision",
        "float",
        "int",
        "integer",
        "interval",
        "interval day",
        "interval day to hour",
        "interval day to minute",
        "interval day to second",
        "interval hour",
        "interval hour to minute",
        "interval hour to second",
        "interval minute",
        "interval minute to second",
        "interval month",
        "interval second",
        "interval year",
        "interval year to month",
        "national char",
        "national char varying",
        "national character",
        "national character varying",
        "nchar",
        "nchar varying",
        "numeric",
        "real",
        "smallint",
        "time",
        "time with time zone",
        "time without time zone",
        "timestamp",
        "timestamp with time zone",
        "timestamp without time zone",
        "varchar",
    )
)


def type_name(name: str) -> str:
    """Return the name of a type as a client wrote it, such that it can be nothing else.

    What the SQL grammar knows by keywords is written as it is, with `setof` before it and `array` behind;
    any other name is folded to lower case, as PostgreSQL would, and quoted.
    """
    words = name.translate(FOLDED).split()
    before = "setof " if len(words) > 1 and words[0] == "setof" else ""
    words = words[1:] if before else words
    behind = " array" if len(words) > 1 and words[-1] == "array" else ""
    folded = " ".join(words[:-1] if behind else words)
    return before + (folded if folded in KEYWORD_TYPES else identifier(folded)) + behind
