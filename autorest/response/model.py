"""An answer as a value: status, headers, body."""

from __future__ import annotations

from typing import NamedTuple

from autorest.errors import Error

Headers = list[tuple[bytes, bytes]]


class Response(NamedTuple):
    """What goes back. `reason` replaces the standard reason phrase of the status where it is given.

    `role` is the role it was made for, and `error` what it reports, for the log.
    """

    status: int
    headers: Headers
    body: bytes = b""
    reason: str | None = None
    role: str | None = None
    error: Error | None = None


class Answer(NamedTuple):
    """The one row of the answer's statement, decoded (see autorest.sql.answer).

    total     rows in all, None when not counted
    page      rows in this answer
    headers   the text of `response.headers`, status that of `response.status`
    location  names and values of the primary key of a single inserted row
    inserted  rows of an upsert that were new
    """

    total: int | None
    page: int
    body: bytes
    headers: bytes | None = None
    status: bytes | None = None
    location: list[tuple[str, str | None]] | None = None
    inserted: int | None = None
