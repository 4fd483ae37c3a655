"""A transaction that goes on over several batches, on every road and every event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from psycopg.pq.abc import PGresult

from autorest.database.conversation import Conversation
from autorest.database.errors import ConnectionLost, DatabaseError
from autorest.database.pool import Database
from autorest.sql.statement import Transaction
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.transactions import rows, statement, value, work
from tests.support.cluster import Cluster
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

WRITE = "INSERT INTO shop.notes (body) VALUES ($1) RETURNING owner"


def beginning(role: str = "alice") -> Transaction:
    return work(role, "SELECT 1", begin="BEGIN", end="decide")


def bodies(house: Cluster) -> set[str]:
    return {body for (body,) in house.execute("SELECT body FROM shop.notes", dbname=DATABASE)}


async def free_again(database: Database) -> None:
    await until(lambda: database.stats().available == database.stats().open > 0)


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("commit", [True, False])
async def test_statements_of_one_transaction(road: str, house: Cluster, commit: bool, prepare: bool) -> None:
    texts = [f"{road} {commit} {prepare} {number}" for number in range(5)]

    async def talk(conversation: Conversation, results: Sequence[PGresult]) -> bool:
        assert value(results) == "1"
        for text in texts:
            assert rows(await conversation.say(statement(WRITE, text, prepare=prepare))) == [("alice",)]
        assert not {*texts} & bodies(house)
        return commit

    async with opened(road, size=1) as database:
        before = bodies(house)
        await database.run(beginning(), talk=talk)
        assert bodies(house) - before == ({*texts} - before if commit else set())
        assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"
        assert (database.stats().transactions, database.stats().lost) == (2, 0)
        house.execute("DELETE FROM shop.notes WHERE body = ANY(%s)", [texts], dbname=DATABASE)


async def test_an_error_rolls_everything_back(road: str, house: Cluster) -> None:
    async def talk(conversation: Conversation, _: Sequence[PGresult]) -> bool:
        await conversation.say(statement(WRITE, "said before"))
        await conversation.say(statement(WRITE, "forbidden"))
        raise AssertionError("it was refused")

    async with opened(road, size=1) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(beginning(), talk=talk)
        assert caught.value.sqlstate == "23514"
        assert "said before" not in bodies(house)
        assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"
        await free_again(database)


async def test_who_talks_may_fail_at_any_time(road: str, house: Cluster) -> None:
    async def between(conversation: Conversation, _: Sequence[PGresult]) -> bool:
        await conversation.say(statement(WRITE, "unsaid"))
        raise LookupError

    async def meanwhile(conversation: Conversation, _: Sequence[PGresult]) -> bool:
        conversation.send(statement("SELECT pg_sleep(30)"))
        raise LookupError

    async with opened(road, size=1) as database:
        for talk in (between, meanwhile):
            with pytest.raises(LookupError):
                await database.run(beginning(), talk=talk)
            assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"
        assert "unsaid" not in bodies(house)
        assert database.stats().lost == 0


@pytest.mark.parametrize("waits_for_the_database", [True, False])
async def test_a_task_that_is_cancelled(road: str, house: Cluster, waits_for_the_database: bool) -> None:
    talking = asyncio.Event()

    async def talk(conversation: Conversation, _: Sequence[PGresult]) -> bool:
        await conversation.say(statement(WRITE, "interrupted"))
        talking.set()
        if waits_for_the_database:
            await conversation.say(statement("SELECT pg_sleep(30)"))
        await asyncio.sleep(30)
        return True

    async with opened(road, size=1) as database:
        task = asyncio.create_task(database.run(beginning(), talk=talk))
        await talking.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"
        assert "interrupted" not in bodies(house)
        assert (database.stats().lost, database.stats().cancelled) == (0, 1)


async def test_a_connection_that_breaks(road: str, house: Cluster) -> None:
    async def talk(conversation: Conversation, _: Sequence[PGresult]) -> bool:
        pid = rows(await conversation.say(statement("SELECT pg_backend_pid()")))[0][0]
        await conversation.say(statement(WRITE, "lost"))
        house.execute("SELECT pg_terminate_backend(%s)", [int(pid or 0)])
        await asyncio.sleep(0.3)
        await conversation.say(statement(WRITE, "lost, too"))
        return True

    async with opened(road, size=1) as database:
        with pytest.raises(ConnectionLost) as caught:
            await database.run(beginning(), talk=talk)
        assert caught.value.uncommitted
        assert not {"lost", "lost, too"} & bodies(house)
        assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"


async def test_new_statements_meanwhile(road: str, house: Cluster) -> None:
    """What was prepared is prepared anew when the catalog changes, in the middle of a transaction as well."""
    async with opened(road, size=1) as database:

        async def talk(conversation: Conversation, _: Sequence[PGresult]) -> bool:
            for generation in range(1, 5):
                await conversation.say(statement(WRITE, f"generation {generation}"))
                database.prepare_for(generation)
            return False

        for _ in range(2):
            await database.run(beginning(), talk=talk)
        assert value(await database.run(work("bob", "SELECT current_user"))) == "bob"
        assert database.stats().lost == 0
