"""Rows that are handed over while they arrive: in order, as fast as they are taken, and never more than that."""

from __future__ import annotations

import asyncio

import pytest

from autorest.database import pipeline, pool
from autorest.database.errors import ConnectionLost, DatabaseError, PoolTimeout
from autorest.database.pool import Database, Rows
from autorest.sql.statement import Transaction
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.transactions import statement, value, work
from tests.support.cluster import Cluster
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

WIDE = "SELECT repeat('x', 1000) FROM (SELECT generate_series(1, $1::int)) AS numbers"
MANY = "SELECT 'row ' || g FROM (SELECT generate_series(1, $1::int) AS g) AS numbers"


def streamed(text: str, *parameters: str | None, begin: str | None = None, end: str = "commit") -> Transaction:
    """A transaction of alice with a statement before and one after the rows of `text`."""
    before = statement("SELECT 'before', current_user::text")
    after = statement("SELECT 'after', current_setting('request.who')")
    return work("alice", before, statement(text, *parameters), after, begin=begin, end=end)._replace(rows=2)


async def taken(rows: Rows) -> list[bytes | None]:
    found: list[bytes | None] = []
    while values := await rows.next():
        found += values
    return found


@pytest.fixture(params=["chunks", "single rows"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which libpq hands rows over."""
    monkeypatch.setattr(pipeline, "CAN_CHUNK", pipeline.CAN_CHUNK and request.param == "chunks")


@pytest.mark.parametrize("many", [0, 1, 7, 8, 9, 20_000])
@pytest.mark.parametrize("begin", [None, "BEGIN ISOLATION LEVEL REPEATABLE READ"])
async def test_all_rows_come_in_their_order(road: str, many: int, begin: str | None) -> None:
    async with opened(road, size=1) as database:
        for _ in range(2):
            rows = database.stream(streamed(MANY, str(many), begin=begin))
            assert await taken(rows) == [b"row %d" % number for number in range(1, many + 1)]
            assert rows.before[1].get_value(0, 1) == b"alice"
            assert len(rows.results) == 4 and rows.results[3].get_value(0, 1) == b"alice"
            rows.close()
        assert value(await database.run(work("bob", "SELECT current_user::text"))) == "bob"
        assert database.stats().available == 1


async def test_an_error_comes_after_the_rows_before_it(road: str) -> None:
    async with opened(road, size=1) as database:
        rows = database.stream(streamed("SELECT 1 / (5000 - g) FROM (SELECT generate_series(1, 9000) AS g) AS n"))
        found: list[bytes | None] = []
        with pytest.raises(DatabaseError) as caught:
            while values := await rows.next():
                found += values
        rows.close()
        assert caught.value.sqlstate == "22012"
        assert 4900 < len(found) < 5000
        assert value(await database.run(work("alice", "SELECT current_user::text"))) == "alice"


async def test_an_error_before_the_rows_is_one_at_once(road: str) -> None:
    async with opened(road, size=1) as database:
        for text in ("SELECT nothing", "SELECT 1 FROM shop.nowhere"):
            rows = database.stream(streamed(text))
            with pytest.raises(DatabaseError):
                await rows.next()
            rows.close()
        with pytest.raises(DatabaseError):
            database.stream(streamed(MANY, "\0"))
        assert len(await taken(database.stream(streamed(MANY, "3")))) == 3


async def test_what_is_not_taken_is_not_read(house: Cluster) -> None:
    """PostgreSQL waits; when it is taken it goes on."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'held' AND wait_event = 'ClientWrite'"
    async with opened(house.dsn("authenticator", DATABASE, application_name="held"), size=1) as database:
        rows = database.stream(streamed("SELECT repeat('x', 1000) FROM generate_series(1, $1::int)", "100000"))
        found = len(await rows.next())
        await until(lambda: house.execute(waiting) == [(1,)], 20)
        await asyncio.sleep(0.6)
        assert house.execute(waiting) == [(1,)]
        assert found + len(await taken(rows)) == 100_000


async def test_large_rows_come_one_by_one(house: Cluster) -> None:
    text = "SELECT repeat('x', CASE WHEN g % 10 < 8 THEN 500000 ELSE 1 END) FROM generate_series(1, 60) AS g"
    async with opened(house.dsn("authenticator", DATABASE), size=1) as database:
        rows = database.stream(streamed(text))
        lengths: list[int] = []
        while values := await rows.next():
            assert len(values) == 1 or sum(len(one or b"") for one in values) < 8 << 20
            lengths += [len(one or b"") for one in values]
        assert lengths == [500_000 if number % 10 < 8 else 1 for number in range(1, 61)]


async def test_closing_cancels_the_rest(road: str, house: Cluster) -> None:
    of_rows = f"datname = '{DATABASE}' AND query LIKE '%row %' AND state <> 'idle' AND pid <> pg_backend_pid()"
    running = f"SELECT count(*) FROM pg_stat_activity WHERE {of_rows}"
    async with opened(road, size=1) as database:
        for taken_before in (True, False):
            rows = database.stream(streamed(MANY, "50000000"))
            if taken_before:
                assert await rows.next()
            else:
                asking = asyncio.create_task(rows.next())
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.wait((asking,))
            rows.close()
            assert value(await database.run(work("bob", "SELECT current_user::text"))) == "bob"
        assert database.stats().cancelled == 2 and database.stats().lost == 0
    await until(lambda: house.execute(running) == [(0,)], 10)


async def test_a_lost_connection_ends_the_rows(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE, application_name="doomed"), size=1) as database:
        rows = database.stream(streamed(MANY, "50000000"))
        assert await rows.next()
        house.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'")
        with pytest.raises(ConnectionLost):
            await taken(rows)
        rows.close()
        assert len(await taken(database.stream(streamed(MANY, "10")))) == 10


async def test_rows_of_another_type_than_prepared_are_read_all_the_same(road: str, house: Cluster) -> None:
    house.psql("CREATE TABLE IF NOT EXISTS shop.moods (mood text); GRANT ALL ON shop.moods TO alice", dbname=DATABASE)
    house.psql("TRUNCATE shop.moods; INSERT INTO shop.moods VALUES ('1')", dbname=DATABASE)
    async with opened(road, size=1) as database:
        assert await taken(database.stream(streamed("SELECT mood FROM shop.moods"))) == [b"1"]
        house.psql("ALTER TABLE shop.moods ALTER mood TYPE int USING mood::int", dbname=DATABASE)
        try:
            assert await taken(database.stream(streamed("SELECT mood FROM shop.moods"))) == [b"1"]
        finally:
            house.psql("DROP TABLE shop.moods", dbname=DATABASE)


async def test_the_end_of_the_pool_ends_the_rows(house: Cluster) -> None:
    database = Database(house.dsn("authenticator", DATABASE), size=1)
    await database.open()
    rows = database.stream(streamed(MANY, "50000000"))
    assert await rows.next()
    await database.close(0.2)
    with pytest.raises(ConnectionLost):
        await taken(rows)
    rows.close()


async def test_who_takes_rows_slowly_gives_way_to_who_waits(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SLOW_SECONDS", 0.5)
    async with opened(road, size=1, acquisition_timeout=20.0) as database:
        monkeypatch.setattr(pool, "PATIENT_PART", 0.02)
        rows = database.stream(streamed(WIDE, "1000000"))
        assert await rows.next()
        assert value(await database.run(work("bob", "SELECT current_user::text"))) == "bob"
        with pytest.raises(ConnectionLost) as caught:
            await taken(rows)
        assert "slowly" in caught.value.message
        rows.close()
        assert database.stats().lost == 0


async def test_nobody_gives_way_whose_connection_does_not_help(house: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SLOW_SECONDS", 0.5)
    conninfo = house.dsn("authenticator", DATABASE)
    async with opened(conninfo, size=3, max_per_role=1, acquisition_timeout=20.0) as database:
        monkeypatch.setattr(pool, "PATIENT_PART", 0.02)
        rows = [database.stream(streamed(WIDE, "1000000")._replace(role=role)) for role in ("alice", "bob")]
        for each in rows:
            assert await each.next()
        assert value(await database.run(work("alice", "SELECT current_user::text"))) == "alice"
        assert await rows[1].next()
        with pytest.raises(ConnectionLost):
            await taken(rows[0])
        for _ in range(200):
            assert await rows[1].next()
        for each in rows:
            each.close()


async def test_who_takes_rows_fast_does_not(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SLOW_SECONDS", 0.5)
    monkeypatch.setattr(pool, "SLOW_BYTES", 1 << 10)
    async with opened(road, size=1, acquisition_timeout=2.0) as database:
        rows = database.stream(streamed(WIDE, "1000000"))
        waiting = asyncio.create_task(database.run(work("alice", "SELECT current_user::text")))
        while not waiting.done():
            assert await rows.next()
            await asyncio.sleep(0.05)
        with pytest.raises(PoolTimeout):
            await waiting
        assert await rows.next()
        rows.close()
