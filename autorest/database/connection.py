"""How the pool's connections are opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import autorest

if TYPE_CHECKING:
    from autorest.database.pipeline import Pipeline

#: libpq's parameters that get a default here, and the environment variable that also sets them.
DEFAULTS: dict[str, tuple[str | None, str]] = {
    "connect_timeout": ("PGCONNECT_TIMEOUT", "3"),
    "keepalives_idle": (None, "10"),
    "keepalives_interval": (None, "5"),
    "keepalives_count": (None, "3"),
    "tcp_user_timeout": (None, "10000"),
    "client_encoding": (None, "UTF8"),
    "fallback_application_name": (None, f"autorest {autorest.__version__}"),
}


def complete(conninfo: str) -> str:
    """Return `conninfo` with defaults for what neither it nor the environment says, for libpq in this process.

    Raises ValueError if libpq does not understand it.
    """
    forget_unreadable_home()
    try:
        given = conninfo_to_dict(conninfo)
        defaults = {
            name: value
            for name, (variable, value) in DEFAULTS.items()
            if name not in given and not (variable and os.environ.get(variable))
        }
        return make_conninfo(conninfo, **defaults)
    except psycopg.ProgrammingError as error:
        raise ValueError(f"not a connection string that libpq understands: {str(error).strip()}") from None


def forget_unreadable_home() -> None:
    """Go on as if there were no files of libpq's in a home directory that this process may not look into.

    So it is where a container runs as another user than the one that HOME belongs to.
    """
    try:
        home = Path.home()
        (home / ".postgresql" / "postgresql.key").stat()
    except PermissionError:
        os.environ.setdefault("PGPASSFILE", str(home / ".pgpass"))
        os.environ["HOME"] = os.devnull
    except (OSError, RuntimeError):
        return


class PooledConnection(AsyncConnection[Any]):
    """A connection that reports why it could not be opened, and remembers its driver between two leases.

    `opened_at` is the loop's time at which it was opened.
    """

    driver: Pipeline | None = None
    opened_at = 0.0

    @classmethod
    async def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, on_failure: Callable[[psycopg.Error], None], **kwargs: Any
    ) -> PooledConnection:
        """Connect as psycopg does; call `on_failure` with the error before it is raised."""
        try:
            connection = await super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            on_failure(error)
            raise
        connection.opened_at = asyncio.get_running_loop().time()
        return connection
