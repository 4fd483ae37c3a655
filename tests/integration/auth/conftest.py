"""A database as postgres/init makes it, and the login before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from autorest.auth import passwords
from autorest.auth.authenticator import Authenticator
from autorest.auth.login import LoginService
from autorest.auth.routes import login_routes
from tests.support.cluster import Cluster
from tests.support.tokens import Settings

INIT = Path(__file__).parents[3] / "postgres" / "init"
DATABASE = "login"


@pytest.fixture(scope="session")
def prepared(cluster: Cluster) -> Cluster:
    """The cluster with a database that postgres/init was applied to, twice."""
    cluster.createdb(DATABASE)
    for _ in range(2):
        for script in sorted(INIT.glob("*.sql")):
            cluster.psql(script.read_text(), dbname=DATABASE)
    return cluster


@dataclass
class Database:
    """The database of the login, as the superuser sees it."""

    cluster: Cluster

    @property
    def uri(self) -> str:
        """The connection string of the gateway."""
        return self.cluster.dsn("authenticator", DATABASE)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.cluster.execute(sql, parameters or None, dbname=DATABASE)


@pytest.fixture
def database(prepared: Cluster) -> Iterator[Database]:
    """The database of the login without users."""
    yield Database(prepared)
    prepared.execute("truncate auth.users, auth.sessions, auth.attempts", dbname=DATABASE)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> PasswordHasher:
    """Hash with little memory; return what hashes as in production."""
    real = passwords._HASHER
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    return real


class Client(httpx.AsyncClient):
    """A client of the login, from an address of its own."""

    service: LoginService

    async def log_in(self, email: str, password: str) -> httpx.Response:
        return await self.post("/auth/login", json={"email": email, "password": password})


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect(database: Database) -> AsyncIterator[Connect]:
    """Return clients of a login with the given settings."""
    async with AsyncExitStack() as stack:
        pool = AsyncConnectionPool(
            database.uri, min_size=1, max_size=8, open=False, kwargs={"autocommit": True, "prepare_threshold": None}
        )
        await stack.enter_async_context(pool)

        async def run(sql: str, parameters: Sequence[str | None]) -> Sequence[Sequence[str | None]]:
            async with pool.connection() as connection:
                cursor = await psycopg.AsyncRawCursor(connection).execute(sql, parameters)
                return await cursor.fetchall()

        async def made(address: str = "192.0.2.1", **settings: Any) -> Client:
            configured = Settings(**settings)
            service = LoginService(run, configured, Authenticator(configured))
            stack.callback(service.close)
            transport = httpx.ASGITransport(Starlette(routes=login_routes(service)), client=(address, 1234))
            client = await stack.enter_async_context(Client(transport=transport, base_url="http://gateway"))
            client.service = service
            return client

        yield made
