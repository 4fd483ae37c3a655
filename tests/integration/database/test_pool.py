"""The pool: who waits, who gets what, what is closed when, and what happens to work nobody waits for."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from contextlib import suppress

import pytest

from autorest.database.errors import ConnectionFailed, ConnectionLost, DatabaseError, PoolTimeout
from autorest.database.pool import Database
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.transactions import rows, statement, value, work
from tests.support.cluster import Cluster
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


MINE = "application_name = 'mine'"
SLEEPING = "query LIKE '%pg_sleep(60)%' AND state = 'active'"


def direct(house: Cluster) -> str:
    return house.dsn("authenticator", DATABASE, application_name="mine")


def activity(house: Cluster, condition: str = MINE) -> int:
    """How many of PostgreSQL's connections meet a condition."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()"
    return int(house.execute(f"{query} AND {condition}")[0][0])


async def test_a_busy_pool_times_out(road: str) -> None:
    async with opened(road, size=1, acquisition_timeout=0.3) as database:
        busy = asyncio.create_task(database.run(work("alice", "SELECT pg_sleep(2)")))
        await asyncio.sleep(0.1)
        outcomes = await asyncio.gather(
            *(database.run(work("bob", "SELECT 1")) for _ in range(5)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [PoolTimeout] * 5
        assert not busy.done()
        assert database.stats().timeouts == 5
        assert database.stats().waiting == 0
        await busy
        assert value(await database.run(work("bob", "SELECT 'served'"))) == "served"


async def test_who_came_first_is_served_first(house: Cluster) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await database.run(work("alice", f"SELECT {number}"))
        served.append(number)

    async with opened(direct(house), size=1) as database:
        busy = asyncio.create_task(database.run(work("alice", "SELECT pg_sleep(0.3)")))
        await asyncio.sleep(0.1)
        await asyncio.gather(busy, *(ask(number) for number in range(50)))
    assert served == list(range(50))


async def test_it_grows_with_the_traffic_and_no_further_than_its_size(house: Cluster) -> None:
    async with opened(direct(house), size=3) as database:
        await database.run(work("alice", "SELECT 1"))
        assert activity(house) == database.stats().open == 1
        work_long = [database.run(work("alice", "SELECT pg_sleep(0.2)")) for _ in range(9)]
        running = asyncio.gather(*work_long)
        await until(lambda: database.stats().open == 3)
        assert activity(house) == 3
        assert database.stats().available == 0
        assert database.stats().waiting > 0
        await running
        assert database.stats().opened == 3
    await until(lambda: activity(house) == 0)


async def test_idle_connections_are_closed(house: Cluster) -> None:
    async with opened(direct(house), size=4, max_idle=0.5, max_per_role=4) as database:
        await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.2)")) for _ in range(4)))
        assert activity(house) == 4
        await until(lambda: activity(house) == 0 and database.stats().open == 0)
        assert value(await database.run(work("bob", "SELECT 'back'"))) == "back"
        assert database.stats().lost == 0


async def test_a_connection_keeps_its_statements_between_two_leases(house: Cluster) -> None:
    async with opened(direct(house), size=1, max_idle=0.3) as database:
        await database.run(work("alice", "SELECT 1"))
        await until(lambda: database.stats().open == 0)
        assert value(await database.run(work("alice", "SELECT count(*) FROM pg_prepared_statements"))) in ("2", "3")
        assert database.stats().lost == 0


async def test_connections_that_died_between_two_leases_cost_no_request(house: Cluster) -> None:
    async with opened(direct(house), size=3, max_idle=0.3) as database:
        await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.1)")) for _ in range(3)))
        await until(lambda: database.stats().open == 0)
        house.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {MINE}")
        results = await asyncio.gather(*(database.run(work("alice", "SELECT 'served'")) for _ in range(3)))
        assert [value(result) for result in results] == ["served"] * 3
        assert database.stats().failed == 0


async def test_connections_between_two_leases_are_renewed_too(house: Cluster) -> None:
    async with opened(direct(house), size=1, max_idle=0.3) as database:
        before = value(await database.run(work("alice", "SELECT pg_backend_pid()")))
        await until(lambda: database.stats().open == 0)
        database.renew()
        assert value(await database.run(work("alice", "SELECT pg_backend_pid()"))) != before


async def test_nothing_is_prepared_any_more_on_connections_between_two_leases(house: Cluster) -> None:
    async with opened(direct(house), size=1, max_idle=0.3) as database:
        await database.run(work("alice", "SELECT 1"))
        await until(lambda: database.stats().open == 0)
        prepared = database.stats().parses
        database.prepare_statements(False)
        await database.run(work("alice", "SELECT 1"))
        assert database.stats().parses == prepared


async def test_old_connections_are_replaced_under_load(house: Cluster) -> None:
    pids: set[str | None] = set()

    async def client() -> None:
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            pids.add(value(await database.run(work("alice", "SELECT pg_backend_pid()"))))

    async with opened(direct(house), size=2, max_lifetime=1.0) as database:
        await asyncio.gather(*(client() for _ in range(6)))
        assert len(pids) >= 4
        assert database.stats().lost == 0
        await until(lambda: activity(house) <= 2)


async def test_every_connection_says_whose_it_is(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE)) as database:
        name = value(await database.run(work("alice", "SHOW application_name")))
        assert name is not None
        assert name.startswith("autorest")
    async with opened(direct(house)) as database:
        assert value(await database.run(work("alice", "SHOW application_name"))) == "mine"


async def test_a_connection_string_that_libpq_does_not_understand() -> None:
    with pytest.raises(ValueError, match="hots"):
        Database("hots=localhost")


async def test_cancelled_work_is_cancelled_in_the_database(road: str, house: Cluster) -> None:
    async with opened(road, size=1) as database:
        insert = "INSERT INTO shop.notes (body) VALUES ('cancelled')"
        task = asyncio.create_task(database.run(work("alice", insert, "SELECT pg_sleep(60)")))
        await until(lambda: activity(house, SLEEPING) == 1)
        task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 5
        assert value(await database.run(work("bob", "SELECT 'next'"))) == "next"
        assert activity(house, SLEEPING) == 0
        assert database.stats().lost == 0
        assert database.stats().cancelled == 1
    assert house.execute("SELECT FROM shop.notes WHERE body = 'cancelled'", dbname=DATABASE) == []


@pytest.mark.parametrize("end", ["commit", "rollback", "decide"])
async def test_cancelled_explicit_transactions_are_rolled_back(road: str, house: Cluster, end: str) -> None:
    async with opened(road, size=1) as database:
        insert = "INSERT INTO shop.notes (body) VALUES ('cancelled')"
        sleep = work("alice", insert, "SELECT pg_sleep(60)", begin="BEGIN", end=end)
        task = asyncio.create_task(database.run(sleep, lambda _: True))
        await until(lambda: activity(house, SLEEPING) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == "1"
        assert database.stats().lost == 0


async def test_work_cancelled_in_the_queue_is_never_sent(road: str, house: Cluster) -> None:
    async with opened(road, size=1) as database:
        busy = asyncio.create_task(database.run(work("alice", "SELECT pg_sleep(0.4)")))
        await asyncio.sleep(0.1)
        insert = work("alice", "INSERT INTO shop.notes (body) VALUES ('queued')")
        queued = [asyncio.create_task(database.run(insert)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in queued:
            task.cancel()
        await asyncio.gather(*queued, return_exceptions=True)
        assert database.stats().waiting == 0
        await busy
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == "1"


async def test_a_task_cancelled_between_result_and_verdict(house: Cluster) -> None:
    async with opened(direct(house), size=1) as database:
        insert = work("alice", "INSERT INTO shop.notes (body) VALUES ('torn')", begin="BEGIN", end="decide")
        for _ in range(20):
            task = asyncio.create_task(database.run(insert, lambda _: True))
            while not any(pipeline.future and pipeline.future.done() for pipeline in database._pipelines):  # noqa: ASYNC110
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == "1"
        assert database.stats().lost == 0


async def test_cancelling_one_request_never_hits_another(road: str) -> None:
    dice = random.Random(11)
    outcomes: list[object] = []

    async def steady() -> None:
        for number in map(str, range(60)):
            results = await database.run(work("alice", statement("SELECT $1::text", number)))
            outcomes.append(value(results) == number)

    async def fickle() -> None:
        for _ in range(25):
            task = asyncio.create_task(database.run(work("bob", "SELECT pg_sleep(0.01)")))
            await asyncio.sleep(dice.random() * 0.02)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async with opened(road, size=3) as database:
        await asyncio.gather(*(steady() for _ in range(4)), *(fickle() for _ in range(4)))
        assert outcomes == [True] * 240
        assert database.stats().lost == 0


async def test_closing_waits_for_work_under_way(house: Cluster) -> None:
    database = Database(direct(house), size=1)
    await database.open()
    busy = [asyncio.create_task(database.run(work("alice", f"SELECT pg_sleep(0.2), {n}"))) for n in range(3)]
    await asyncio.sleep(0.1)
    await database.close()
    assert [rows(task.result()[-1])[0][1] for task in busy] == ["0", "1", "2"]
    with pytest.raises(ConnectionFailed):
        await database.run(work("alice", "SELECT 1"))
    await until(lambda: activity(house) == 0)


async def test_closing_does_not_wait_for_ever(house: Cluster) -> None:
    database = Database(direct(house), size=1)
    await database.open()
    tasks = [asyncio.create_task(database.run(work("alice", "SELECT pg_sleep(60)"))) for _ in range(2)]
    await asyncio.sleep(0.3)
    started = time.monotonic()
    await database.close(0.5)
    assert time.monotonic() - started < 5
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionLost, ConnectionFailed]
    house.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'")


async def test_a_pool_can_be_closed_before_it_is_connected_and_twice() -> None:
    database = Database("host=127.0.0.1 port=1")
    await database.close()
    await database.open()
    await database.close()
    await database.close()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the entries of /proc/self/fd")
async def test_no_descriptor_is_left_behind(house: Cluster) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a count, not paths)

    async def round_trip() -> None:
        async with opened(direct(house), size=4) as database:
            await asyncio.gather(*(database.run(work("alice", "SELECT pg_sleep(0.05)")) for _ in range(4)))
            with suppress(DatabaseError, ConnectionLost):
                await database.run(work("alice", "SELECT pg_terminate_backend(pg_backend_pid())"))

    await round_trip()
    before = descriptors()
    for _ in range(3):
        await round_trip()
    await asyncio.sleep(0.05)
    assert descriptors() <= before


async def test_what_a_function_listens_to_is_not_kept(house: Cluster) -> None:
    async with opened(direct(house), size=1) as database:
        await database.run(work("alice", "SELECT 1", statement("LISTEN chatter", prepare=False)))
        house.execute("SELECT pg_notify('chatter', g::text) FROM generate_series(1, 100) AS g", dbname=DATABASE)
        assert value(await database.run(work("alice", "SELECT 'heard'"))) == "heard"
        database._sweep()
        [pipeline] = database._pipelines
        assert pipeline.connection.pgconn.notifies() is None
