"""Reading what a statement returned."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Result(Protocol):
    """The rows of one statement, as psycopg's libpq wrapper gives them."""

    @property
    def ntuples(self) -> int: ...
    def get_value(self, row_number: int, column_number: int) -> bytes | None: ...
    def ftype(self, column_number: int) -> int: ...


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
