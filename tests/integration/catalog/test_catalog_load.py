"""Loading: one snapshot, in a database that changes, without holding the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from autorest.catalog.load import MissingSchemas, load_catalog
from autorest.catalog.model import Catalog, QualifiedName
from tests.integration.catalog.conftest import read
from tests.support.cluster import Cluster

pytestmark = pytest.mark.anyio

#: Enough for the loading to take many pages and slices of time.
MANY = """
CREATE SCHEMA many;
DO $$
BEGIN
  FOR number IN 1..600 LOOP
    EXECUTE format('CREATE TABLE many.t%1$s (id int PRIMARY KEY, "column %1$s" text DEFAULT %1$L, up int %2$s)',
      number, CASE WHEN number > 1 THEN 'REFERENCES many.t' || number / 2 + (number = 1)::int END);
    EXECUTE format('CREATE FUNCTION many.f%1$s(a int, "b %1$s" text DEFAULT %1$L) RETURNS int LANGUAGE sql AS %2$L',
      number, 'SELECT 1');
  END LOOP;
  FOR number IN 1..100 LOOP
    EXECUTE format('CREATE VIEW many.v%1$s AS SELECT t.*, u.id AS other FROM many.t%1$s t, many.t1 u', number);
  END LOOP;
END
$$
"""


@pytest.fixture(scope="module")
def many(cluster: Cluster) -> str:
    cluster.createdb("catalog_many")
    cluster.execute(MANY, dbname="catalog_many")
    return f"postgresql://postgres:{cluster.password}@{cluster.host}:{cluster.port}/catalog_many"


@pytest.fixture
async def admin(many: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(many)
    yield connection
    await connection.close()


async def load(connection: asyncpg.Connection[asyncpg.Record], previous: Catalog | None = None) -> Catalog:
    return await load_catalog(
        connection, schemas=["many"], extra_search_path=[], hoisted_settings=[], previous=previous
    )


async def test_a_schema_that_is_not_there_is_named(library: str) -> None:
    with pytest.raises(MissingSchemas, match="'nowhere'") as caught:
        await read(library, "api", "nowhere")
    assert caught.value.names == ("nowhere",)


async def test_a_wrong_pattern_is_the_databases_error(library: str) -> None:
    connection = await asyncpg.connect(library)
    with pytest.raises(asyncpg.InvalidRegularExpressionError):
        await load_catalog(connection, schemas=["api"], extra_search_path=[], hoisted_settings=["("])
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_the_version_of_the_server_is_known(cluster: Cluster, catalog: Catalog) -> None:
    assert catalog.server_version // 10_000 == cluster.version


async def test_a_role_that_may_see_nothing_reads_the_same_catalog(cluster: Cluster, library: str) -> None:
    everything = library.replace("catalog_reader", f"postgres:{cluster.password}")
    reader, superuser = await read(library, "kept"), await read(everything, "kept")
    assert reader.relations == superuser.relations
    assert reader.relationships == superuser.relationships
    assert reader.routines == superuser.routines


async def test_casts_by_a_function_that_the_role_may_not_execute_are_left_out(cluster: Cluster, library: str) -> None:
    everything = await read(library.replace("catalog_reader", f"postgres:{cluster.password}"))
    assert everything.representations["api.isbn", "json"] == QualifiedName("api", "isbn_json")
    assert ("api.isbn", "json") not in (await read(library)).representations


async def test_the_connection_is_as_before(library: str) -> None:
    connection = await asyncpg.connect(library, server_settings={"search_path": "api", "jit": "on"})
    await load_catalog(connection, schemas=["api"], extra_search_path=[], hoisted_settings=[])
    assert await connection.fetchval("SELECT current_setting('search_path') || current_setting('jit')") == "apion"
    assert not connection.is_in_transaction()
    await connection.close()


async def test_everything_of_many_pages_is_there(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    catalog = await load(admin)
    assert len(catalog.relations) == 700
    assert len(catalog.routines) == 600
    assert {len(relation.columns) for relation in catalog.relations.values()} == {3, 4}
    tree = QualifiedName("many", "t300")
    assert {way.target.name for way in catalog.relationships[tree, "many"]} >= {"t150", "t600"}


async def test_the_loop_runs_meanwhile(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await load(admin)
    turning.cancel()
    assert turns > 50


async def test_what_did_not_change_is_taken_from_the_catalog_before(
    many: str, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    first = await load(admin)
    again = await load(admin, previous=first)
    assert again == first
    assert all(again.relations[name] is relation for name, relation in first.relations.items())
    assert all(again.relationships[way] is ways for way, ways in first.relationships.items())
    assert all(again.routines[name] is routines for name, routines in first.routines.items())


async def test_what_changed_is_new(many: str, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    first = await load(admin)
    await admin.execute(
        "ALTER TABLE many.t500 ADD COLUMN more int CONSTRAINT more REFERENCES many.t1;"
        " ALTER FUNCTION many.f1 IMMUTABLE; CREATE TABLE many.extra (id int); COMMENT ON TABLE many.t2 IS 'two'"
    )
    second = await load(admin, previous=first)
    await admin.execute(
        "ALTER TABLE many.t500 DROP COLUMN more; ALTER FUNCTION many.f1 VOLATILE;"
        " DROP TABLE many.extra; COMMENT ON TABLE many.t2 IS NULL"
    )
    third = await load(admin, previous=second)
    changed, extra, other = (QualifiedName("many", name) for name in ("t500", "extra", "t400"))
    assert list(second.relations[changed].columns) == ["id", "column 500", "up", "more"]
    assert extra in second.relations
    assert second.relations[QualifiedName("many", "t2")].description == "two"
    assert second.relations[other] is first.relations[other]
    assert "more" in {getattr(way, "constraint", None) for way in second.relationships[changed, "many"]}
    assert third == first != second


async def test_what_is_not_committed_is_not_there(many: str, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("CREATE TABLE many.extra (id int); ALTER FUNCTION many.f1 IMMUTABLE")
    reader = await asyncpg.connect(many)
    seen = await load(reader)
    await transaction.rollback()
    assert seen == await load(reader)
    await reader.close()


async def test_loading_goes_on_while_tables_come_and_go(many: str, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    busy = True

    async def churn() -> None:
        number = 0
        while busy:
            number += 1
            await admin.execute(f"CREATE TABLE many.brief_{number} (id int PRIMARY KEY, at timestamptz DEFAULT now())")
            await admin.execute(f"CREATE VIEW many.brief_view_{number} AS SELECT * FROM many.brief_{number}")
            await admin.execute(f"DROP TABLE many.brief_{number} CASCADE")

    churning = asyncio.create_task(churn())
    reader = await asyncpg.connect(many)
    for _ in range(5):
        catalog = await load(reader)
        for name, relation in catalog.relations.items():
            assert relation.columns, f"{name} has lost its columns"
    busy = False
    await churning
    await reader.close()
