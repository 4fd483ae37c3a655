"""Which rows: `limit` and `offset` for each embed, and the `Range` header for the top (RFC 9110, section 14.2).

A range that holds no row is refused at the top, but for `limit=0`, which asks for none on purpose.
"""

from __future__ import annotations

import re
from typing import Final

from autorest.errors import refuse
from autorest.request.model import ALL_ROWS, Range
from autorest.request.scanner import bounded, integer

_HEADER: Final = re.compile(r"([0-9]+)-([0-9]*)", re.ASCII)
_NO_ROWS: Final = Range(0, 0)


def parse_range(limit: str | None, offset: str | None) -> Range:
    """Return the range of a `limit` and an `offset`, each None where the request has none.

    What is no integer counts as absent, except that an offset beside such a limit has the limit 0.
    """
    count = None if limit is None else integer(limit)
    if offset is None:
        return Range(0, count)
    start = integer(offset) or 0
    return Range(start, None if limit is None else count or 0)


def parse_range_header(value: str) -> Range:
    """Return the range of a header such as `0-24` or `10-`; everything for any other form.

    The limit is not positive when the last row comes before the first.
    """
    found = _HEADER.fullmatch(value)
    if found is None:
        return ALL_ROWS
    first = bounded(found[1])
    return Range(first, bounded(found[2]) - first + 1 if found[2] else None)


def top_range(method: str, asked: Range, range_header: str | None) -> Range:
    """Return the rows of the top relation that the query string, in `asked`, and the `Range` header both ask for.

    The header counts for GET only.

    Raises: Refused: PGRST103 where no row can be in it, PGRST114 for PUT with any but all rows.
    """
    header = parse_range_header(range_header) if range_header is not None and method == "GET" else ALL_ROWS
    if asked.limit is not None and asked.offset + asked.limit == 0:
        chosen = _NO_ROWS
    else:
        chosen = _common(asked, header)
        if _is_empty(header):
            raise refuse(
                "PGRST103",
                "Requested range not satisfiable: the Range header asks for no row",
                f"The first row of the Range header, {header.offset}, comes after its last.",
                'Write "Range: first-last" with first not above last, counted from 0.',
            )
        if _is_empty(chosen):
            raise refuse(
                "PGRST103",
                "Requested range not satisfiable: no row can be in it",
                "limit must not be negative, be 0 only without an offset, and meet what the Range header asks for.",
            )
    if method == "PUT" and chosen != ALL_ROWS:
        raise refuse(
            "PGRST114",
            "PUT takes neither limit nor offset",
            "PUT writes the one row that its filters name by primary key.",
        )
    return chosen


def restricted(rows: Range, max_rows: int | None) -> Range:
    """Return the range with at most `max_rows` rows; None is no maximum."""
    if max_rows is None or (rows.limit is not None and rows.limit <= max_rows):
        return rows
    return Range(rows.offset, max_rows)


def _is_empty(rows: Range) -> bool:
    return rows.limit is not None and rows.limit <= 0


def _common(one: Range, other: Range) -> Range:
    offset = max(one.offset, other.offset)
    ends = [rows.offset + rows.limit for rows in (one, other) if rows.limit is not None]
    return Range(offset, min(ends) - offset if ends else None)
