"""A database with a bit of everything, and its catalog."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from autorest.catalog.load import load_catalog
from autorest.catalog.model import Catalog
from tests.support.cluster import Cluster

DATABASE = "catalog"
READER = "catalog_reader"


@pytest.fixture(scope="session")
def library(cluster: Cluster) -> str:
    """The conninfo of the library's database, for a role that may hardly do anything there."""
    cluster.createdb(DATABASE)
    cluster.execute(f"DROP ROLE IF EXISTS {READER}")
    cluster.psql(Path(__file__).with_name("library.sql").read_text(encoding="utf-8"), dbname=DATABASE)
    return f"postgresql://{READER}@{cluster.host}:{cluster.port}/{DATABASE}"


async def read(
    dsn: str, *schemas: str, extra: tuple[str, ...] = ("shared",), previous: Catalog | None = None
) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        return await load_catalog(
            connection,
            schemas=schemas or ("api", "archive"),
            extra_search_path=extra,
            hoisted_settings=["statement_timeout", "default_transaction_isolation"],
            previous=previous,
        )
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def catalog(library: str) -> Catalog:
    return asyncio.run(read(library))
