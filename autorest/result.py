"""Reading what a statement returned."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import orjson


class Result(Protocol):
    """The rows of one statement, as psycopg's libpq wrapper gives them."""

    @property
    def ntuples(self) -> int: ...
    @property
    def nfields(self) -> int: ...
    def get_value(self, row_number: int, column_number: int) -> bytes | None: ...
    def ftype(self, column_number: int) -> int: ...
    def fname(self, column_number: int) -> bytes | None: ...


class Type(IntEnum):
    """Types by their number in pg_type."""

    BYTEA = 17
    JSONB = 3802


def page_of(result: Result) -> int:
    """Return how many rows an answer has (the second column, see autorest.sql.answer)."""
    return int(result.get_value(0, 1) or 0)


def handled_body(result: Result) -> bytes:
    """Return what a media type handler made: bytea perhaps, which arrives in its hexadecimal format (8.4.1).

    jsonb that a handler makes is sent as PostgREST sends it, after the byte of its binary format.
    """
    body = result.get_value(0, 2) or b""
    match result.ftype(2):
        case Type.BYTEA:
            return bytes.fromhex(body[2:].decode("ascii"))
        case Type.JSONB:
            return b"\x01" + body
    return body


def integer(text: bytes | None) -> int | None:
    """Return a number that may be NULL."""
    return None if text is None else int(text)


def estimated(exact: int | None, explanation: Result, max_rows: int | None) -> int:
    """Return the planner's number, but the exact one while that is no more than the server's own limit."""
    planned: int = orjson.loads(explanation.get_value(0, 0) or b"[]")[0]["Plan"]["Plan Rows"]
    if exact is None:
        return planned
    return max(exact, planned) if max_rows is None or exact > max_rows else exact
