"""An answer as a value: status, headers, body."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from autorest.errors import Error

Headers = list[tuple[bytes, bytes]]


class Unfinished(Exception):
    """An answer that was begun cannot be sent to its end, because of `error`."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


class Stream(Protocol):
    """A body that is made while it is sent."""

    async def next(self) -> bytes:
        """Return the next piece, nothing after the last. Raises Unfinished when there cannot be another."""

    def close(self) -> None:
        """Let go of what it is made of; to be called in any case, and at any time."""


class Response(NamedTuple):
    """What goes back. `reason` replaces the standard reason phrase of the status where it is given.

    `role` is the role it was made for, and `error` what it reports, for the log. Where there is a `stream`, it is the
    body.
    """

    status: int
    headers: Headers
    body: bytes = b""
    reason: str | None = None
    role: str | None = None
    error: Error | None = None
    stream: Stream | None = None


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
