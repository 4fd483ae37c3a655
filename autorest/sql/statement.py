"""What the SQL room hands to the database room."""

from __future__ import annotations

from typing import NamedTuple


class Statement(NamedTuple):
    """SQL text with $1, $2 … and its parameters in PostgreSQL's text format (None is NULL).

    `prepare` tells whether a named prepared statement is worth keeping for it. The database room
    names statements by text and role, so the same text must be the same bytes object where it can.
    """

    text: bytes
    parameters: tuple[bytes | None, ...] = ()
    prepare: bool = True


class Transaction(NamedTuple):
    """One request's work in the database.

    begin       None: the batch is one implicit transaction that ends at its Sync. Otherwise the
                SQL that opens an explicit one (`BEGIN ISOLATION LEVEL …`).
    statements  run in order; the answer has one result for each.
    end         `commit`; `rollback`: explicit, and rolled back after the last statement;
                `decide`: explicit, and the caller's verdict on the results ends it.
    rows        the position of the statement whose rows are handed over while they arrive, if there
                is one; it is not the first
    """

    role: str
    statements: tuple[Statement, ...]
    begin: bytes | None = None
    end: str = "commit"
    rows: int | None = None
