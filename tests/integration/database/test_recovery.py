"""The drills: PostgreSQL, pgBouncer and the network go away under load, and come back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from autorest.database.errors import ConnectionFailed, ConnectionLost, DatabaseError, PoolTimeout, Unavailable
from autorest.database.pool import Database
from tests.integration.database.conftest import opened
from tests.integration.database.transactions import statement, value, work
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.proxy import Proxy
from tests.support.skips import available
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

CLIENTS = 50
#: How long after its cause has ended an outage may last, and how long a request may take at most, in seconds.
RECOVERY = 3.0
PATIENCE = 6.0


@pytest.fixture(scope="module")
def victim() -> Iterator[Cluster]:
    """A PostgreSQL that the drills may kill."""
    with available(Cluster) as server:
        server.psql(
            "CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE alice; GRANT alice TO authenticator;"
            "CREATE TABLE written (id int PRIMARY KEY); GRANT ALL ON written TO alice"
        )
        yield server


@pytest.fixture(scope="module")
def middle(victim: Cluster) -> Iterator[Pooler]:
    """The pgBouncer before it."""
    with available(Pooler, victim, forced_user="authenticator") as server:
        yield server


@pytest.fixture(params=["direct", "pgbouncer"])
def way(request: pytest.FixtureRequest, victim: Cluster) -> str:
    """Each road to the victim, which starts empty."""
    if victim.pid is None:
        victim.start()
    victim.execute("TRUNCATE written")
    if request.param == "direct":
        return victim.dsn("authenticator")
    pooler: Pooler = request.getfixturevalue("middle")
    return pooler.dsn("authenticator")


@dataclass
class Load:
    """What happened to the requests of many clients that read and write without a pause."""

    database: Database
    acknowledged: set[int] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[object] = field(default_factory=list)
    longest: float = 0.0
    last_error: float = 0.0
    stopped: bool = False
    number: int = 0

    async def client(self) -> None:
        while not self.stopped:
            self.number += 1
            number = self.number
            started = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    if number % 3:
                        read = statement("SELECT current_user || $1", str(number))
                        answer = value(await self.database.run(work("alice", read)))
                        if answer != f"alice{number}":
                            self.wrong.append((number, answer))
                    else:
                        insert = statement("INSERT INTO written VALUES ($1)", str(number))
                        await self.database.run(work("alice", insert))
                        self.acknowledged.add(number)
            except Unavailable as error:
                self.errors[type(error).__name__] += 1
                self.last_error = time.monotonic()
                await asyncio.sleep(0.02)
            except TimeoutError:
                self.errors["TimeoutError"] += 1
                self.last_error = time.monotonic()
            except DatabaseError as error:
                self.wrong.append(error)
            self.longest = max(self.longest, time.monotonic() - started)


async def drill(way: str, victim: Cluster, cause: Callable[[], None], *, after: float = 3.5) -> Load:
    """Let many clients work while `cause` runs in a thread; return what happened to them."""
    async with opened(way, size=20, acquisition_timeout=5.0) as database:
        load = Load(database)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        await asyncio.sleep(0.7)
        assert load.acknowledged, "the load did not start"
        await asyncio.to_thread(cause)
        ended = time.monotonic()
        await asyncio.sleep(after)
        before_the_end = len(load.acknowledged)
        await asyncio.sleep(0.3)
        load.stopped = True
        done, hanging = await asyncio.wait(clients, timeout=PATIENCE + 2)
        assert not hanging, f"{len(hanging)} requests hang"
        for task in done:
            task.result()
        assert len(load.acknowledged) > before_the_end, f"not back: {load.errors}, {database.stats()}"
        assert load.wrong == []
        assert load.longest < PATIENCE + 1
        assert load.last_error < ended + RECOVERY, f"{load.last_error - ended:.1f} s after its cause: {load.errors}"
        assert database.stats().connected
        kept = {number for (number,) in victim.execute("SELECT id FROM written")}
        assert load.acknowledged <= kept, "an acknowledged write is lost"
        return load


async def test_postgresql_is_killed(way: str, victim: Cluster) -> None:
    def cause() -> None:
        victim.kill()
        time.sleep(0.5)
        victim.start()

    load = await drill(way, victim, cause)
    assert load.errors
    assert "TimeoutError" not in load.errors


async def test_postgresql_is_restarted(way: str, victim: Cluster) -> None:
    load = await drill(way, victim, victim.restart)
    assert "TimeoutError" not in load.errors


async def test_every_connection_is_terminated(way: str, victim: Cluster) -> None:
    def cause() -> None:
        for _ in range(4):
            victim.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'authenticator'")
            time.sleep(0.2)

    load = await drill(way, victim, cause, after=1.0)
    assert "TimeoutError" not in load.errors
    assert load.errors["ConnectionLost"]


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_pgbouncer_goes_away(how: str, middle: Pooler, victim: Cluster) -> None:
    def cause() -> None:
        if how == "kill":
            middle.kill()
            time.sleep(0.5)
            middle.start()
        else:
            middle.restart()

    victim.execute("TRUNCATE written")
    load = await drill(middle.dsn("authenticator"), victim, cause)
    assert "TimeoutError" not in load.errors


@pytest.mark.parametrize("revive", [True, False])
async def test_the_network_swallows_everything(revive: bool, victim: Cluster) -> None:
    victim.execute("TRUNCATE written")
    with Proxy(victim.host, victim.port) as proxy:

        def cause() -> None:
            proxy.cut()
            time.sleep(5)
            proxy.mend(revive=revive)

        way = f"host={proxy.host} port={proxy.port} user=authenticator dbname=postgres"
        load = await drill(way, victim, cause)
    assert bool(load.errors) is not revive


async def test_an_idle_connection_that_went_dead_is_found(victim: Cluster) -> None:
    with Proxy(victim.host, victim.port) as proxy:
        way = f"host={proxy.host} port={proxy.port} user=authenticator dbname=postgres"
        async with opened(way, size=3, max_idle=60.0) as database:
            await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.1)")) for _ in range(3)))
            assert database.stats().open == 3
            proxy.cut()
            proxy.mend()
            await until(lambda: database.stats().lost == 3, 15)
            async with asyncio.timeout(RECOVERY):
                assert value(await database.run(work("alice", "SELECT 'alive'"))) == "alive"


async def test_a_database_that_is_down_at_the_start() -> None:
    server = Cluster()
    try:
        async with opened(server.dsn(), size=3) as database:
            started = time.monotonic()
            for _ in range(3):
                with pytest.raises(ConnectionFailed) as caught:
                    await database.run(work("postgres", "SELECT 1"))
                assert str(server.port) in caught.value.message
                assert 0 <= caught.value.retry_after < RECOVERY
                await asyncio.sleep(0.3)
            assert time.monotonic() - started < 3
            assert not database.stats().connected
            await asyncio.to_thread(server.start)
            await until(lambda: database.stats().connected, RECOVERY)
            assert value(await database.run(work("postgres", "SELECT 'up'"))) == "up"
            assert database.retry_after == 0.0
    finally:
        server.remove()


async def test_a_password_that_is_wrong() -> None:
    with Cluster(auth="scram-sha-256") as server:
        async with opened(server.dsn(password="wrong")) as database:
            with pytest.raises(ConnectionFailed, match="password authentication failed"):
                await database.run(work("postgres", "SELECT 1"))
        async with opened(server.dsn()) as database:
            assert value(await database.run(work("postgres", "SELECT 'in'"))) == "in"


async def test_a_server_with_fewer_connections_than_the_pool() -> None:
    with Cluster({"max_connections": "6", "superuser_reserved_connections": "3"}) as server:
        server.psql("CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE alice; GRANT alice TO authenticator")
        async with opened(server.dsn("authenticator"), size=10) as database:
            results = await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.1)")) for _ in range(30)))
            assert len(results) == 30
            assert 1 <= database.stats().open <= 3


async def test_a_terminated_connection_says_why(victim: Cluster) -> None:
    async with opened(victim.dsn("authenticator"), size=1) as database:
        task = asyncio.create_task(database.run(work("alice", "SELECT pg_sleep(30)")))
        await asyncio.sleep(0.4)
        victim.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_sleep(30)%' AND usename = 'authenticator'"
        )
        with pytest.raises(ConnectionLost) as caught:
            await task
        assert caught.value.error is not None
        assert (caught.value.error.sqlstate, caught.value.error.severity) == ("57P01", "FATAL")


async def test_work_waits_for_a_pooler_that_is_paused(middle: Pooler, victim: Cluster) -> None:
    async with opened(middle.dsn("authenticator"), size=2, acquisition_timeout=0.5) as database:
        await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.2)")) for _ in range(2)))
        assert database.stats().available == 2
        await asyncio.to_thread(middle.command, "PAUSE")
        resume = threading.Timer(1.0, middle.command, ("RESUME",))
        resume.start()
        outcomes = await asyncio.gather(
            *(database.run(work("alice", "SELECT 1")) for _ in range(5)), return_exceptions=True
        )
        kinds = Counter(type(outcome) for outcome in outcomes)
        assert kinds[PoolTimeout] == 3
        assert kinds[list] == 2
        resume.join()
        assert value(await database.run(work("alice", "SELECT 'after'"))) == "after"
