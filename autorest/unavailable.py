"""What is answered while the database cannot be asked, and when to try again."""

from __future__ import annotations

import math

from autorest.database.errors import ConnectionFailed, ConnectionLost, PoolFull, PoolTimeout, Unavailable
from autorest.errors import Error, Refused, refuse


def no_catalog(retry_after: float = 0.0) -> Refused:
    """Return what requests are answered with before the catalog was read."""
    return refuse(
        "PGRST002",
        "The catalog of the database is not loaded yet",
        None,
        "Try again in a moment.",
        headers=_retry_after(retry_after),
    )


def unavailable(error: Unavailable) -> Error:
    """Return the answer for a database that did not answer."""
    match error:
        case PoolTimeout():
            return refuse(
                "PGRST003",
                "No connection to the database became free in time",
                None,
                "The server is busy: try again later, or raise db-pool or db-pool-acquisition-timeout.",
            ).error
        case PoolFull():
            return refuse(
                "PGRST004",
                "Too many requests wait for a connection to the database",
                None,
                "The server is overloaded: try again later. Nothing was done.",
                headers=_retry_after(error.retry_after),
            ).error
        case ConnectionFailed():
            return refuse(
                "PGRST000",
                "The database cannot be reached",
                str(error) or None,
                "Try again later.",
                headers=_retry_after(error.retry_after),
            ).error
        case _:
            lost = error if isinstance(error, ConnectionLost) else None
            return refuse(
                "PGRST001",
                "The connection to the database was lost during the request",
                (lost.error.message if lost and lost.error else str(error)) or None,
                "Nothing of what the request was to write has been written."
                if lost and lost.uncommitted
                else "What the request was to write may or may not have been written.",
                headers=_retry_after(error.retry_after),
            ).error


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(max(1, math.ceil(seconds)))),)
