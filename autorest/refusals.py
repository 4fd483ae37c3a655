"""What the server itself answers with an error: what is no request, is too large or takes too long."""

from __future__ import annotations

from autorest.errors import Error

#: Every code that begins with HTTP, after the status it is answered with.
MESSAGES: dict[int, str] = {
    400: "This is not a request of HTTP/1.1",
    408: "The request did not arrive in time",
    412: "A precondition of the request does not hold",
    413: "The body is too large",
    414: "The URL is too long",
    431: "The headers are too long",
    503: "The gateway is shutting down",
    504: "The request took too long and was given up",
}


def refusal(status: int, hint: str | None = None) -> Error:
    """Return the error for one of these statuses."""
    return Error(status, f"HTTP{status}", MESSAGES[status], None, hint)


def too_large(most: int) -> Error:
    """Return the answer to a body of more than `most` bytes (RFC 9110, 15.5.14)."""
    return Error(
        413,
        "HTTP413",
        MESSAGES[413],
        f"It may have {most} bytes.",
        "Send less in one request, or raise the setting server-max-body-size.",
    )


def outdated(details: str, hint: str) -> Error:
    """Return the answer to a write that was meant for something else than is there (RFC 9110, 15.5.13)."""
    return Error(412, "HTTP412", MESSAGES[412], details, hint)


def too_slow() -> Error:
    """Return the answer to a request whose time is over; what it did in the database is being cancelled."""
    return refusal(504, "What the request was to write may or may not have been written.")


def broken() -> Error:
    """Return the answer where something happened that should not have."""
    return Error(500, "PGRSTX00", "Something is wrong in the gateway", None, "Its log tells more.")
