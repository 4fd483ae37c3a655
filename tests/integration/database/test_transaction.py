"""One batch with one Sync is one transaction, on every road and every event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import psycopg
import pytest
from psycopg.pq.abc import PGresult

from autorest.database.errors import ConnectionLost, DatabaseError
from autorest.sql.statement import Transaction
from tests.integration.database.conftest import DATABASE, opened
from tests.integration.database.transactions import rows, statement, value, work
from tests.support.cluster import Cluster

pytestmark = pytest.mark.anyio

WHO = "SELECT current_user, current_setting('request.who', true)"


def bodies(house: Cluster) -> set[str]:
    return {body for (body,) in house.execute("SELECT body FROM shop.notes", dbname=DATABASE)}


async def test_settings_hold_for_the_later_statements_and_are_gone_afterwards(road: str) -> None:
    async with opened(road, size=1) as database:
        results = await database.run(work("alice", WHO))
        assert len(results) == 2
        assert rows(results[1]) == [("alice", "alice")]
        bare = await database.run(Transaction("authenticator", (statement(WHO),)))
        assert rows(bare[0]) in ([("authenticator", None)], [("authenticator", "")])


async def test_a_transaction_is_committed_without_a_commit(road: str, house: Cluster) -> None:
    async with opened(road) as database:
        results = await database.run(work("alice", "INSERT INTO shop.notes (body) VALUES ('kept') RETURNING owner"))
        assert rows(results[1]) == [("alice",)]
    assert "kept" in bodies(house)


async def test_the_first_error_rolls_everything_back_and_skips_the_rest(road: str, house: Cluster) -> None:
    async with opened(road, size=1) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(
                work(
                    "alice",
                    "INSERT INTO shop.notes (body) VALUES ('before')",
                    "INSERT INTO shop.notes (body) VALUES ('forbidden')",
                    "INSERT INTO shop.notes (body) VALUES ('after')",
                )
            )
        assert caught.value.sqlstate == "23514"
        assert (caught.value.schema, caught.value.table) == ("shop", "notes")
        assert caught.value.constraint == "notes_body_check"
        assert not {"before", "after", "forbidden"} & bodies(house)
        assert value(await database.run(work("bob", "SELECT body FROM shop.notes"))) == "bob's"
        assert database.stats().lost == 0


async def test_errors_carry_what_postgresql_said(road: str) -> None:
    raising = (
        """DO $$ BEGIN RAISE EXCEPTION 'no way' USING ERRCODE = 'PT418', DETAIL = 'ünïcode', HINT = 'tea'; END $$"""
    )
    async with opened(road) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(work("alice", raising))
    error = caught.value
    assert (error.sqlstate, error.message, error.detail, error.hint) == ("PT418", "no way", "ünïcode", "tea")
    assert error.severity == "ERROR"
    assert error.constraint is None


async def test_a_deferred_constraint_fails_after_its_statement_completed(road: str, house: Cluster) -> None:
    async with opened(road) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(work("alice", "INSERT INTO shop.codes VALUES ('twice'), ('twice')"))
        assert (caught.value.sqlstate, caught.value.constraint) == ("23505", "one_of_each")
        await database.run(work("alice", "INSERT INTO shop.codes VALUES ('once')"))
    assert house.execute("SELECT code FROM shop.codes", dbname=DATABASE) == [("once",)]


async def test_a_deferred_constraint_fails_at_the_commit_of_an_explicit_transaction(road: str, house: Cluster) -> None:
    insert = "INSERT INTO shop.codes VALUES ('twice'), ('twice')"
    async with opened(road, size=1) as database:
        for transaction, verdict in (
            (work("alice", insert, begin="BEGIN"), None),
            (work("alice", insert, begin="BEGIN", end="decide"), lambda _: True),
        ):
            with pytest.raises(DatabaseError) as caught:
                await database.run(transaction, verdict)
            assert caught.value.sqlstate == "23505"
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.codes"))) == "0"
        assert database.stats().lost == 0


async def test_interleaved_requests_of_two_roles_never_see_each_other(road: str) -> None:
    read = "SELECT current_user, current_setting('request.who'), string_agg(DISTINCT owner, ',') FROM shop.notes"
    dice = random.Random(7)
    wrong: list[object] = []

    async def request(role: str, kind: str) -> None:
        end = work(role, read) if kind == "read" else work(role, "SELECT 1/0", read)
        try:
            results = await database.run(end)
        except DatabaseError as error:
            if (kind, error.sqlstate) != ("fail", "22012"):
                wrong.append(error)
        else:
            if rows(results[-1]) != [(role, role, role)]:
                wrong.append((role, rows(results[-1])))

    async def client() -> None:
        for _ in range(60):
            await request(dice.choice(("alice", "bob")), dice.choice(("read", "read", "read", "fail")))

    async with opened(road, size=8) as database:
        await asyncio.gather(*(client() for _ in range(40)))
        assert wrong == []
        assert database.stats().transactions == 40 * 60


async def test_a_null_and_an_empty_parameter_differ(road: str) -> None:
    async with opened(road) as database:
        results = await database.run(
            work("alice", statement("SELECT $1::text IS NULL, $2::text = '', $3::text", None, "", "ü \\ ' $1"))
        )
        assert rows(results[1]) == [("t", "t", "ü \\ ' $1")]


async def test_a_value_with_a_nul_is_refused_before_it_is_sent(road: str) -> None:
    async with opened(road) as database:
        for refused in (statement("SELECT $1", "cut\0here"), statement("SELECT $1, $2", None, "\0")):
            with pytest.raises(DatabaseError) as caught:
                await database.run(work("alice", refused))
            assert caught.value.sqlstate == "22021"
        assert database.stats().transactions == 0


async def test_megabytes_travel_both_ways(road: str) -> None:
    big = "x" * 20_000_000
    async with opened(road, size=2) as database:
        lengths = await asyncio.gather(
            *(database.run(work("alice", statement("SELECT length($1), $1", big))) for _ in range(3))
        )
        assert [rows(results[1])[0][0] for results in lengths] == ["20000000"] * 3
        assert all(len(results[1].get_value(0, 1) or b"") == len(big) for results in lengths)


async def test_an_empty_transaction_and_an_empty_statement_are_answered(road: str) -> None:
    async with opened(road) as database:
        assert list(await database.run(Transaction("alice", ()))) == []
        results = await database.run(work("alice", "", "SELECT 1"))
        assert len(results) == 3
        assert value(results) == "1"


async def test_the_isolation_level_of_an_explicit_transaction(road: str) -> None:
    async with opened(road) as database:
        for level in ("repeatable read", "serializable"):
            results = await database.run(
                work("alice", "SHOW transaction_isolation", begin=f"BEGIN ISOLATION LEVEL {level}")
            )
            assert value(results) == level
            assert len(results) == 2
        assert value(await database.run(work("alice", "SHOW transaction_isolation"))) == "read committed"


async def test_read_only_can_be_set_in_the_batch(road: str, house: Cluster) -> None:
    insert = statement("INSERT INTO shop.notes (body) VALUES ('smuggled')")
    async with opened(road) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(work("alice", "SELECT set_config('transaction_read_only', 'on', true)", insert))
        assert caught.value.sqlstate == "25006"
        await database.run(work("alice", insert))
    assert "smuggled" in bodies(house)


@pytest.mark.parametrize(("end", "kept"), [("commit", True), ("rollback", False)])
async def test_explicit_transactions_end_in_their_batch(road: str, house: Cluster, end: str, kept: bool) -> None:
    insert = "INSERT INTO shop.notes (body) VALUES ('explicit') RETURNING body"
    async with opened(road, size=1) as database:
        assert value(await database.run(work("alice", insert, begin="BEGIN", end=end))) == "explicit"
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == ("2" if kept else "1")
    assert ("explicit" in bodies(house)) is kept


@pytest.mark.parametrize("verdict", [True, False])
async def test_the_callers_verdict_ends_a_transaction(road: str, house: Cluster, verdict: bool) -> None:
    seen: list[str | None] = []

    def decide(results: Sequence[PGresult]) -> bool:
        seen.append(value(results))
        return verdict

    async with opened(road, size=1) as database:
        insert = "INSERT INTO shop.notes (body) VALUES ('undecided') RETURNING body"
        results = await database.run(work("alice", insert, begin="BEGIN", end="decide"), decide)
        assert value(results) == "undecided"
        assert seen == ["undecided"]
        assert value(await database.run(work("bob", WHO))) == "bob"
    assert ("undecided" in bodies(house)) is verdict


async def test_a_verdict_that_raises_rolls_back(road: str, house: Cluster) -> None:
    def decide(_: Sequence[PGresult]) -> bool:
        raise LookupError("too many rows")

    async with opened(road, size=1) as database:
        insert = "INSERT INTO shop.notes (body) VALUES ('undecided')"
        with pytest.raises(LookupError):
            await database.run(work("alice", insert, begin="BEGIN", end="decide"), decide)
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == "1"
        assert database.stats().lost == 0
    assert "undecided" not in bodies(house)


@pytest.mark.parametrize("end", ["commit", "rollback", "decide"])
async def test_an_error_in_an_explicit_transaction_leaves_the_connection_usable(road: str, end: str) -> None:
    async with opened(road, size=1) as database:
        for _ in range(3):
            with pytest.raises(DatabaseError) as caught:
                await database.run(work("alice", "SELECT 1/0", begin="BEGIN", end=end), lambda _: True)
            assert caught.value.sqlstate == "22012"
        assert value(await database.run(work("alice", "SELECT 'fine'"))) == "fine"
        assert database.stats().lost == 0


async def test_a_commit_inside_a_procedure_cannot_end_the_batch(road: str, house: Cluster) -> None:
    house.psql(
        "CREATE OR REPLACE PROCEDURE shop.escape() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';"
        "CREATE OR REPLACE FUNCTION shop.hidden() RETURNS text LANGUAGE plpgsql AS"
        " 'BEGIN CALL shop.escape(); RETURN current_user; END'",
        dbname=DATABASE,
    )
    async with opened(road) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.run(work("alice", "SELECT shop.hidden()"))
        assert caught.value.sqlstate == "2D000"


async def test_a_client_that_vanishes_within_its_batch_is_rolled_back(road: str, house: Cluster) -> None:
    with psycopg.connect(road, autocommit=True) as connection:
        pg = connection.pgconn
        pg.enter_pipeline_mode()
        pg.send_query_params(b"SET LOCAL ROLE alice", None)
        pg.send_query_params(b"INSERT INTO shop.notes (body) VALUES ('half sent')", None)
        pg.send_flush_request()
        pg.flush()
        while (result := pg.get_result()) is None or b"INSERT" not in (result.command_status or b""):
            assert result is None or not result.error_message
        connection.pgconn.finish()
    async with opened(road) as database:
        assert value(await database.run(work("alice", "SELECT count(*) FROM shop.notes"))) == "1"
    assert "half sent" not in bodies(house)


async def test_a_transaction_left_open_costs_the_connection_and_nothing_else(road: str, house: Cluster) -> None:
    async with opened(road, size=1) as database:
        with pytest.raises(ConnectionLost):
            await database.run(work("alice", "INSERT INTO shop.notes (body) VALUES ('open')", "BEGIN"))
        assert value(await database.run(work("bob", WHO))) == "bob"
        assert database.stats().lost == 1
    assert "open" not in bodies(house)
