"""What the database says a role may use."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

from autorest.catalog.load import load_catalog
from autorest.openapi.privileges import Access, Privileges, read_privileges, routine_key
from autorest.sql.privileges import privileges, schema_comment
from autorest.sql.statement import Statement
from tests.support.cluster import Cluster

SCHEMA = 'Odd "Schema"'


def run(connection: psycopg.Connection, statement: Statement) -> list[bytes | None]:
    result = connection.pgconn.exec_params(statement.text, list(statement.parameters) or None)
    assert result.status in (psycopg.pq.ExecStatus.TUPLES_OK, psycopg.pq.ExecStatus.COMMAND_OK), result.error_message
    return [result.get_value(0, column) for column in range(result.nfields)]


def ask(cluster: Cluster, database: str, role: str, schema: str) -> Privileges:
    """Ask as the gateway does: in a transaction that has the role, and the schema on its search path."""
    with psycopg.connect(cluster.dsn(dbname=database)) as connection:
        connection.execute("select set_config('role', %s, true)", (role,))
        connection.execute("select set_config('search_path', %s, true)", ('"' + schema.replace('"', '""') + '"',))
        unqualify, question = privileges(schema)
        run(connection, unqualify)
        return read_privileges(schema, run(connection, question))


@pytest.fixture(scope="module")
def reader(cluster: Cluster, database: str) -> Privileges:
    return ask(cluster, database, "openapi_reader", SCHEMA)


def test_a_relation_counts_with_any_privilege(reader: Privileges) -> None:
    assert {name.name: access for name, access in reader.relations.items()} == {
        "a_materialized_view": Access(True, False, False, False),
        "a_view": Access(True, False, False, False),
        "all_of_it": Access(True, True, True, True),
        "parts": Access(True, False, False, False),
        "read_only": Access(True, False, False, False),
        "some_columns": Access(True, False, True, False),
        "truncate_only": Access(False, False, False, False),
        'with "quotes" and spaces': Access(True, False, False, False),
    }


def test_partitions_sequences_and_other_schemas_do_not_count(reader: Privileges) -> None:
    assert {name.schema for name in reader.relations} == {SCHEMA}
    assert {"part_1", "a_sequence"}.isdisjoint(name.name for name in reader.relations)


def test_members_of_the_owner_may_use_what_it_owns(cluster: Cluster, database: str) -> None:
    member = ask(cluster, database, "openapi_member", SCHEMA)
    assert {name.name: access for name, access in member.relations.items()} == {"owned": Access()}
    assert member.routines == frozenset()


def test_a_function_counts_with_execute_each_overload_for_itself(reader: Privileges) -> None:
    assert {(key.name.name, key.parameter_types) for key in reader.routines} == {
        ("for_all", ("integer", "text")),
        ("overloaded", ('"Odd ""Schema""".mood', '"Odd ""Schema""".name_of_thing[]', "character varying[]")),
        ("with_out", ("integer", "text")),
    }


def test_the_comment_is_as_it_is_now(cluster: Cluster, database: str, reader: Privileges) -> None:
    assert reader.comment == "Odd\n\nbut served."
    with psycopg.connect(cluster.dsn(dbname=database)) as connection:
        connection.execute('comment on schema "Odd ""Schema""" is \'New\'')
        assert run(connection, schema_comment(SCHEMA)) == [b"New"]
        assert run(connection, schema_comment("public")) != [b"New"]
        connection.rollback()


def test_a_schema_that_is_not_there_has_nothing(cluster: Cluster, database: str) -> None:
    assert ask(cluster, database, "openapi_reader", "nowhere") == Privileges({}, frozenset(), None)
    with psycopg.connect(cluster.dsn(dbname=database)) as connection:
        assert run(connection, schema_comment("nowhere")) == [None]


@pytest.mark.parametrize("schema", [SCHEMA, "api"])
def test_the_keys_are_those_of_the_catalog(cluster: Cluster, database: str, schema: str) -> None:
    async def load() -> set[object]:
        connection = await asyncpg.connect(
            f"postgresql://postgres@{cluster.host}:{cluster.port}/{database}", password=cluster.password
        )
        try:
            catalog = await load_catalog(
                connection, schemas=[schema], extra_search_path=["public"], hoisted_settings=[]
            )
        finally:
            await connection.close()
        return {routine_key(each) for overloads in catalog.routines.values() for each in overloads} | {
            *catalog.relations
        }

    known = asyncio.run(load())
    superuser = ask(cluster, database, "postgres", schema)
    assert len(known) >= 10
    assert known <= {*superuser.routines, *superuser.relations}
