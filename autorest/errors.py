"""The one table of errors: what can go wrong, under which code and status, in our own words.

An `Error` is a value. `Refused` carries one to the edge of the gateway, which renders it as
the JSON object that PostgREST's clients expect: `code`, `details`, `hint`, `message`, in this order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Details = str | Sequence[dict[str, str]] | None


@dataclass(frozen=True, slots=True)
class Error:
    """An answer that is not a success.

    `status` is the HTTP status, `code` a PGRST code or an SQLSTATE; `headers` are sent as they are;
    `reason` replaces the standard reason phrase where the database asked for one.
    """

    status: int
    code: str
    message: str
    details: Details = None
    hint: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())
    reason: str | None = None

    def body(self, verbose: bool = True) -> dict[str, Any]:
        """Return the JSON object of the answer; without `verbose` only its code and message."""
        if not verbose:
            return {"code": self.code, "message": self.message}
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


class Refused(Exception):
    """Carries an `Error` from the room that found it to the edge that answers with it."""

    def __init__(self, error: Error) -> None:
        self.error = error
        super().__init__(f"{error.code}: {error.message}")


#: Every code of ours with its status. docs/errors.md lists them; a test compares the two.
STATUSES: dict[str, int] = {
    "PGRST000": 503,
    "PGRST001": 503,
    "PGRST002": 503,
    "PGRST003": 504,
    "PGRST004": 503,
    "PGRST100": 400,
    "PGRST101": 405,
    "PGRST102": 400,
    "PGRST103": 416,
    "PGRST105": 405,
    "PGRST106": 406,
    "PGRST107": 406,
    "PGRST108": 400,
    "PGRST111": 500,
    "PGRST112": 500,
    "PGRST114": 400,
    "PGRST115": 400,
    "PGRST116": 406,
    "PGRST117": 405,
    "PGRST118": 400,
    "PGRST120": 400,
    "PGRST121": 500,
    "PGRST122": 400,
    "PGRST123": 400,
    "PGRST124": 400,
    "PGRST125": 404,
    "PGRST126": 404,
    "PGRST127": 400,
    "PGRST128": 400,
    "PGRST200": 400,
    "PGRST201": 300,
    "PGRST202": 404,
    "PGRST203": 300,
    "PGRST204": 400,
    "PGRST205": 404,
    "PGRST300": 500,
    "PGRST301": 401,
    "PGRST302": 401,
    "PGRST303": 401,
    "PGRSTX00": 500,
}


def refuse(
    code: str,
    message: str,
    details: Details = None,
    hint: str | None = None,
    *,
    status: int | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> Refused:
    """Return the exception for `code`, with the status the table gives unless told otherwise."""
    return Refused(Error(status or STATUSES[code], code, message, details, hint, tuple(headers)))


def sent_as_form(names: Iterable[str]) -> str | None:
    """Return the hint for names that look like JSON: curl sends what `-d` is given as a form unless told otherwise."""
    if any(name.lstrip().startswith(("{", "[")) for name in names):
        return "This looks like JSON that was sent as a form: send the header Content-Type: application/json with it."
    return None
