"""Prepared statements: kept below the limit, parsed for one role, found again after every mishap."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import Iterator

import pytest

from autorest.database import pipeline
from autorest.database.errors import DatabaseError
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.transactions import rows, statement, value, work
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.skips import available

pytestmark = pytest.mark.anyio

NAMES = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture(scope="module")
def forgetful_pooler(house: Cluster) -> Iterator[Pooler]:
    """A pgBouncer in transaction mode that does not know of prepared statements, with several servers."""
    with available(
        Pooler, house, {"max_prepared_statements": "0", "default_pool_size": "3"}, forced_user="authenticator"
    ) as server:
        yield server


async def test_a_statement_is_parsed_once_for_each_role(road: str) -> None:
    async with opened(road, size=1) as database:
        for _ in range(5):
            for role in ("alice", "bob"):
                assert value(await database.run(work(role, "SELECT owner FROM shop.notes"))) == role
        assert database.stats().parses == 4


async def test_more_statements_than_the_limit(road: str) -> None:
    names = work("alice", statement(NAMES, prepare=False))
    async with opened(road, size=1, max_prepared=5) as database:
        # A pooler's connection has what others prepared.
        before = int(value(await database.run(names)) or "")
        for turn in range(3):
            for number in range(20):
                assert value(await database.run(work("alice", f"SELECT {number}"))) == str(number)
            assert database.stats().parses <= (turn + 1) * 40
        assert int(value(await database.run(names)) or "") <= before + 5 + 20
        assert database.stats().lost == 0


async def test_the_server_keeps_no_more_names_than_the_limit(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE), size=1, max_prepared=5) as database:
        for number in range(30):
            await database.run(work("alice", f"SELECT {number}", f"SELECT -{number}", f"SELECT {number} + 1"))
            assert int(value(await database.run(work("alice", statement(NAMES, prepare=False)))) or "") <= 5


async def test_a_libpq_that_cannot_close_keeps_the_first_statements(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autorest.database.pipeline.CAN_CLOSE", False)
    async with opened(road, size=1, max_prepared=3) as database:
        for _ in range(3):
            for number in range(8):
                with pytest.raises(DatabaseError):
                    await database.run(work("alice", "SELECT 1/0", f"SELECT {number}"))
                assert value(await database.run(work("alice", f"SELECT {number}"))) == str(number)
        assert database.stats().parses <= 8
        assert database.stats().lost == 0


async def test_the_least_recently_used_statement_is_forgotten_first(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE), size=1, max_prepared=3) as database:
        for text in ("SELECT 1", "SELECT 2", "SELECT 1", "SELECT 3", "SELECT 1"):
            await database.run(work("alice", text))
        names = "SELECT statement FROM pg_prepared_statements"
        kept = rows((await database.run(work("alice", statement(names, prepare=False))))[-1])
        assert {text for (text,) in kept if text and "set_config" not in text} == {
            "/* alice */ SELECT 1",
            "/* alice */ SELECT 3",
        }


async def test_a_batch_with_more_statements_than_the_limit(road: str) -> None:
    async with opened(road, size=1, max_prepared=2) as database:
        for _ in range(3):
            results = await database.run(work("alice", *(f"SELECT {number}" for number in range(9))))
            assert [rows(result)[0][0] for result in results[1:]] == [str(number) for number in range(9)]


async def test_a_failed_parse_is_tried_again(road: str, house: Cluster) -> None:
    house.psql("DROP TABLE IF EXISTS shop.late", dbname=DATABASE)
    read = work("alice", "SELECT 'before'", "SELECT count(*) FROM shop.late", "SELECT 'after'")
    async with opened(road, size=1) as database:
        for _ in range(3):
            with pytest.raises(DatabaseError) as caught:
                await database.run(read)
            assert caught.value.sqlstate == "42P01"
        house.psql("CREATE TABLE shop.late (); GRANT SELECT ON shop.late TO alice", dbname=DATABASE)
        for _ in range(3):
            assert [rows(result)[0][0] for result in (await database.run(read))[1:]] == ["before", "0", "after"]
        assert database.stats().lost == 0


async def test_statements_that_cannot_be_parsed_leave_nothing_behind(road: str) -> None:
    async with opened(road, size=1) as database:
        database.prepare_for(1)

        async def fail(first: int, count: int) -> int:
            """Let statements fail that were never seen; return the bytes that the pipelines hold."""
            for number in range(first, first + count):
                with pytest.raises(DatabaseError, match="does not exist"):
                    await database.run(work("alice", f"SELECT missing_{number}"))
            here = tracemalloc.Filter(True, pipeline.__file__)
            return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([here]).traces)

        tracemalloc.start()
        try:
            before = await fail(0, 100)
            assert await fail(100, 500) < before + 500 * 20
        finally:
            tracemalloc.stop()


async def test_a_statement_that_fails_to_run_stays_prepared(road: str) -> None:
    divide = statement("SELECT 1 / $1::int", "0")
    async with opened(road, size=1) as database:
        for _ in range(4):
            with pytest.raises(DatabaseError):
                await database.run(work("alice", divide))
        assert value(await database.run(work("alice", statement("SELECT 1 / $1::int", "1")))) == "1"
        assert database.stats().parses == 2


async def test_evictions_that_were_skipped_are_made_up_for(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE), size=1, max_prepared=4) as database:
        for number in range(20):
            with pytest.raises(DatabaseError):
                await database.run(work("alice", "SELECT 1/0", f"SELECT {number}", f"SELECT {number} + 1", "SELECT 7"))
            await database.run(work("alice", f"SELECT {number} * 2"))
        assert int(value(await database.run(work("alice", statement(NAMES, prepare=False)))) or "") <= 4


async def test_the_schemas_usage_is_checked_for_the_role_of_the_transaction(road: str, house: Cluster) -> None:
    house.psql(
        "DROP SCHEMA IF EXISTS attic CASCADE; CREATE SCHEMA attic; CREATE TABLE attic.box ();"
        "GRANT USAGE ON SCHEMA attic TO alice; GRANT SELECT ON attic.box TO alice, bob",
        dbname=DATABASE,
    )
    read = "SELECT count(*) FROM attic.box"
    async with opened(road, size=1) as database:
        for _ in range(3):
            assert value(await database.run(work("alice", read))) == "0"
            with pytest.raises(DatabaseError) as caught:
                await database.run(work("bob", read))
            assert caught.value.sqlstate == "42501"


@pytest.mark.parametrize("setting", [{"prepared": False}, {"max_prepared": 0}])
async def test_without_prepared_statements(road: str, forgetful_pooler: Pooler, setting: dict[str, int | bool]) -> None:
    for conninfo in (road, forgetful_pooler.dsn("authenticator", DATABASE)):
        async with opened(conninfo, **setting) as database:
            results = await asyncio.gather(
                *(database.run(work(role, "SELECT owner FROM shop.notes")) for role in ("alice", "bob") * 20)
            )
            assert [value(result) for result in results] == ["alice", "bob"] * 20
            assert database.stats().parses == 0


async def test_one_statement_can_be_left_unprepared(road: str) -> None:
    async with opened(road, size=1) as database:
        for number in range(3):
            assert value(await database.run(work("alice", statement(f"SELECT {number}", prepare=False)))) == str(number)
        assert database.stats().parses == 1


async def test_a_pooler_that_keeps_no_statements_is_noticed(
    forgetful_pooler: Pooler, caplog: pytest.LogCaptureFixture
) -> None:
    wrong: list[object] = []

    async def client(role: str) -> None:
        for number in range(40):
            results = await database.run(work(role, f"SELECT owner, {number} FROM shop.notes"))
            if rows(results[-1]) != [(role, str(number))]:
                wrong.append(rows(results[-1]))

    with caplog.at_level(logging.WARNING, "autorest.database"):
        async with opened(forgetful_pooler.dsn("authenticator", DATABASE), size=6) as database:
            await asyncio.gather(*(client(role) for role in ("alice", "bob") * 6))
            parses = database.stats().parses
            await asyncio.gather(*(client(role) for role in ("alice", "bob") * 2))
            assert database.stats().parses == parses
    assert wrong == []
    assert "does not keep prepared statements" in caplog.text


async def test_a_result_that_changed_its_columns(road: str, house: Cluster) -> None:
    house.psql(
        "DROP TABLE IF EXISTS shop.growing; CREATE TABLE shop.growing AS SELECT 1 AS a;"
        "GRANT SELECT ON shop.growing TO alice",
        dbname=DATABASE,
    )
    read = work("alice", "SELECT * FROM shop.growing")
    async with opened(road, size=3) as database:
        for columns in range(1, 5):
            results = await asyncio.gather(*(database.run(read) for _ in range(12)))
            assert [len(rows(result[-1])[0]) for result in results] == [columns] * 12
            house.psql(f"ALTER TABLE shop.growing ADD COLUMN c{columns} int", dbname=DATABASE)


async def test_a_table_made_anew_is_read_anew(road: str, house: Cluster) -> None:
    async with opened(road, size=2) as database:
        for turn in range(4):
            house.psql(
                f"DROP TABLE IF EXISTS shop.again; CREATE TABLE shop.again AS SELECT {turn} AS turn;"
                "GRANT SELECT ON shop.again TO alice",
                dbname=DATABASE,
            )
            results = await asyncio.gather(
                *(database.run(work("alice", "SELECT turn FROM shop.again")) for _ in range(6))
            )
            assert [value(result) for result in results] == [str(turn)] * 6


async def test_names_that_the_server_forgot_are_parsed_again(house: Cluster) -> None:
    async with opened(house.dsn("authenticator", DATABASE), size=1) as database:
        for _ in range(2):
            assert value(await database.run(work("alice", "SELECT 'here'"))) == "here"
        await database.run(work("alice", "DEALLOCATE ALL"))
        assert value(await database.run(work("alice", "SELECT 'here'"))) == "here"
        assert database.stats().lost == 0
