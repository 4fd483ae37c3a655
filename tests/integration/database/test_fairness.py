"""The pool under more work than it can do: others are served, too much is refused, and nothing stays of either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from autorest.database.errors import PoolFull
from autorest.database.pool import Database
from autorest.sql.statement import Transaction
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.test_pool import SLEEPING, activity
from tests.integration.database.transactions import statement, value, work
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.skips import available
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def wide_pooler(house: Cluster) -> Iterator[Pooler]:
    """A pgBouncer with a server connection for each of the pool's."""
    with available(Pooler, house, forced_user="authenticator") as server:
        yield server


@pytest.fixture(params=["direct", "pgbouncer"])
def road(request: pytest.FixtureRequest, house: Cluster) -> str:
    """The conninfo of each road to the database in turn, both wide enough for the pool."""
    if request.param == "direct":
        return house.dsn("authenticator", DATABASE)
    pooler: Pooler = request.getfixturevalue("wide_pooler")
    return pooler.dsn("authenticator", DATABASE)


async def warmed(database: Database, connections: int, role: str = "alice") -> None:
    """Have so many connections open."""
    await asyncio.gather(*flood(database, connections, 0.1, role))
    assert database.stats().open >= connections


def flood(database: Database, count: int, seconds: float = 60, role: str = "alice") -> list[asyncio.Task[object]]:
    return [asyncio.create_task(database.run(work(role, f"SELECT pg_sleep({seconds})"))) for _ in range(count)]


async def give_up(tasks: list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_slow_queries_of_one_role_leave_connections_to_others(road: str) -> None:
    async with opened(road, size=5) as database:
        slow = flood(database, 50)
        await until(lambda: database.stats().waiting == 46)
        assert database.stats().open == 4
        for number in range(20):
            async with asyncio.timeout(5):
                assert value(await database.run(work("bob", f"SELECT 'b{number}'"))) == f"b{number}"
        assert not any(task.done() for task in slow)
        await give_up(slow)
        await until(lambda: database.stats().available == database.stats().open)
        assert database.stats().waiting == 0
        assert database.stats().cancelled == 4
        assert value(await database.run(work("alice", "SELECT 'again'"))) == "again"


async def test_a_role_is_served_in_order_beside_one_that_floods(road: str) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await database.run(work("bob", f"SELECT {number}"))
        served.append(number)

    async with opened(road, size=4) as database:
        slow = flood(database, 30)
        await until(lambda: database.stats().waiting == 27)
        await asyncio.gather(*(ask(number) for number in range(40)))
        assert served == list(range(40))
        await give_up(slow)


async def test_idle_connections_are_nobody_s_share(road: str) -> None:
    async with opened(road, size=4, max_per_role=1, acquisition_timeout=2.0) as database:
        await asyncio.gather(*flood(database, 1, 0.1), *flood(database, 1, 0.1, "bob"))
        await until(lambda: database.stats().available == 2)
        # The gateway's own transactions have a role without a name.
        own = Transaction("", (statement("SELECT 'own'"),))
        async with asyncio.timeout(2):
            assert value(await database.run(own)) == "own"


async def test_one_role_can_be_given_every_connection(road: str, house: Cluster) -> None:
    async with opened(road, size=4, max_per_role=4) as database:
        slow = flood(database, 5)
        await until(lambda: activity(house, SLEEPING) == 4)
        assert database.stats().waiting == 1
        await give_up(slow)


async def test_too_many_are_refused_at_once_and_served_again_later(road: str) -> None:
    async with opened(road, size=1, max_waiting=5) as database:
        told: list[bool] = []
        database.on_crowded = told.append
        await warmed(database, 1)
        slow = flood(database, 6)
        await asyncio.sleep(0)
        assert database.stats().waiting == 5
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(PoolFull) as refused:
                await database.run(work("bob", "SELECT 1"))
            assert refused.value.retry_after > 0
        assert time.monotonic() - began < 5
        assert database.refuses("bob")
        assert database.stats().refused == {"queue": 101, "role": 0}
        assert database.stats().waiting == 5
        assert told == [True]
        await give_up(slow)
        await until(lambda: database.stats().available == 1)
        assert not database.refuses("bob")
        assert value(await database.run(work("bob", "SELECT 'served'"))) == "served"
        await until(lambda: told == [True, False])


async def test_who_leaves_the_queue_makes_room(road: str) -> None:
    async with opened(road, size=1, max_waiting=3) as database:
        await warmed(database, 1)
        slow = flood(database, 1)
        for _ in range(30):
            queued = flood(database, 3, role="bob")
            await asyncio.sleep(0)
            assert database.stats().waiting == 3
            await give_up(queued)
            assert database.stats().waiting == 0
        assert database.stats().refused == {"queue": 0, "role": 0}
        await give_up(slow)
        assert value(await database.run(work("bob", "SELECT 'served'"))) == "served"
        assert database.stats().cancelled == 1


async def test_what_waits_for_its_verdict_counts_for_its_role_until_it_is_given_up(road: str) -> None:
    """A transaction that is cancelled while it is decided holds nothing after."""
    async with opened(road, size=4) as database:
        await warmed(database, 3)
        parked = [
            asyncio.create_task(
                database.run(work("alice", "SELECT pg_sleep(0.3)", begin="BEGIN", end="decide"), lambda _: True)
            )
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        late = asyncio.create_task(database.run(work("alice", "SELECT 'late'")))
        await asyncio.sleep(0)
        assert database.stats().waiting == 1
        for task in parked:
            task.cancel()
        for task in parked:
            with suppress(asyncio.CancelledError):
                await task
        async with asyncio.timeout(5):
            assert value(await late) == "late"
        await until(lambda: database.stats().available == database.stats().open)


async def test_roles_share_through_losses_and_cancellations(road: str, house: Cluster) -> None:
    """Whatever is killed or given up meanwhile, everybody else is answered and no connection stays taken."""
    answered = 0

    async def steady(role: str) -> None:
        nonlocal answered
        for number in range(40):
            with suppress(Exception):
                await database.run(work(role, f"SELECT {number}, pg_sleep(0.002)"))
            answered += 1

    async with opened(road, size=5) as database:
        workers = [asyncio.create_task(steady(role)) for role in ("alice", "bob", "alice", "bob") * 5]
        for _ in range(4):
            await asyncio.sleep(0.05)
            house.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND usename = 'authenticator' LIMIT 2"
            )
            await give_up(flood(database, 10, role="bob"))
        async with asyncio.timeout(30):
            await asyncio.gather(*workers)
        assert answered == 20 * 40
        await until(lambda: database.stats().available == database.stats().open)
        assert database.stats().waiting == 0
