"""The direct connection to PostgreSQL, past any pooler: for the catalog and for LISTEN."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

CONNECT_SECONDS = 5.0


async def connect_direct(conninfo: str) -> Connection:
    """Connect with asyncpg to what a libpq connection string, a URI or key=value, says."""
    given = conninfo_to_dict(conninfo)
    return await asyncpg.connect(
        host=given.get("host"),
        port=int(given["port"]) if given.get("port") else None,
        user=given.get("user"),
        password=given.get("password"),
        database=given.get("dbname"),
        timeout=CONNECT_SECONDS,
    )
